"""`Memo`: what all memo classes derive from, below the user's class in the MRO so that the user's methods win."""

from __future__ import annotations

from typing import Any

from perdure.collections.convert import convert
from perdure.errors import ObjectError
from perdure.kernel import durable
from perdure.model.fields import convert_field, unsupported
from perdure.model.identity import uuid
from perdure.model.restriction import is_restricted

__all__ = ["Memo", "field_dict"]


def field_dict(obj: durable.Durable) -> dict[str, Any]:
    """A new dict of the stored fields of an object, as the caller may see them (what `vars` and `__dict__` give)."""
    return durable.visible_fields(obj)


class Memo(durable.Durable):
    """Base of every memo class.

    Equality and hash are those of the object itself, unless the class defines others.
    """

    __slots__ = ()

    _perdure_factory_: Any = None
    _perdure_typed_ = True
    _perdure_prefix_: str | None = None
    _perdure_flags_: dict[str, Any] = {}
    _perdure_abstract_: type | None = None
    _perdure_attach_: Any = None
    """Called with each connection before the class is asked for there, where it has something to keep up."""
    _perdure_frozen_ = False
    """Whether the class is a frozen dataclass, whose `__init__` sets fields past `__setattr__`."""
    _perdure_guarded_ = False
    """Whether attributes that are read are looked at, because the prefix may be restricted."""
    _perdure_managing_ = False
    """Whether assignments to fields are looked at, because some may be declared."""
    _perdure_restricted_ = False
    """Whether objects are not for everybody: see `perdure.session.restricted`."""

    _perdure_immutable_ = False
    _perdure_interned_ = False
    _perdure_same_: Any = None

    def _perdure_unsupported_(self, name: str, value: object, reason: object) -> AttributeError:
        return unsupported(self, name, value, reason)

    def _perdure_item_(self, value: object) -> object:
        return value if isinstance(value, durable.Durable) else convert(value)

    def _perdure_convert_(self, name: str, value: Any) -> Any:
        return convert_field(self, name, value)

    def __dir__(self) -> list[str]:
        if type(self)._perdure_guarded_ and is_restricted(self):
            return []
        names = {name for name in dir(type(self)) if not name.startswith("_perdure_")}
        durable.load(self)
        return sorted(names.union(durable.fields(self)))

    def __str__(self) -> str:
        kind = type(self)
        if kind.__repr__ is not object.__repr__:
            return repr(self)
        return f"<{kind.__module__}.{kind.__qualname__} instance uuid={_shown_uuid(self)}>"

    def __getstate__(self) -> Any:
        raise TypeError(f"{durable.describe(self)} cannot be pickled or copied; use load() for its plain content")

    def __reduce__(self) -> Any:
        raise TypeError(f"{durable.describe(self)} cannot be pickled or copied; use load() for its plain content")


Memo._perdure_abstract_ = Memo


def _shown_uuid(obj: durable.Durable) -> str:
    try:
        return uuid(obj)
    except (ObjectError, RuntimeError):
        return "?"
