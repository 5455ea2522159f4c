"""The values of the model that are tags: enum values, and weak references that stand for their objects."""

from __future__ import annotations

from typing import Any, cast

from perdure.model import EnumValue
from perdure.model.enums import value_of
from perdure.model.weak import Foreign, address_of
from perdure.query.labels import ENUM, register_label, register_reader, register_target
from perdure.session import Connection, Weak

__all__: list[str] = []


def _names(value: EnumValue) -> tuple[str, str]:
    return value.enum_name, value.name


def _target(value: Weak | Foreign) -> tuple[int, int]:
    address = address_of(value)
    return address.database, address.oid


def _read(connection: Connection, parts: tuple[Any, ...]) -> object:
    return value_of(*cast("tuple[str, str]", parts))


register_label(EnumValue, _names)
register_target(Weak, _target)
register_target(Foreign, _target)
register_reader(ENUM, _read)
