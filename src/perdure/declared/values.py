"""Values of declared fields: what may be one, and the tag that it means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perdure.kernel import durable
from perdure.model import EnumValue, Memo
from perdure.model.weak import Foreign
from perdure.query.labels import Tag, to_tag
from perdure.session import Connection, StandIn, Weak

__all__ = ["MISSING", "check_tag_value", "field_of", "tag_key", "tag_keys"]


class _Missing:
    """Stands for a field that an object does not have."""

    def __repr__(self) -> str:
        return "<missing>"


MISSING = _Missing()


def field_of(obj: durable.Durable, name: str) -> Any:
    """The stored value of a field of a loaded object, or MISSING."""
    return durable.fields(obj).get(name, MISSING)


def check_tag_value(cls: type, name: str, value: object) -> None:
    """Raise `TypeError` for a value that a tag field cannot have; what no field can have is left to the assignment."""
    if value is None or isinstance(value, str | EnumValue | Memo | StandIn | Weak | Foreign | Tag):
        return
    raise TypeError(
        f"the tag field {cls.__qualname__}.{name} takes a scalar tag: None, a str, an enum value or a memo object, "
        f"not {type(value).__qualname__}"
    )


def tag_key(connection: Connection, value: object) -> bytes | None:
    """The tag that the value of a tag field means; None for none."""
    if value is None or value is MISSING:
        return None
    if isinstance(value, durable.Durable) and durable.is_building(value) and not durable.oid_of(value):
        owner = durable.owner_of(value) or connection
        owner.add(value)  # it is referred to before its `__init__` has ended
    tag = to_tag(value)
    if tag is None:
        raise TypeError(f"a tag field takes a scalar tag, not {type(value).__qualname__}")
    return tag.key(connection) if isinstance(tag, Tag) else tag


def tag_keys(connection: Connection, obj: durable.Durable, names: Iterable[str]) -> dict[bytes, None]:
    """The tags that the values of several tag fields mean, in order and once."""
    fields = durable.fields(obj)
    found = [tag_key(connection, fields.get(name)) for name in names]
    return dict.fromkeys(key for key in found if key is not None)
