"""The `memo` decorator: it derives a durable class from an ordinary one, which stays in the MRO unchanged."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast, overload
from weakref import WeakSet

from perdure.kernel import durable
from perdure.model import scope
from perdure.model.base import Memo, field_dict
from perdure.model.creation import factory_for
from perdure.model.dataclass_forms import frozen_init, is_frozen, without_slots
from perdure.model.immutable import check_flags, members_of
from perdure.model.protecting import check_protection, keep_protection
from perdure.session import PROTECTED, RESTRICTED, is_restricted, note_definition, register_class, restrict

__all__ = ["MemoBase", "is_memo_class", "memo", "memo_classes", "watch_classes"]

_T = TypeVar("_T", bound=type)
_metaclasses: dict[type, type] = {type: durable.DurableType}
_made: WeakSet[type] = WeakSet()
_watchers: list[Callable[[type], None]] = []


def memo_classes() -> list[type]:
    """All memo classes of this process that are in use."""
    return list(_made)


def watch_classes(watcher: Callable[[type], None]) -> None:
    """Call `watcher` with each memo class that is made from now on, before it is used."""
    _watchers.append(watcher)


class MemoBase(Memo):
    """Stands for any memo class where one is expected: `fetch(id, MemoBase)`, `find(MemoBase, "tag")`.

    It has no instances; use it to read objects whose class is not known.
    """

    def __init__(self) -> None:
        raise TypeError("MemoBase has no instances; it stands for any memo class")


MemoBase._perdure_abstract_ = MemoBase


class _Fielded(Memo):
    """For classes without a dict of their own: the place of the instance's fields."""

    __slots__ = ("__dict__",)


_Fielded._perdure_abstract_ = _Fielded


@overload
def memo(cls: _T, /) -> _T: ...


@overload
def memo(
    *,
    singleton: bool = False,
    prefix: str | None = None,
    no_default_tags: bool = False,
    id: str | None = None,
    access_control: bool = False,
    immutable: bool = False,
    intern: bool = False,
    protect_fields: bool | None = None,
) -> Callable[[_T], _T]: ...


def memo(
    cls: Any = None,
    /,
    *,
    singleton: bool = False,
    prefix: str | None = None,
    no_default_tags: bool = False,
    id: str | None = None,
    access_control: bool = False,
    immutable: bool = False,
    intern: bool = False,
    protect_fields: bool | None = None,
) -> Any:
    """Make a class durable: its instances are kept in a prefix, with whatever attributes they are given.

    `singleton`: one instance a prefix, returned by every call of the class. `prefix`: where all instances live,
    instead of the current prefix. `no_default_tags`: instances are not found by their class until they have a tag.
    `id`: the identity under which the class is stored; by default its module and name, so give one to a class that
    may be moved. `access_control`: its objects, and those of derived classes, are found and given out only as far as a
    data filter lets them (see `init`); a prefix that has once stored the flag keeps it.

    `immutable`: objects are written once: fields are set in `__init__` only, other immutable objects in them are
    stored in their record. `intern`: immutable objects with equal content are one stored object. Both are part of what
    is stored of a class and cannot be changed later.

    `protect_fields`: each use of a field is checked, as the option `data_masking` of `init` says. A prefix that has
    stored the flag keeps it (see `reset_protect_fields`), and derived classes are protected, too.

    Dataclasses may be frozen or have slots. Raises `TypeError` for what cannot be made durable: builtin classes, other
    classes with slots; `RuntimeError` for options that contradict each other, or what a base class has.

    >>> @memo
    ... class Task:
    ...     def __init__(self, title):
    ...         self.title = title
    """
    for label, value in (("prefix", prefix), ("id", id)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"memo: {label} must be a str, not {type(value).__name__}")
    flags = {"singleton": singleton, "no_default_tags": no_default_tags, "access_control": access_control}
    flags |= {"immutable": immutable, "intern": intern, PROTECTED: bool(protect_fields)}

    def decorate(target: type) -> type:
        check_protection(target, protect_fields)
        return _make(target, prefix, id, {name: True for name, value in flags.items() if value})

    return decorate if cls is None else decorate(cls)


def is_memo_class(value: object) -> bool:
    """Whether `value` is a memo class (or `MemoBase`)."""
    return isinstance(value, type) and issubclass(value, Memo) and value is not Memo


def _make(target: type, prefix: str | None, identity: str | None, flags: dict[str, bool]) -> type:
    if isinstance(target, type):
        target = without_slots(target)
    _check(target)
    check_flags(target, flags)
    bases = (target,) if issubclass(target, Memo) else (target, Memo if _has_dict(target) else _Fielded)
    members: dict[str, Any] = {
        "__module__": target.__module__,
        "__qualname__": target.__qualname__,
        "__doc__": target.__doc__,
        "__dict__": property(field_dict),
        "_perdure_flags_": {**flags, **({"prefix": prefix} if prefix is not None else {})},
        "_perdure_typed_": not flags.get("no_default_tags", False),
        "_perdure_prefix_": prefix,
        **members_of(target, flags, identity or f"{target.__module__}:{target.__qualname__}"),
    }
    if "__firstlineno__" in target.__dict__:
        members["__firstlineno__"] = target.__dict__["__firstlineno__"]
    if identity is not None:
        members["_perdure_identity_"] = identity
    if is_frozen(target):
        members["_perdure_frozen_"] = True
        init = frozen_init(target)
        if init is not None:
            members["__init__"] = init
    made: Any = _derive(target, bases, members)
    if issubclass(target, Memo):
        target._perdure_abstract_ = target
    made._perdure_factory_ = factory_for(made, prefix=prefix, singleton=flags.get("singleton", False))
    _made.add(made)
    for watcher in _watchers:
        watcher(made)
    if flags.get(RESTRICTED) or is_restricted(made):
        restrict(made)
    register_class(made)
    note_definition(made)
    if flags.get(PROTECTED):
        for connection in list(scope.live.values()):
            keep_protection(connection)
    return cast(type, made)


def _has_dict(target: type) -> bool:
    return any("__dict__" in base.__dict__ for base in target.__mro__)


def _check(target: Any) -> None:
    if not isinstance(target, type):
        raise TypeError(f"memo decorates classes, not {type(target).__name__}")
    if target.__flags__ & 1 << 9 == 0:
        raise TypeError(f"memo cannot make the builtin class {target.__name__} durable")
    for base in target.__mro__:
        if base.__dict__.get("__slots__") and not issubclass(base, durable.Durable):
            raise TypeError(f"{target.__qualname__} has __slots__ in {base.__qualname__}; durable fields need none")
        if base.__flags__ & 1 << 9 == 0 and base is not object and not issubclass(base, durable.Durable):
            raise TypeError(f"{target.__qualname__} derives from the builtin class {base.__name__}")


def _derive(target: type, bases: tuple[type, ...], members: dict[str, Any]) -> Any:
    """Make the class; the bases of `target` hear of it as of a subclass of theirs, `target` itself does not."""
    own = target.__dict__.get("__init_subclass__")
    if own is not None:
        del target.__init_subclass__
    silent = _wants_keywords(target)
    if silent:
        target.__init_subclass__ = classmethod(_ignore)  # type: ignore[assignment,method-assign]
    try:
        return _metaclass_for(type(target))(target.__name__, bases, members)
    finally:
        if own is not None:
            target.__init_subclass__ = own  # type: ignore[method-assign]
        elif silent:
            del target.__init_subclass__


def _ignore(cls: type) -> None:
    """Stand in for an `__init_subclass__` that needs the keywords of the class statement, which are gone."""


def _wants_keywords(target: type) -> bool:
    try:
        inspect.signature(target.__init_subclass__).bind()
    except TypeError:
        return True
    except ValueError:
        return False
    return False


def _metaclass_for(kind: type) -> Any:
    if issubclass(kind, durable.DurableType):
        return kind
    found = _metaclasses.get(kind)
    if found is None:
        found = _metaclasses[kind] = type(f"Durable{kind.__name__}", (kind, durable.DurableType), {})
    return found
