"""Prefixes of a directory, the current one, commit, and the other functions of the memo face."""

from perdure.workspace import types
from perdure.workspace.atomic import AsyncAtomicManager, AtomicManager
from perdure.workspace.comparing import (
    compare,
    describe,
    get_address,
    get_type,
)
from perdure.workspace.functions import (
    async_atomic,
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
from perdure.workspace.locking import LockedManager
from perdure.workspace.masking import init_data_masking
from perdure.workspace.protecting import init_data_filter
from perdure.workspace.read_only import ReadOnlyManager, begin_read_only, in_read_only, read_only
from perdure.workspace.restricting import set_restricted
from perdure.workspace.retrying import retry
from perdure.workspace.selecting import (
    ModIterable,
    ModIterator,
    SnapshotWindow,
    select_deleted,
    select_modified,
    select_new,
)
from perdure.workspace.snapshot import Head, Snapshot
from perdure.workspace.waiting import async_wait, await_commit, begin_locked, locked, wait

__all__ = [
    "AsyncAtomicManager",
    "AtomicManager",
    "Head",
    "LockedManager",
    "ModIterable",
    "ModIterator",
    "PrefixMetaData",
    "ReadOnlyManager",
    "Snapshot",
    "SnapshotWindow",
    "async_atomic",
    "async_wait",
    "atomic",
    "atomic_assign",
    "await_commit",
    "begin_atomic",
    "begin_locked",
    "begin_read_only",
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
    "in_read_only",
    "init",
    "init_data_filter",
    "init_data_masking",
    "locked",
    "open",
    "read_only",
    "refresh",
    "retry",
    "select_deleted",
    "select_modified",
    "select_new",
    "set_cache_size",
    "set_restricted",
    "snapshot",
    "types",
    "wait",
]
