"""Snapshots: read-only views of prefixes at past or present states."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.declared import ManagedIndex, index_in, index_of
from perdure.errors import StateUnavailableError, WorkspaceError
from perdure.model import MemoBase
from perdure.model.access import exists_in, fetch_from
from perdure.query import Query, deserialize_at
from perdure.query.finding import connection_for, find_in
from perdure.session import Connection, Database
from perdure.storage import View
from perdure.workspace.states import Moment, state_at, states_of

if TYPE_CHECKING:
    from perdure.workspace.workspace import Workspace

__all__ = ["Head", "Snapshot", "take_snapshot"]

_T = TypeVar("_T")


class _Reading:
    """The ways to find objects that snapshots and the live objects have in common."""

    def _place(self) -> Callable[[Connection], Connection] | None:
        """How to get from a live connection to the one that is looked in; None for the live one itself."""
        raise NotImplementedError

    @overload
    def fetch(self, identifier: str, expected_type: type[MemoBase], prefix: str | None = None) -> Any: ...
    @overload
    def fetch(self, identifier: str, expected_type: type[_T], prefix: str | None = None) -> _T: ...
    @overload
    def fetch(self, identifier: type[_T], expected_type: str | None = None, prefix: str | None = None) -> _T: ...
    @overload
    def fetch(self, identifier: Any, expected_type: Any = None, prefix: str | None = None) -> Any: ...
    def fetch(self, identifier: Any, expected_type: Any = None, prefix: str | None = None) -> Any:
        """`perdure.fetch` among the objects here."""
        return fetch_from(self._place(), identifier, expected_type, prefix)

    def exists(self, identifier: Any, expected_type: Any = None, prefix: str | None = None) -> bool:
        """`perdure.exists` among the objects here."""
        return exists_in(self._place(), identifier, expected_type, prefix)

    @overload
    def find(self, source: type[_T] | Query[_T], /, *criteria: Any, prefix: str | None = None) -> Query[_T]: ...
    @overload
    def find(self, *criteria: Any, prefix: str | None = None) -> Query[Any]: ...
    def find(self, *criteria: Any, prefix: str | None = None) -> Query[Any]:
        """`perdure.find` among the objects here."""
        place, live = self._place(), connection_for(criteria, prefix)
        return find_in(live if place is None else place(live), *criteria)


class Snapshot(_Reading):
    """What prefixes held at certain states. Its objects cannot be changed and are not the live ones.

    Close it, or use it with `with`; its objects and queries cannot be used afterwards.
    """

    def __init__(self, workspace: Workspace, states: Mapping[str, int], moment: datetime | None = None) -> None:
        self._workspace = workspace
        self.states = dict(states)
        """By the names of the prefixes that were open."""
        self._moment = moment
        self._views: dict[int, tuple[Database, View]] = {}
        """By the uuid of their databases: what is kept from being packed, and was not read yet."""
        self._connections: dict[int, Connection] = {}
        self._lock = threading.Lock()
        self._closed = False
        workspace.snapshots.add(self)
        try:
            for name, state in self.states.items():
                database = workspace.prefixes[name].database
                self._views[database.uuid] = database, _view(database, state)
        except BaseException:
            self.close()
            raise

    def _connection(self, uuid: int) -> Connection | None:
        """The connection for the database with that uuid, made when it is first asked for."""
        found = self._connections.get(uuid)
        if found is None:
            with self._lock:
                if uuid in self._views:
                    self._connect(*self._views.pop(uuid))
                found = self._connections.get(uuid)
        return found

    def _connect(self, database: Database, view: View) -> None:
        made = database.connect(view, budget=self._workspace.settings.cache_size)
        self._workspace.views[made] = self
        self._connections[database.uuid] = made

    def at(self, live: Connection) -> Connection:
        """The connection of this snapshot for the database of a live one."""
        self._check_open()
        database = live.database
        found = self._connection(database.uuid)
        if found is None:  # its prefix was opened later
            moment, storage = self._moment, database.storage
            view = _view(database, storage.last_state if moment is None else state_at(database, moment))
            with self._lock:
                if database.uuid not in self._connections:
                    self._connect(database, view)
            found = self._connections[database.uuid]
        return found

    def seen(self, database: int) -> Connection | None:
        """The connection of this snapshot for the database with that uuid; None when the snapshot does not have it."""
        self._check_open()
        found = self._connection(database)
        return found if found is not None and found.state > 0 else None

    def _leave(self, database: Database) -> None:
        """A prefix is closed: what came from it cannot be used any more."""
        found = self._connection(database.uuid)
        if found is not None and found.database is database:
            found.close()

    def _place(self) -> Callable[[Connection], Connection]:
        self._check_open()
        return self.at

    def index_of(self, memo_type: Any, field_name: str | None = None, /, *, prefix: str | None = None) -> ManagedIndex:
        """`perdure.index_of` in this snapshot, to sort and narrow its queries; the live index has the keys of now.

        Raises `RuntimeError` when the field was not an indexed one at that state.

        >>> with perdure.snapshot(5) as past:  # doctest: +SKIP
        ...     past.index_of(Task, "due").sort(past.find(Task))
        """
        self._check_open()
        return index_in(self.at, memo_type, field_name, prefix)

    def deserialize(self, data: bytes | bytearray | memoryview) -> Any:
        """`perdure.deserialize` in this snapshot: a query of bytes finds what the snapshot holds."""
        self._check_open()
        return deserialize_at(data, self.at)

    def get_state_num(self, prefix: str | None = None) -> int:
        """The state that a prefix has in this snapshot, by default the current prefix."""
        self._check_open()
        return self.at(self._workspace.opened(prefix).connection).state

    def __contains__(self, prefix: object) -> bool:
        self._check_open()
        return isinstance(prefix, str) and self.states.get(prefix, 0) > 0

    def close(self) -> None:
        """End the use of the snapshot; harmless when closed."""
        self._closed = True
        with self._lock:
            for _, view in self._views.values():
                view.release()
            self._views.clear()
        for connection in self._connections.values():
            connection.close()

    def _check_open(self) -> None:
        if self._closed or self._workspace.closed:
            raise WorkspaceError("WorkspaceView is closed: the snapshot or its workspace was closed")

    def __enter__(self) -> Snapshot:
        self._check_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def take_snapshot(workspace: Workspace, spec: Moment | Mapping[str, Moment], current: str | None) -> Snapshot:
    """The snapshot that `perdure.snapshot` gives; `current` is the name of the current prefix."""
    while True:
        states, moment = states_of(spec, workspace.list_open(), current, workspace.recovery.settle)
        try:
            return Snapshot(workspace, states, moment)
        except ValueError:
            if spec is not None:
                raise  # else another process has committed and packed just then


def _view(database: Database, state: int) -> View:
    try:
        return database.storage.view(state)
    except StateUnavailableError as error:
        raise ValueError(f"{database.name} has no state {state}: {error}") from None


class Head(_Reading):
    """The live objects, with the methods of a snapshot."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def _place(self) -> None:
        return None

    def index_of(self, memo_type: Any, field_name: str | None = None, /, *, prefix: str | None = None) -> ManagedIndex:
        """`perdure.index_of`."""
        return index_of(memo_type, field_name, prefix=prefix)

    def deserialize(self, data: bytes | bytearray | memoryview) -> Any:
        """`perdure.deserialize`."""
        return deserialize_at(data, lambda connection: connection)

    def get_state_num(self, prefix: str | None = None) -> int:
        """The last committed state of a prefix that this process has seen."""
        return self._workspace.opened(prefix).connection.state

    def __contains__(self, prefix: object) -> bool:
        return prefix in self._workspace.prefixes
