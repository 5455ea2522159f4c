"""Prefixes of a directory, the current one, commit, and the other functions of the memo face."""

from perdure.workspace.functions import (
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
    "PrefixMetaData",
    "clear_cache",
    "close",
    "commit",
    "drop",
    "get_cache_stats",
    "get_config",
    "get_current_prefix",
    "get_mutable_prefixes",
    "get_prefix_of",
    "get_prefixes",
    "get_state_num",
    "init",
    "open",
    "refresh",
    "set_cache_size",
]
