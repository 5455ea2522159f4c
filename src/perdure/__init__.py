"""Durable, shared, transactional and searchable Python objects.

The memo face: functions on the workspace of this process. Several names are those of builtins, so use them
through the package: `import perdure as db0`.
"""

from __future__ import annotations

from perdure.collections import (
    ByteArray as bytearray,
)
from perdure.collections import (
    Dict as dict,
)
from perdure.collections import (
    List as list,
)
from perdure.collections import (
    Set as set,
)
from perdure.collections import (
    Tuple as tuple,
)
from perdure.errors import (
    BadPrefixError,
    ClassNotFoundError,
    MigrateError,
    ReferenceError,
)
from perdure.model import (
    EnumType,
    EnumValue,
    Memo,
    MemoBase,
    assign,
    delete,
    enum,
    exists,
    expired,
    fetch,
    find_singleton,
    getattr_as,
    getrefcount,
    is_enum,
    is_enum_value,
    is_memo,
    is_singleton,
    load,
    load_all,
    materialized,
    memo,
    migration,
    set_prefix,
    touch,
    uuid,
    weak_proxy,
)
from perdure.model import (
    WeakProxy as MemoWeakProxy,
)
from perdure.model import (
    WeakSet as weak_set,
)
from perdure.model import (
    hash_of as hash,
)
from perdure.query import (
    Index as index,
)
from perdure.query import (
    ObjectTagManager,
    Tag,
    as_tag,
    find,
    no,
    tags,
)
from perdure.query import (
    Query as QueryObject,
)
from perdure.session import locate_builtins as _locate_builtins
from perdure.workspace import (
    AtomicManager,
    PrefixMetaData,
    Snapshot,
    atomic,
    atomic_assign,
    begin_atomic,
    build_flags,
    clear_cache,
    close,
    commit,
    compare,
    copy_prefix,
    describe,
    drop,
    get_address,
    get_cache_stats,
    get_config,
    get_current_prefix,
    get_mutable_prefixes,
    get_prefix_of,
    get_prefixes,
    get_snapshot_of,
    get_state_num,
    get_type,
    init,
    open,
    refresh,
    set_cache_size,
    snapshot,
    types,
    wait,
)

__all__ = [
    "AtomicManager",
    "BadPrefixError",
    "ClassNotFoundError",
    "EnumType",
    "EnumValue",
    "Memo",
    "MemoBase",
    "MemoWeakProxy",
    "MigrateError",
    "ObjectTagManager",
    "PrefixMetaData",
    "QueryObject",
    "ReferenceError",
    "Snapshot",
    "Tag",
    "as_tag",
    "assign",
    "atomic",
    "atomic_assign",
    "begin_atomic",
    "build_flags",
    "bytearray",
    "clear_cache",
    "close",
    "commit",
    "compare",
    "copy_prefix",
    "delete",
    "describe",
    "dict",
    "drop",
    "enum",
    "exists",
    "expired",
    "fetch",
    "find",
    "find_singleton",
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
    "getattr_as",
    "getrefcount",
    "hash",
    "index",
    "init",
    "is_enum",
    "is_enum_value",
    "is_memo",
    "is_singleton",
    "list",
    "load",
    "load_all",
    "materialized",
    "memo",
    "migration",
    "no",
    "open",
    "refresh",
    "set",
    "set_cache_size",
    "set_prefix",
    "snapshot",
    "tags",
    "touch",
    "tuple",
    "types",
    "uuid",
    "wait",
    "weak_proxy",
    "weak_set",
]

_locate_builtins("perdure.zodb.BTrees.OOBTree", 16, 18, 20, 21)
_locate_builtins("perdure.zodb.BTrees.LOBTree", 17, 19, 22, 23)
