"""`Persistent`: objects that are stored by being reachable, with the states and attributes of ZODB's base class."""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from typing import Any, cast

from perdure.kernel import durable, mapping, records
from perdure.session import Connection as Session
from perdure.zodb.persistent.fields import FieldDict
from perdure.zodb.utils import oid_repr, p64, serial_of, tid_time, z64

__all__ = ["CHANGED", "GHOST", "STICKY", "UPTODATE", "Persistent", "stateful_classes"]

GHOST = -1
UPTODATE = 0
CHANGED = 1
STICKY = 2

_STICKY_MARK = "_X__perdure_sticky"
"""An attribute whose name the kernel never drops under a loaded object."""
_ALWAYS_THERE = frozenset({"__class__", "__del__", "__dict__", "__of__", "__setstate__", "__call__", "__repr__"})


stateful_classes: set[type] = set()
"""Classes with their own `__getstate__` or `__setstate__`, which then make and take what is stored."""


class _WithDict(durable.Durable):
    """Has the real `__dict__`, which the kernel's pure twin looks for among the bases."""


_WithDict._perdure_abstract_ = _WithDict  # type: ignore[attr-defined]


class Persistent(_WithDict):
    """Base of classes whose instances live in a database.

    An instance is stored by the commit after it became reachable from the root; it is loaded when it is first used.
    Assigning an attribute marks it changed. Plain lists, dicts and sets in attributes are stored with the object;
    set `_p_changed = True` after changing one of them in place. Attributes named `_v_...` are not stored.

    >>> class Book(Persistent):
    ...     def __init__(self, title):
    ...         self.title = title
    >>> Book("ZODB")._p_status
    'unsaved'
    """

    _perdure_typed_ = True
    _perdure_abstract_: type | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__slots__" in vars(cls) and vars(cls)["__slots__"]:
            raise TypeError(f"{cls.__qualname__} has __slots__; the attributes of persistent objects need none")
        get: Callable[..., object] = cls.__getstate__
        set_: Callable[..., object] = cls.__setstate__
        own_state = get is not Persistent.__getstate__ or set_ is not Persistent.__setstate__
        if own_state and not issubclass(cls, mapping.HotMapping):
            stateful_classes.add(cls)

    # -- states --------------------------------------------------------------------------------------------

    @property
    def _p_jar(self) -> Any:
        """The connection that the object belongs to, or None."""
        owner = durable.owner_of(self)
        return getattr(owner, "jar", owner)

    @property
    def _p_oid(self) -> bytes | None:
        """The object id, 8 bytes, or None. That of the root object is zeros."""
        oid = durable.oid_of(self)
        if not oid:
            return None
        return z64 if oid == getattr(durable.owner_of(self), "root_oid", None) else p64(oid)

    @property
    def _p_changed(self) -> bool | None:
        """None for a ghost, True for an object with changes to be stored, else False.

        Setting it to True marks the object changed, to False forgets that it is, to None makes an unchanged
        object a ghost. Deleting it drops the changes.
        """
        state = durable.state_of(self)
        return None if state <= durable.GHOST else bool(state == durable.DIRTY)

    @_p_changed.setter
    def _p_changed(self, value: object) -> None:
        if value is None:
            self._p_deactivate()
        elif value:
            durable.mark_dirty(self)
        elif durable.state_of(self) == durable.DIRTY:
            durable.set_state(self, durable.CLEAN)

    @_p_changed.deleter
    def _p_changed(self) -> None:
        self._p_invalidate()

    @property
    def _p_state(self) -> int:
        """GHOST, UPTODATE, CHANGED or STICKY."""
        state = durable.state_of(self)
        if state <= durable.GHOST:
            return GHOST
        if self._p_sticky:
            return STICKY
        return CHANGED if state == durable.DIRTY else UPTODATE

    @property
    def _p_status(self) -> str:
        """The state in a word: unsaved, ghost, saved, changed or sticky."""
        if durable.owner_of(self) is None:
            return "unsaved"
        return {GHOST: "ghost", UPTODATE: "saved", CHANGED: "changed", STICKY: "sticky"}[self._p_state]

    @property
    def _p_sticky(self) -> bool:
        """Whether the object is kept loaded; settable, but not on a ghost."""
        try:
            object.__getattribute__(self, _STICKY_MARK)
        except AttributeError:
            return False
        return True

    @_p_sticky.setter
    def _p_sticky(self, value: object) -> None:
        if durable.state_of(self) <= durable.GHOST:
            raise ValueError("a ghost cannot be sticky")
        if value:
            setattr(self, _STICKY_MARK, True)
        elif self._p_sticky:
            delattr(self, _STICKY_MARK)

    @property
    def _p_serial(self) -> bytes:
        """The id of the transaction that last stored the object; zeros when none has."""
        owner = durable.owner_of(self)
        oid = durable.oid_of(self)
        return serial_of(owner, oid) if oid and isinstance(owner, Session) else z64

    @property
    def _p_mtime(self) -> float | None:
        """When the object was last stored, in seconds since 1970; None when it never was."""
        self._p_activate()
        serial = self._p_serial
        return None if serial == z64 else tid_time(serial)

    @property
    def _p_estimated_size(self) -> int:
        """About how many bytes the object's record has; 0 when it is not known."""
        return max(durable.size_of(self) - records.OBJECT_BYTES, 0) // 3

    def _p_activate(self) -> None:
        """Load the object if it is a ghost."""
        if durable.state_of(self) == durable.GHOST:
            durable.load(self)

    def _p_deactivate(self) -> None:
        """Make the object a ghost, unless it has changes or is sticky."""
        if durable.state_of(self) == durable.CLEAN and not self._p_sticky:
            durable.make_ghost(self)

    def _p_invalidate(self) -> None:
        """Make the object a ghost whatever was changed in it. Does nothing to one that was never stored."""
        if durable.state_of(self) in (durable.CLEAN, durable.DIRTY):
            durable.make_ghost(self)

    # -- for classes with their own attribute access -------------------------------------------------------

    def _p_getattr(self, name: str) -> bool:
        """Whether `name` needs no state; if it does, the object is loaded. For `__getattribute__` methods."""
        if name.startswith("_p_") or name in _ALWAYS_THERE:
            return True
        self._p_activate()
        return False

    def _p_setattr(self, name: str, value: object) -> bool:
        """Set `name` if it starts with `_p_`, and say so; else load the object. For `__setattr__` methods."""
        if name.startswith("_p_"):
            durable.Durable.__setattr__(self, name, value)
            return True
        self._p_activate()
        return False

    def _p_delattr(self, name: str) -> bool:
        """Delete `name` if it starts with `_p_`, and say so; else load the object. For `__delattr__` methods."""
        if name.startswith("_p_"):
            durable.Durable.__delattr__(self, name)
            return True
        self._p_activate()
        return False

    # -- state as a value ----------------------------------------------------------------------------------

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        """The stored attributes; setting an item sets the attribute without marking the object changed."""
        durable.load(self)
        return FieldDict(self)

    def __getstate__(self) -> Any:
        """What is stored of the object: its attributes without the volatile ones."""
        durable.load(self)
        return durable.fields(self)

    def __setstate__(self, state: Any) -> None:
        """Take a state made by `__getstate__`."""
        attributes, others = state if isinstance(state, tuple) else (state, None)
        FieldDict(self).replace({**(attributes or {}), **(others or {})})

    def __reduce__(self) -> Any:
        """How to copy or pickle the object."""
        arguments = cast(Any, self).__getnewargs__() if hasattr(self, "__getnewargs__") else ()
        return (copyreg.__newobj__, (type(self), *arguments), self.__getstate__())  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        shown = getattr(type(self), "_p_repr", None)
        if shown is not None:
            return str(shown(self))
        cls, oid, jar = type(self), self._p_oid, self._p_jar
        place = ("" if oid is None else f" oid {oid_repr(oid)}") + ("" if jar is None else f" in {jar!r}")
        return f"<{cls.__module__}.{cls.__qualname__} object at {id(self):#x}{place}>"


Persistent._perdure_abstract_ = Persistent
