"""Durable, shared, transactional and searchable Python objects.

The memo face: functions on the workspace of this process. Several names are those of builtins; use them through the
package (`import perdure as db0`).
"""

from __future__ import annotations

from perdure.errors import BadPrefixError, ClassNotFoundError, MigrateError, ReferenceError
from perdure.model import (
    MemoBase,
    exists,
    expired,
    fetch,
    find_singleton,
    is_memo,
    is_singleton,
    memo,
    set_prefix,
    uuid,
    weak_proxy,
)
from perdure.workspace import (
    PrefixMetaData,
    clear_cache,
    close,
    commit,
    drop,
    get_cache_stats,
    get_config,
    get_current_prefix,
    get_mutable_prefixes,
    get_prefix_of,
    get_prefixes,
    get_state_num,
    init,
    open,
    refresh,
    set_cache_size,
)

__all__ = [
    "BadPrefixError",
    "ClassNotFoundError",
    "MemoBase",
    "MigrateError",
    "PrefixMetaData",
    "ReferenceError",
    "clear_cache",
    "close",
    "commit",
    "drop",
    "exists",
    "expired",
    "fetch",
    "find_singleton",
    "get_cache_stats",
    "get_config",
    "get_current_prefix",
    "get_mutable_prefixes",
    "get_prefix_of",
    "get_prefixes",
    "get_state_num",
    "init",
    "is_memo",
    "is_singleton",
    "memo",
    "open",
    "refresh",
    "set_cache_size",
    "set_prefix",
    "uuid",
    "weak_proxy",
]
