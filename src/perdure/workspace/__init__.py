"""Prefixes of a directory, the current one, commit, and the other functions of the memo face."""

from perdure.workspace import types
from perdure.workspace.atomic import AtomicManager
from perdure.workspace.comparing import (
    compare,
    describe,
    get_address,
    get_type,
)
from perdure.workspace.functions import (
    atomic,
    atomic_assign,
    begin_atomic,
    close,
    commit,
    drop,
    get_snapshot_of,
    get_state_num,
    init,
    open,
    refresh,
    snapshot,
    wait,
)
from perdure.workspace.information import (
    PrefixMetaData,
    build_flags,
    clear_cache,
    copy_prefix,
    get_cache_stats,
    get_config,
    get_current_prefix,
    get_mutable_prefixes,
    get_prefix_of,
    get_prefixes,
    set_cache_size,
)
from perdure.workspace.snapshot import Head, Snapshot

__all__ = [
    "AtomicManager",
    "Head",
    "PrefixMetaData",
    "Snapshot",
    "atomic",
    "atomic_assign",
    "begin_atomic",
    "build_flags",
    "clear_cache",
    "close",
    "commit",
    "compare",
    "copy_prefix",
    "describe",
    "drop",
    "get_address",
    "get_cache_stats",
    "get_config",
    "get_current_prefix",
    "get_mutable_prefixes",
    "get_prefix_of",
    "get_prefixes",
    "get_snapshot_of",
    "get_state_num",
    "get_type",
    "init",
    "open",
    "refresh",
    "set_cache_size",
    "snapshot",
    "types",
    "wait",
]
