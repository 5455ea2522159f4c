"""What can be read of a memo object in restricted mode.

Nothing of this costs anything until a prefix is restricted; from then on the memo classes of the process look at each
attribute that is read.
"""

from __future__ import annotations

import inspect
import types
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from perdure.kernel import durable
from perdure.model.memo import memo_classes, watch_classes
from perdure.model.restriction import is_any_restricted, is_restricted, watch_restrictions

__all__: list[str] = []


class _Call:
    """A method of a restricted object: it can be called, and that is all."""

    __slots__ = ("__weakref__",)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method."""
        return _targets[self](*args, **kwargs)

    def __getattribute__(self, name: str) -> NoReturn:
        raise AttributeError(f"Restricted memo attribute access denied: {name}")

    def __dir__(self) -> NoReturn:
        raise AttributeError("Restricted memo attribute access denied: __dir__")


_targets: WeakKeyDictionary[_Call, Any] = WeakKeyDictionary()
_INTERNAL = frozenset(
    {"_perdure_built_", "_perdure_convert_", "_perdure_forget_", "_perdure_struct_", "_perdure_weak_"}
)
"""What the kernel asks of an object."""


def _call(method: Any) -> _Call:
    made = _Call()
    _targets[made] = method
    return made


def _read(obj: Any, name: str, inherited: Any) -> Any:
    """An attribute of a restricted object, if it may be read."""
    durable.load(obj)
    if name in durable.fields(obj) or durable.is_volatile(name):
        return inherited(obj, name)
    member = inspect.getattr_static(type(obj), name, None)
    if name.startswith("_") or isinstance(member, classmethod | staticmethod):
        raise AttributeError(f"Restricted memo attribute access denied: {name}")
    found = inherited(obj, name)
    return _call(found) if isinstance(found, types.MethodType) else found


def _guard(cls: Any) -> None:
    if cls._perdure_guarded_:
        return
    inherited = cls.__getattribute__

    def __getattribute__(self: Any, name: str) -> Any:
        if name in _INTERNAL or not is_restricted(self):
            return inherited(self, name)
        return _read(self, name, inherited)

    cls.__getattribute__ = __getattribute__
    cls._perdure_guarded_ = True


def _guard_new(cls: type) -> None:
    if is_any_restricted():
        _guard(cls)


def _guard_all() -> None:
    for cls in memo_classes():
        _guard(cls)


watch_classes(_guard_new)
watch_restrictions(_guard_all)
