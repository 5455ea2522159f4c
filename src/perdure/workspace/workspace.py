"""The process-wide state of the memo face: the directory of prefixes, those that are open, and the current one."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perdure.declared import recall
from perdure.engine.lock_file import LockFile
from perdure.errors import ConflictError, PerdureError, WorkspaceError
from perdure.model import keep_protection, scope
from perdure.model.restriction import NONE, Restriction, lift, restrict
from perdure.security import name_prefix, note_live
from perdure.session import Connection
from perdure.workspace.atomic import Blocks
from perdure.workspace.autocommit import Autocommit
from perdure.workspace.files import find_prefixes, prefix_file
from perdure.workspace.locking import Locks
from perdure.workspace.prefix import OpenOptions, Prefix
from perdure.workspace.recovering import Recovery
from perdure.workspace.snapshot import Head, Snapshot, take_snapshot
from perdure.workspace.states import Moment
from perdure.workspace.together import commit_together

__all__ = ["Settings", "Workspace"]

_SMALLEST_BUDGET = 16 << 10


@dataclass
class Settings:
    """The options of `init`, with their defaults."""

    autocommit: bool = True
    autocommit_interval: int = 367
    cache_size: int = 2 << 30
    lang_cache_size: int = 1024
    no_auto_migrate: bool = False
    lock_flags: dict[str, Any] = field(default_factory=dict)
    shared: bool = False
    restricted: bool = False
    restricted_context: ContextVar[Any] | None = None

    def restriction(self) -> Restriction:
        """The restriction of prefixes opened from now on. Raises `RuntimeError` when both options were given."""
        return NONE.raised(self.restricted or None, self.restricted_context)


class Workspace:
    """A directory of prefixes and what this process has open of it.

    `lock` guards the tables here and is held only for short; a connection's lock may not be waited for under it.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.settings = settings
        self.lock = threading.RLock()
        self.prefixes: dict[str, Prefix] = {}
        self.blocks = Blocks(self)
        self.locks = Locks(self)
        self.recovery = Recovery(self)
        self.head = Head(self)
        self.snapshots: weakref.WeakSet[Snapshot] = weakref.WeakSet()
        self.views: weakref.WeakKeyDictionary[Connection, Snapshot] = weakref.WeakKeyDictionary()
        self.closed = False
        self.head_states: dict[str, int] | None = None
        """The states of the newest snapshot of the head."""
        self._autocommit: Autocommit | None = None
        self._current: list[str] = []
        self._known: dict[int, str] = {}
        self._follow_current()

    # -- opening -------------------------------------------------------------------------------------------

    def open(self, name: str, *, write: bool, options: OpenOptions) -> Prefix:
        """Open a prefix unless it is open, and make it the current one."""
        with self.lock:
            prefix = self._open(name, write=write, implicit=False, options=options)
            prefix.implicit = False
            if name in self._current:
                self._current.remove(name)
            self._current.append(name)
            self._follow_current()
            return prefix

    def _open(self, name: str, *, write: bool, implicit: bool, options: OpenOptions) -> Prefix:
        found = self.prefixes.get(name)
        if found is not None:
            if write and found.implicit and not found.writable:
                found.make_writable()
                self._entered(found)
            return found
        path = prefix_file(self.root, name)
        prefix = self.recovery.opened(Prefix(name, path, write=write, implicit=implicit, options=options))
        other = self.prefixes.get(self._known.get(prefix.database.uuid, ""))
        if other is not None:
            prefix.close()
            raise WorkspaceError(
                f"{path} is a copy of the open prefix {other.name}, with the same identity; close that one first"
            )
        self.prefixes[name] = prefix
        self._known[prefix.database.uuid] = name
        name_prefix(prefix.database.uuid, name)
        note_live(prefix.connection)
        scope.opened(prefix.connection)
        keep_protection(prefix.connection)
        recall(prefix.connection)
        restrict(prefix.database.uuid, options.restriction)
        self._share_cache()
        self._entered(prefix)
        return prefix

    def _entered(self, prefix: Prefix) -> None:
        """Take a prefix that has become writable into the running atomic block and the autocommit."""
        self.blocks.joined(prefix)
        if prefix.writable and prefix.autocommits and self._autocommit is None:
            self._autocommit = Autocommit(self.list_open, self.locks, self.settings.autocommit_interval / 1000)

    def close(self, name: str) -> None:
        """Commit and close one prefix; nothing when it is not open."""
        self._check_not_atomic("close")
        prefix = self.prefixes.get(name)
        if prefix is None:
            return
        try:
            with self.locks.leaving(prefix):
                self._finish([prefix])
            for other in self.list_open():
                if other is not prefix:
                    _sweep(other.connection, 0)  # what refers to the prefix will find it closed, or open it again
        finally:
            self._close(prefix)

    def close_all(self) -> None:
        """Commit and close every prefix; the first error is raised when all are closed."""
        self._check_not_atomic("close")
        if self._autocommit is not None:
            self._autocommit.stop()
        errors: list[BaseException] = []
        prefixes = self.list_open()
        ends: list[Callable[[], None]] = [lambda: self._finish(prefixes)]
        ends += [lambda prefix=prefix: self._close(prefix) for prefix in prefixes]  # type: ignore[misc]
        for end in ends:
            try:
                end()
            except Exception as error:
                errors.append(error)
        self.closed = True
        if errors:
            raise errors[0]

    def _finish(self, prefixes: list[Prefix]) -> None:
        """Commit for the last time."""
        errors: list[Exception] = []
        for prefix in prefixes:
            if prefix.writable:
                try:
                    prefix.drop_unheld()
                except Exception as error:
                    errors.append(error)
        commit_together(prefixes)
        if errors:
            raise errors[0]

    def _close(self, prefix: Prefix) -> None:
        with self.lock:
            del self.prefixes[prefix.name]
            if prefix.name in self._current:
                self._current.remove(prefix.name)
            self._follow_current()
            taken = list(self.snapshots)
        for snapshot in taken:
            snapshot._leave(prefix.database)
        prefix.close()
        lift(prefix.database.uuid)
        with self.lock:
            self._share_cache()

    def commit(self, name: str | None) -> None:
        """Commit one prefix or all of them."""
        chosen = self.list_open() if name is None else [self.opened(name)]
        self._check_not_atomic("commit")
        try:
            with self.blocks.outside():
                commit_together(chosen)
        except ConflictError:
            # What is in the way may be left of a process that has gone.
            self.recovery.settle([prefix for prefix in chosen if prefix.database.is_shared])
            raise

    def _check_not_atomic(self, action: str) -> None:
        self.blocks.check_foreign()
        if self.blocks.active():
            raise WorkspaceError(f"cannot {action} inside an active atomic block; leave it first")

    def _follow_current(self) -> None:
        scope.set_current(self.prefixes[self._current[-1]].connection if self._current else None)

    def _share_cache(self) -> None:
        if self.prefixes:
            budget = max(self.settings.cache_size // len(self.prefixes), _SMALLEST_BUDGET)
            for prefix in self.prefixes.values():
                prefix.connection.budget = budget

    def set_cache_size(self, size: int) -> None:
        """Change the memory for cached objects, in bytes, and free what is above it."""
        self.settings.cache_size = size
        with self.lock:
            self._share_cache()
        for prefix in self.list_open():
            _sweep(prefix.connection, prefix.connection.budget)

    def clear_cache(self) -> None:
        """Free all cached objects that can be loaded again."""
        for prefix in self.list_open():
            _sweep(prefix.connection, 0)

    def drop(self, name: str, *, if_exists: bool) -> None:
        """Delete the file of a prefix that is not open."""
        with self.lock:
            if name in self.prefixes:
                raise WorkspaceError(f"Prefix: {name} is open; close it before dropping it")
            path = prefix_file(self.root, name)
            if not path.exists():
                if not if_exists:
                    raise WorkspaceError(f"Prefix: {name} not found ({path})")
                return
            self.recovery.deleting(name, path, self._default_options())
            lock = LockFile(str(path), True)
            try:
                for ending in ("", "-lock", "-shared"):
                    path.with_name(path.name + ending).unlink(missing_ok=True)
            finally:
                lock.release()

    # -- prefixes ------------------------------------------------------------------------------------------

    def current_prefix(self) -> Prefix:
        """The prefix that new objects go to."""
        with self.lock:
            if not self._current:
                raise WorkspaceError("no default prefix exists; open one first")
            return self.prefixes[self._current[-1]]

    def opened(self, name: str | None) -> Prefix:
        """An open prefix by name, the current one for None."""
        if name is None:
            return self.current_prefix()
        if not isinstance(name, str):
            raise TypeError(f"a prefix name is a str, not {type(name).__name__}")
        found = self.prefixes.get(name)
        if found is None:
            raise WorkspaceError(f"Prefix with name {name} not found; it is not open")
        return found

    def list_open(self) -> list[Prefix]:
        """The open prefixes, in the order in which they were opened."""
        with self.lock:
            return list(self.prefixes.values())

    def find_files(self) -> Iterator[tuple[str, Path]]:
        """Name and file of every prefix in the directory, open or not."""
        return find_prefixes(self.root)

    # -- what the model asks (perdure.model.scope.Scope) ---------------------------------------------------

    def current(self) -> Connection:
        """The live connection of the current prefix."""
        return self.current_prefix().connection

    def named(self, name: str, *, write: bool = False) -> Connection:
        """The live connection of a prefix, opened when it is not."""
        found = self.prefixes.get(name)
        if found is not None and (not write or found.writable):
            return found.connection
        with self.lock:
            return self._open(name, write=write, implicit=True, options=self._default_options()).connection

    def _default_options(self) -> OpenOptions:
        settings = self.settings
        return OpenOptions(
            autocommit=settings.autocommit and not settings.shared,
            lock_flags=settings.lock_flags,
            shared=settings.shared,
            no_auto_migrate=settings.no_auto_migrate,
            restriction=settings.restriction(),
        )

    def holding(self, database: int, name: str | None = None) -> Connection:
        """The live connection of the database with the uuid `database`, opened read-only when it is not open."""
        known = self._known.get(database)
        found = self.prefixes.get(known) if known is not None else None
        if found is not None:
            return found.connection
        with self.lock:
            candidates = [one for one in (known, name) if one is not None and prefix_file(self.root, one).exists()]
            for candidate in [*candidates, *(one for one, _ in self.find_files() if one not in self.prefixes)]:
                if self._open_if(candidate, database):
                    return self.prefixes[candidate].connection
        raise WorkspaceError(f"Prefix: {name or database} not found in {self.root}")

    def _open_if(self, name: str, database: int) -> bool:
        """Open a prefix if it is the database with that uuid."""
        if name in self.prefixes:
            return self.prefixes[name].database.uuid == database
        try:
            self._open(name, write=False, implicit=True, options=self._default_options())
        except PerdureError:
            return False
        if self.prefixes[name].database.uuid == database:
            return True
        self.prefixes.pop(name).close()
        return False

    def snapshot(self, spec: Moment | Mapping[str, Moment], *, frozen: bool) -> Snapshot:
        """A snapshot; see `perdure.snapshot`."""
        if frozen:
            if self.head_states is None:
                raise WorkspaceError("there is no snapshot of the head to take again; take one without frozen first")
            return Snapshot(self, {name: state for name, state in self.head_states.items() if name in self.prefixes})
        if isinstance(spec, Mapping):
            for name in spec:
                self.named(name)
        made = take_snapshot(self, spec, self._current[-1] if self._current else None)
        if spec is None:
            self.head_states = made.states
        return made

    def beside(self, connection: Connection, live: Connection) -> Connection:
        """Where an object that `connection` refers to is seen: in the same snapshot, or the live one."""
        found = self.views.get(connection)
        return live if found is None else found.at(live)

    def name_of(self, connection: Connection) -> str:
        """The name of the prefix of a connection."""
        return connection.database.name

    def is_open(self, name: str) -> bool:
        """Whether this process has a prefix open."""
        return name in self.prefixes

    def migrates(self, connection: Connection) -> bool:
        """Whether changed declarations of fields are applied in the prefix of a connection without being asked."""
        found = self.prefixes.get(connection.database.name)
        return found is None or not found.options.no_auto_migrate


def _sweep(connection: Connection, target: int) -> None:
    with connection.lock:
        connection.flush()
        for _ in range(2):  # an object used since the last sweep is spared once
            connection.sweep(target)
