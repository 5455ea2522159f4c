"""Objects that are looked at more closely. Part of the pure twin of `kernel/durable.pyx`; see `durable_watched.pxi`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from perdure.kernel._pure._fields import raw_fields
from perdure.kernel._pure._layout import SLOTS, layout_for

if TYPE_CHECKING:
    from perdure.kernel._pure.durable import Durable

READ = "read"
CREATE = "create"
UPDATE = "update"
DELETE = "delete"


class _Granted:
    __slots__ = ()

    def __repr__(self) -> str:
        return "<granted>"


GRANTED = _Granted()

Watcher = Callable[[Any, str, str], object]
Sifter = Callable[[Any], object]
_watcher: Watcher | None = None
_sifter: Sifter | None = None
_view_type: Any = None


def set_watcher(check: Watcher | None) -> Watcher | None:
    """Have `check(obj, name, operation)` called before each use of a field of a watched class by anything but the
    store itself. `operation` is READ, CREATE, UPDATE or DELETE; it raises to refuse. For READ it returns GRANTED, or
    what is read instead of the value. Returns what was called before.
    """
    global _watcher
    before, _watcher = _watcher, check
    return before


def watch(cls: type, watched: bool = True) -> None:
    """Watch the instances of exactly `cls`, or end that. A class with a true `_perdure_watched_` is from its start."""
    layout_for(cls).watched = watched


def set_sifter(check: Sifter | None) -> Sifter | None:
    """Have `check(obj)` called before an object of a restricted class is given out; it raises to refuse.

    Returns what was called before; None is nothing.
    """
    global _sifter
    before, _sifter = _sifter, check
    return before


def restrict(cls: type, restricted: bool = True) -> None:
    """Look at the instances of exactly `cls` when they are given out, or end that."""
    layout_for(cls).restricted = restricted


def is_sifting() -> bool:
    """Whether values are to be looked at before they are given out."""
    return _sifter is not None


def release(value: Any) -> Any:
    """A value that is given out. Raises what the sifter raises when it must not be."""
    if _sifter is not None:
        _sift(value, _sifter)
    return value


def _sift(value: Any, check: Sifter) -> None:
    if isinstance(value, tuple | frozenset):
        for item in value:
            _sift(item, check)
    elif _view_type is not None and type(value) is _view_type:
        for key, item in value.items():
            _sift(key, check)
            _sift(item, check)
    elif hasattr(type(value), "_perdure_struct_") and value._perdure_struct_.layout.restricted:
        check(value)


def look_into(kind: type) -> None:
    """Look into values of type `kind`, a mapping, as into tuples."""
    global _view_type
    _view_type = kind


def ask(obj: Durable, name: str, operation: str) -> object:
    """Ask whether a field may be used; for READ, GRANTED or what is read instead."""
    if _watcher is None:
        raise PermissionError(f"{type(obj).__qualname__}.{name}: nothing here can tell who may {operation} it")
    return _watcher(obj, name, operation)


def has_field(obj: Durable, index: int) -> bool:
    """Whether an object has the field at an index of its layout."""
    struct = obj._perdure_struct_
    if index < SLOTS:
        return bool(struct.mask >> index & 1)
    return struct.layout.names[index] in raw_fields(obj)


def is_default(cls: type, name: str) -> bool:
    """Whether a class has a value that stands for a field of its instances: no method or property."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return not hasattr(type(base.__dict__[name]), "__get__")
    return False
