"""The functions of the memo face that work on the process's workspace."""

from __future__ import annotations

import atexit
import importlib
import os
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from perdure.errors import WorkspaceError
from perdure.kernel import durable
from perdure.model import scope
from perdure.model.attributes import assign
from perdure.model.restriction import NONE, Restriction
from perdure.query import Query
from perdure.security import FILTERS, MASKS, Binding, clear_bindings, forget_live, read_binding
from perdure.session import Forwarding
from perdure.workspace.atomic import AsyncAtomicManager, AtomicManager
from perdure.workspace.prefix import OpenOptions
from perdure.workspace.snapshot import Head, Snapshot
from perdure.workspace.states import Moment
from perdure.workspace.workspace import Settings, Workspace

__all__ = [
    "close",
    "commit",
    "drop",
    "get_state_num",
    "init",
    "open",
    "refresh",
    "workspace",
]

scope.set_current(None)

_workspace: Workspace | None = None
_owner_process = 0


def workspace() -> Workspace:
    """The workspace of this process. Raises `RuntimeError` before `init` and after `close`."""
    if _workspace is None:
        raise WorkspaceError("perdure is not initialized; call init(directory) first")
    return _workspace


def init(
    dbzero_root: str | os.PathLike[str],
    *,
    prefix: str | None = None,
    read_write: bool = True,
    autocommit: bool = True,
    autocommit_interval: int = 367,
    cache_size: int = 2 << 30,
    lang_cache_size: int = 1024,
    lock_flags: Mapping[str, Any] | None = None,
    no_auto_migrate: bool | None = None,
    no_auto_migration: bool | None = None,
    shared: bool = False,
    rpc: Mapping[str, Any] | None = None,
    restricted: bool = False,
    restricted_context: ContextVar[Any] | None = None,
    data_filter: Mapping[str, Any] | None = None,
    data_masking: Mapping[str, Any] | None = None,
) -> None:
    """Start using the prefixes in a directory, which is made when it does not exist.

    `prefix` is opened at once, for writing unless `read_write` is False. `autocommit` commits changes in the
    background, at most every `autocommit_interval` milliseconds. `cache_size` is the memory for cached objects, in
    bytes. `lock_flags` (`blocking`, `timeout` in seconds, `force_unlock`) say what to do about other writers.
    `shared` is the default of `open` for its option of that name. `rpc` are keyword arguments for the `init` of the
    module `db0_rpc`, if that is installed. `restricted` or `restricted_context` is the default of `open`.

    `data_filter` says whose predicate decides which objects of classes with `access_control` can be seen: a mapping
    with `context_var`, a `ContextVar` that has a `predicate(...)` or None; `prefix`, a name, `PrefixMetaData` or a
    collection of them, by default all prefixes, also future ones; `mode`, `"RELEASE"` (the default), where nothing of
    them is seen without a predicate, or `"DEBUG"`, where all is.

    `data_masking` says whose account decides what can be done with protected fields: a mapping with `context_var`, a
    `ContextVar` that has the account; `prefix`, the name of the `prefix` that is opened at once, by default all
    prefixes, also future ones; `missing_value_placeholder`, what is read in place of a value that may not be read,
    where without it `PermissionError` is raised; `mode`, `"RELEASE"` (the default), or `"DEBUG"`, where the account -1
    may read and -2 do everything.

    Raises `RuntimeError` when this process is initialized already, or `rpc` is given without that module; `TypeError`
    and `ValueError` for options that make no sense.

    >>> perdure.init("data", prefix="main")  # doctest: +SKIP
    """
    global _workspace, _owner_process
    if _workspace is not None:
        raise WorkspaceError("perdure is already initialized; close() it first")
    _check_rpc(rpc)
    filtered = None if data_filter is None else read_binding("data_filter", data_filter)
    masked = None if data_masking is None else read_binding("data_masking", data_masking, placeholder=True)
    settings = Settings(
        autocommit=bool(autocommit),
        autocommit_interval=int(autocommit_interval),
        cache_size=int(cache_size),
        lang_cache_size=int(lang_cache_size),
        no_auto_migrate=bool(_one_of(no_auto_migrate, no_auto_migration)),
        lock_flags=dict(lock_flags or {}),
        shared=bool(shared),
        restricted=bool(restricted),
        restricted_context=restricted_context,
    )
    _workspace, _owner_process = Workspace(Path(dbzero_root).absolute(), settings), os.getpid()
    if filtered is not None:
        FILTERS.bind(*filtered)
    _start(_workspace, rpc, None if prefix is None else (prefix, "rw" if read_write else "r"), masked)


def _start(
    started: Workspace,
    rpc: Mapping[str, Any] | None,
    first: tuple[str, str] | None,
    masked: tuple[Binding, frozenset[str] | None] | None,
) -> None:
    """Let the rest of the process use a workspace, open its first prefix, given with the mode, and bind its masks."""
    scope.install(started)
    atexit.register(_close_at_exit)
    try:
        if rpc is not None:
            _start_rpc(rpc)
        if first is not None:
            open(*first)
        if masked is not None:
            bind_masks(*masked)
    except BaseException:
        _end()
        raise


def bind_masks(binding: Binding, names: frozenset[str] | None) -> None:
    """Bind the protected fields of some open prefixes, or of all prefixes, to an account; see `init`."""
    for name in names or ():
        if not scope.is_open(name):
            raise ValueError(f"data masking of the prefix {name}: it is not open; open it first")
    MASKS.bind(binding, names)


def _one_of(no_auto_migrate: bool | None, no_auto_migration: bool | None) -> bool | None:
    """The value of an option that has two names."""
    if no_auto_migrate is not None and no_auto_migration is not None:
        raise WorkspaceError("no_auto_migrate and no_auto_migration are the same option; give one")
    return no_auto_migration if no_auto_migrate is None else no_auto_migrate


def _check_rpc(rpc: object) -> None:
    if rpc is not None and not isinstance(rpc, Mapping):
        raise TypeError(f"rpc is a mapping of keyword arguments, not {type(rpc).__name__}")


def _start_rpc(arguments: Mapping[str, Any]) -> None:
    try:
        module = importlib.import_module("db0_rpc")
    except ModuleNotFoundError as error:
        raise WorkspaceError("init(rpc=...) needs the module db0_rpc, which is not installed") from error
    module.init(**arguments)


_MODES = {"rw": True, "w": True, "r": False}


def open(
    prefix_name: str,
    open_mode: str = "rw",
    *,
    autocommit: bool | None = None,
    lock_flags: Mapping[str, Any] | None = None,
    history: bool = True,
    check: bool = False,
    shared: bool | None = None,
    slab_size: int | None = None,
    meta_io_step_size: int | None = None,
    page_io_step_size: int | None = None,
    no_auto_migrate: bool | None = None,
    no_auto_migration: bool | None = None,
    restricted: bool | None = None,
    restricted_context: ContextVar[Any] | None = None,
) -> None:
    """Open a prefix and make it the current one; for `"rw"` (or `"w"`) it is created when there is none.

    `history=False` keeps no past states. `check` verifies the file's structure first. `shared` lets several processes
    write the prefix, if all of them open it so: then `commit` raises `ConflictError` when another process was first,
    nothing is committed in the background, and `retry` is the way to make changes. The sizes are accepted for
    compatibility and mean nothing here. A prefix that is open stays as it is and becomes the current one.
    `restricted` (or `restricted_context`): see `set_restricted`.

    Raises `RuntimeError` for a bad name or mode, a missing prefix opened with `"r"`, a prefix that another process
    writes, a copy of a prefix that is open, and for `shared` with `autocommit`.
    """
    if not isinstance(prefix_name, str):
        raise TypeError(f"a prefix name is a str, not {type(prefix_name).__name__}")
    if open_mode not in _MODES:
        raise WorkspaceError(f"Invalid access type: {open_mode!r}; use 'rw' or 'r'")
    space = workspace()
    settings = space.settings
    together = settings.shared if shared is None else bool(shared)
    if together and autocommit:
        raise WorkspaceError("a shared prefix is not committed in the background; use commit() or retry")
    migrate = _one_of(no_auto_migrate, no_auto_migration)
    options = OpenOptions(
        autocommit=not together and (settings.autocommit if autocommit is None else bool(autocommit)),
        lock_flags=dict(settings.lock_flags if lock_flags is None else lock_flags),
        history=history,
        check=check,
        shared=together,
        no_auto_migrate=settings.no_auto_migrate if migrate is None else bool(migrate),
        restriction=_restriction(settings, restricted, restricted_context),
    )
    space.open(prefix_name, write=_MODES[open_mode], options=options)


def _restriction(settings: Settings, restricted: bool | None, context: ContextVar[Any] | None) -> Restriction:
    default = settings.restriction()
    if restricted is False and default == NONE and context is None:
        return NONE
    return default.raised(restricted, context)


def close(prefix_name: str | None = None) -> None:
    """Commit and close one prefix, or all of them and the workspace.

    Objects of a closed prefix can no longer be used. Nothing happens when the prefix is not open.
    """
    if _workspace is None:
        return
    if prefix_name is not None:
        _workspace.close(prefix_name)
        return
    _end()


def _end() -> None:
    global _workspace
    ending = _workspace
    if ending is None:
        return
    try:
        ending.close_all()
    finally:
        if ending.closed:
            _workspace = None
            scope.install(None)
            scope.set_current(None)
            clear_bindings()
            forget_live()
            atexit.unregister(_close_at_exit)


def _close_at_exit() -> None:
    if os.getpid() == _owner_process:  # a forked child must not commit its parent's changes
        _end()


def commit(prefix_name: str | None = None) -> None:
    """Make pending changes durable: of one prefix, or of all that are open. Nothing for read-only prefixes.

    The changes of all prefixes are one commit: after a crash all of them are there, or none.
    Raises `RuntimeError` for a prefix that is not open, and inside of `atomic`; `ConflictError`, with the object's
    name, when another writer (of a prefix opened `shared`, or the ZODB face) has changed the same first: then all
    pending changes are undone, so that the work can be done again on what is stored now.
    """
    workspace().commit(prefix_name)


def get_state_num(prefix: str | None = None, finalized: bool = False) -> int:
    """The number that the open transaction of a prefix will get; with `finalized`, the last committed one.

    Readers get the last committed number that they have seen. Raises `RuntimeError` for a prefix that is not open.
    """
    found = workspace().opened(prefix)
    return found.connection.state + (1 if found.writable and not finalized else 0)


def atomic() -> AtomicManager:
    """A block of changes, on all prefixes, that is kept as a whole or undone: by an exception, or by `cancel()`.

    Nothing is committed by it; blocks may be nested. Other threads' changes wait for its end.

    >>> with perdure.atomic() as block:  # doctest: +SKIP
    ...     task.done = True
    ...     if not approved:
    ...         block.cancel()
    """
    return AtomicManager(workspace().blocks)


def async_atomic() -> AsyncAtomicManager:
    """`atomic` for asyncio tasks. Tasks wait for each other, in order, and the event loop goes on.

    The block may await; other tasks of the thread may read meanwhile, and their changes and commits raise. Changes by
    other threads wait. Raises `RuntimeError` outside of a running task.

    >>> async def approve(document):  # doctest: +SKIP
    ...     async with perdure.async_atomic() as block:
    ...         document.status = "approved"
    ...         if not await notify(document):
    ...             block.cancel()
    """
    return AsyncAtomicManager(workspace().blocks)


def begin_atomic() -> AtomicManager:
    """An `atomic` block that has begun; it ends by its `close()` or `cancel()`."""
    return atomic().__enter__()


def atomic_assign(*objects: Any, **attributes: Any) -> None:
    """`assign` on all objects or, when it fails for one, on none."""
    with atomic():
        assign(*objects, **attributes)


def snapshot(state_spec: Moment | Mapping[str, Moment] = None, *, frozen: bool = False) -> Snapshot:
    """What the open prefixes held at a committed state.

    None is the newest state; a number a state of the current prefix; a `datetime` the newest state of all prefixes at
    that time (local time when it has no zone). A mapping says it for each prefix by name. Prefixes that are not
    mentioned are seen at their newest state. With `frozen`, the same states as in the newest snapshot taken without
    a state. Raises `ValueError` for a state that does not exist.

    >>> with perdure.snapshot(3) as before:  # doctest: +SKIP
    ...     before.fetch(uuid).title
    """
    return workspace().snapshot(state_spec, frozen=frozen)


def get_snapshot_of(obj: Any, /) -> Snapshot | Head:
    """The snapshot that an object or query was got from; for live ones the head, which has the same methods.

    Raises `TypeError` for what is neither.
    """
    if isinstance(obj, Forwarding):
        obj = obj._perdure_aim_()
    if isinstance(obj, durable.Durable):
        owner = durable.owner_of(obj)
    elif isinstance(obj, Query):
        owner = obj.connection
    else:
        raise TypeError(f"get_snapshot_of takes a durable object or a query, not {type(obj).__name__}")
    space = workspace()
    return space.views.get(owner) or space.head


def refresh() -> bool:
    """Bring prefixes to their newest committed state; whether any changed.

    Those with pending changes stay; they can differ only from what the other face committed in this process.
    """
    changed = [prefix.refresh() for prefix in workspace().list_open()]
    return any(changed)


def drop(prefix_name: str, if_exists: bool = True) -> None:
    """Delete a prefix and its file.

    Raises `RuntimeError` when it is open, or when it does not exist and `if_exists` is False.
    """
    workspace().drop(prefix_name, if_exists=if_exists)
