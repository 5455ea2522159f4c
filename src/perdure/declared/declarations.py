"""Which fields of a class are declared as tags or indexed: the decorators, and what a class and its bases say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from perdure.errors import ObjectError
from perdure.kernel import durable
from perdure.model.base import Memo
from perdure.model.memo import is_memo_class
from perdure.session import identity_of

__all__ = [
    "Declared",
    "check_ancestors",
    "declared_by",
    "effective",
    "get_indexed_fields",
    "get_tag_fields",
    "indexed_fields",
    "is_declaring",
    "known_classes",
    "latest",
    "note_class",
    "rename_declared",
    "stored_classes",
    "tag_fields",
    "watch_declarations",
]

_T = TypeVar("_T", bound=type)
_TAGS = "_perdure_tag_fields_"
_INDEXES = "_perdure_indexed_fields_"

_latest: dict[str, type[durable.Durable]] = {}
"""Identity → the memo class defined last."""
_watchers: list[Callable[[type], None]] = []


def watch_declarations(watcher: Callable[[type], None]) -> None:
    """Call `watcher` with each memo class that gets declared fields."""
    _watchers.append(watcher)


def tag_fields(*names: str) -> Callable[[_T], _T]:
    """Class decorator: keep the values of these fields as tags of the object, too.

    A value may be None (no tag), a str, an enum value or a memo object; assigning another one raises `TypeError`.
    The tags do not keep the object alive, so a query needs something beside them, such as the class. Works above
    and below `memo`, and may be repeated.

    >>> @perdure.memo
    ... @perdure.tag_fields("status")
    ... class Task:
    ...     def __init__(self, status):
    ...         self.status = status
    >>> perdure.find(Task, "open")  # doctest: +SKIP
    """
    return _declaring(_TAGS, names)


def indexed_fields(*names: str) -> Callable[[_T], _T]:
    """Class decorator: keep the objects in an index by the value of each of these fields; see `index_of`.

    Values are those that an index takes as keys, None included; assigning another one raises `RuntimeError`. An
    object without the field is not in the index. Works above and below `memo`, and may be repeated.

    >>> @perdure.memo
    ... @perdure.indexed_fields("due")
    ... class Task:
    ...     def __init__(self, due):
    ...         self.due = due
    >>> perdure.index_of(Task, "due").sort(perdure.find(Task))  # doctest: +SKIP
    """
    return _declaring(_INDEXES, names)


def _declaring(kind: str, names: tuple[Any, ...]) -> Callable[[_T], _T]:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a declared field is named by a str, not {type(name).__name__}")
        if durable.is_volatile(name):
            raise ObjectError(f"{name} is never stored, so it cannot be a declared field")

    def decorate(cls: _T) -> _T:
        if not isinstance(cls, type):
            raise TypeError(f"fields are declared of classes, not {type(cls).__name__}")
        before = cls.__dict__.get(kind, ())
        setattr(cls, kind, tuple(dict.fromkeys((*before, *names))))
        if issubclass(cls, Memo) and cls._perdure_abstract_ is not cls:
            try:
                for watcher in _watchers:
                    watcher(cls)
            except BaseException:
                setattr(cls, kind, before)
                raise
        return cls

    return decorate


def note_class(cls: type[durable.Durable]) -> None:
    """Remember a memo class as the newest definition of its identity."""
    _latest[identity_of(cls)] = cls


def known_classes() -> list[type[durable.Durable]]:
    """The newest definition of every memo class."""
    return list(_latest.values())


def latest(cls: type[durable.Durable]) -> type[durable.Durable]:
    """The newest definition of a class: objects of an earlier one may be in use still."""
    return _latest.get(identity_of(cls), cls)


class Declared:
    """The fields that one class declares itself."""

    __slots__ = ("indexes", "tags")

    def __init__(self, tags: tuple[str, ...] = (), indexes: tuple[str, ...] = ()) -> None:
        self.tags = tags
        self.indexes = indexes

    def __bool__(self) -> bool:
        return bool(self.tags or self.indexes)


def stored_classes(cls: type) -> list[type[durable.Durable]]:
    """`cls` and its bases that objects are stored under, the most basic one first."""
    found = [base for base in reversed(cls.__mro__) if is_memo_class(base)]
    return [base for base in found if base.__dict__.get("_perdure_abstract_") is not base]


def declared_by(cls: type) -> Declared:
    """What a stored class declares itself: it and the plain classes that it has from no other stored class."""
    others = {one for base in stored_classes(cls) if base is not cls for one in base.__mro__}
    own = [base for base in reversed(cls.__mro__) if base not in others]
    return Declared(_collected(own, _TAGS), _collected(own, _INDEXES))


def _collected(classes: list[type], kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for cls in classes for name in cls.__dict__.get(kind, ())))


def effective(cls: type) -> Declared:
    """What holds for the instances of a class: what its bases declare, then its own. Also of plain classes."""
    bases = list(reversed(cls.__mro__))
    return Declared(_collected(bases, _TAGS), _collected(bases, _INDEXES))


def get_tag_fields(cls: type, /) -> tuple[str, ...]:
    """The names that a class and its bases declare as tag fields, those of the bases first."""
    return effective(cls).tags


def get_indexed_fields(cls: type, /) -> tuple[str, ...]:
    """The names that a class and its bases declare as indexed fields, those of the bases first."""
    return effective(cls).indexes


def is_declaring(cls: type) -> bool:
    """Whether a class or one of its bases declares fields."""
    return any(base.__dict__.get(kind) for base in cls.__mro__ for kind in (_TAGS, _INDEXES))


def check_ancestors(cls: type) -> None:
    """Raise `RuntimeError` when a class indexes a field that one of its stored bases indexes already."""
    owners: dict[str, type] = {}
    for base in stored_classes(cls):
        for name in declared_by(base).indexes:
            other = owners.setdefault(name, base)
            if other is not base:
                raise ObjectError(
                    f"{base.__qualname__} cannot index {name}: its index is inherited from the ancestor "
                    f"{other.__qualname__}"
                )


def rename_declared(cls: type, old: str, new: str) -> None:
    """Let a class and its bases declare `new` where they declare `old`."""
    for base, kind in _declaring_places(cls):
        names = base.__dict__[kind]
        if old in names:
            setattr(base, kind, tuple(dict.fromkeys(new if name == old else name for name in names)))


def _declaring_places(cls: type) -> Iterator[tuple[type, str]]:
    for base in cls.__mro__:
        for kind in (_TAGS, _INDEXES):
            if kind in base.__dict__:
                yield base, kind
