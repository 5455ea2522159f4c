"""Snapshots: read-only views of prefixes at past or present states."""

from __future__ import annotations

import weakref
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
from perdure.workspace.states import state_at

if TYPE_CHECKING:
    from perdure.workspace.workspace import Workspace

__all__ = ["Head", "Snapshot"]

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
        self._states = dict(states)
        self._moment = moment
        self._connections: dict[int, Connection] = {}
        self._closed = False
        try:
            for name, state in self._states.items():
                self._connect(workspace.prefixes[name].database, state)
        except BaseException:
            self.close()
            raise

    def _connect(self, database: Database, state: int | None) -> Connection:
        budget = self._workspace.settings.cache_size
        if state is None:
            state = database.storage.last_state if self._moment is None else state_at(database, self._moment)
        try:
            made = database.connect(at=state, budget=budget)
        except StateUnavailableError as error:
            raise ValueError(f"{database.name} has no state {state}: {error}") from None
        self._workspace.snapshots[made] = self
        weakref.finalize(made, made.view.release)
        self._connections[database.uuid] = made
        return made

    def at(self, live: Connection) -> Connection:
        """The connection of this snapshot for the database of a live one."""
        self._check_open()
        found = self._connections.get(live.database.uuid)
        return found if found is not None else self._connect(live.database, None)

    def seen(self, database: int) -> Connection | None:
        """The connection of this snapshot for the database with that uuid; None when the snapshot does not have it."""
        self._check_open()
        found = self._connections.get(database)
        return found if found is not None and found.state > 0 else None

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
        return isinstance(prefix, str) and self._states.get(prefix, 0) > 0

    def close(self) -> None:
        """End the use of the snapshot; harmless when closed."""
        self._closed = True
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
