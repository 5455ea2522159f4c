"""Durable classes: what `memo` makes, their fields, identity and references, enums."""

from perdure.model import guarding as _guarding  # noqa: F401 (hears of restricted prefixes)
from perdure.model.access import exists, fetch, find_singleton, is_memo, is_singleton
from perdure.model.attributes import assign, delete, getattr_as, getrefcount, touch
from perdure.model.base import Memo
from perdure.model.creation import materialized, set_prefix
from perdure.model.enums import EnumType, EnumValue, enum, is_enum, is_enum_value
from perdure.model.identity import uuid
from perdure.model.loading import hash_of, load, load_all
from perdure.model.memo import MemoBase, is_memo_class, memo
from perdure.model.migrations import migration
from perdure.model.protecting import get_field_access, keep_protection, reset_protect_fields, set_field_access
from perdure.model.values import Unresolved
from perdure.model.weak import WeakProxy, expired, weak_proxy
from perdure.model.weaksets import WeakSet

__all__ = [
    "EnumType",
    "EnumValue",
    "Memo",
    "MemoBase",
    "Unresolved",
    "WeakProxy",
    "WeakSet",
    "assign",
    "delete",
    "enum",
    "exists",
    "expired",
    "fetch",
    "find_singleton",
    "get_field_access",
    "getattr_as",
    "getrefcount",
    "hash_of",
    "is_enum",
    "is_enum_value",
    "is_memo",
    "is_memo_class",
    "is_singleton",
    "keep_protection",
    "load",
    "load_all",
    "materialized",
    "memo",
    "migration",
    "reset_protect_fields",
    "set_field_access",
    "set_prefix",
    "touch",
    "uuid",
    "weak_proxy",
]
