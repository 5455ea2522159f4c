"""Durable classes: what `memo` makes, their fields, identity and references, enums."""

from perdure.model.access import exists, fetch, find_singleton, is_memo, is_singleton
from perdure.model.base import Memo
from perdure.model.creation import set_prefix
from perdure.model.identity import uuid
from perdure.model.memo import MemoBase, is_memo_class, memo
from perdure.model.weak import WeakProxy, expired, weak_proxy

__all__ = [
    "Memo",
    "MemoBase",
    "WeakProxy",
    "exists",
    "expired",
    "fetch",
    "find_singleton",
    "is_memo",
    "is_memo_class",
    "is_singleton",
    "memo",
    "set_prefix",
    "uuid",
    "weak_proxy",
]
