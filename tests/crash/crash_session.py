"""The worker's access to a database through `perdure.session`."""

from __future__ import annotations

from crash_model import TAGS, Change, Entry, Model
from pyroaring import BitMap

from perdure.kernel import durable, keys
from perdure.session import Connection, Database, get_root, register_class, root_names, set_root
from perdure.storage import spaces


class Node(durable.Durable, metaclass=durable.DurableType):
    """An object of the graph."""

    _perdure_factory_ = None
    _perdure_typed_ = True
    _perdure_identity_ = "crash:Node"

    def __init__(self, name: str, number: int, text: str) -> None:
        self.name = name
        self.number = number
        self.text = text
        self.links: list[Node] = []


class Graph(durable.Durable, metaclass=durable.DurableType):
    """What holds the objects of one worker."""

    _perdure_factory_ = None
    _perdure_identity_ = "crash:Graph"

    def __init__(self) -> None:
        self.nodes: list[Node] = []


register_class(Node)
register_class(Graph)


class SessionFace:
    """The graph of the worker `who` in the database at `path`."""

    is_shared = True

    def __init__(self, path: str, who: str, **options: object) -> None:
        self.who = who
        self.database = Database.open(path, **options)
        self.connection = self.database.connect()
        durable.set_ambient(self.connection)

    @property
    def state(self) -> int:
        """The state that it sees."""
        return self.connection.state

    def read(self, at: int | None = None) -> Model:
        """What the database holds, at the newest or a given state."""
        if at is None:
            return read_model(self.connection, self.who)
        connection = self.database.connect(at)
        try:
            return read_model(connection, self.who)
        finally:
            connection.close()

    def apply(self, changes: list[Change]) -> None:
        """Do the steps, without committing them."""
        graph = get_root(self.connection, self.who)
        if graph is None:
            graph = Graph()
            set_root(self.connection, self.who, graph)
        assert isinstance(graph, Graph)
        nodes = {node.name: node for node in graph.nodes}
        for change in changes:
            self._apply(graph, nodes, change)

    def _apply(self, graph: Graph, nodes: dict[str, Node], change: Change) -> None:
        name = change.name
        if change.kind == "add":
            nodes[name] = Node(name, change.number, change.text)
            graph.nodes = [*graph.nodes, nodes[name]]
            return
        node = nodes[name]
        if change.kind == "set":
            node.number, node.text = change.number, change.text
        elif change.kind == "link":
            node.links = [nodes[target] for target in change.names]
        elif change.kind in {"tag", "untag"}:
            self._tag(node, change.names, add=change.kind == "tag")
        else:
            self._tag(node, TAGS, add=False)
            del nodes[name]
            graph.nodes = [other for other in graph.nodes if other is not node]
            # A cycle would stay until a pack, so the object must not hold itself either.
            for other in [node, *graph.nodes]:
                if any(link is node for link in other.links):
                    other.links = [link for link in other.links if link is not node]

    def _tag(self, node: Node, names: tuple[str, ...], *, add: bool) -> None:
        self.connection.tagging.change(node, [tag_key(self.who, name) for name in names], add=add)

    def keep(self) -> None:
        """There are no automatic commits."""
        raise NotImplementedError

    def commit(self) -> int:
        """Commit; the state."""
        committed = self.connection.commit()
        assert committed is not None
        return committed.state

    def prepare(self, transaction_id: bytes) -> object:
        """The first phase of a commit in two; what `finish` needs."""
        batch, taken = self.connection.prepare_batch()
        return self.database.storage.prepare(batch, transaction_id), taken

    def finish(self, prepared: object) -> int:
        """The second phase; the state."""
        waiting, taken = prepared  # type: ignore[misc]
        committed = waiting.finish()
        self.connection.finish_batch(committed, taken)
        return int(committed.state)

    def abort(self) -> None:
        """Give the steps up."""
        self.connection.abort()

    def pack(self) -> None:
        """Forget the history before the newest state."""
        self.database.pack(self.connection.state)

    def waiting(self) -> list[bytes]:
        """The transactions that were prepared by processes that have gone."""
        prepared = self.database.storage.prepared()
        assert all(waiting.orphaned for waiting in prepared), "a dead process is taken for a living one"
        return [waiting.transaction_id for waiting in prepared]

    def settle(self, finish: bool) -> None:
        """Finish or abort the transactions that wait."""
        for waiting in self.database.storage.prepared():
            if finish:
                committed = waiting.finish()
                assert self.database.storage.finished(waiting.transaction_id) == committed
            else:
                waiting.abort()
        self.connection.refresh()

    def close(self) -> None:
        """End the use of the database."""
        durable.set_ambient(None)
        self.connection.close()
        self.database.close()

    def problems(self) -> list[str]:
        """What is wrong with the database, also objects that nothing holds."""
        return [str(problem) for problem in self.database.verify()] + leaked_objects(self.connection)


def tag_key(who: str, name: str) -> bytes:
    """The key of a tag of one worker."""
    return keys.encode((1, f"{who}/{name}"))


def read_model(connection: Connection, who: str) -> Model:
    """What a connection shows of the graph of a worker; AssertionError if parts of it disagree."""
    graph = get_root(connection, who)
    if graph is None:
        return Model()
    assert isinstance(graph, Graph)
    postings = {name: _posting(connection, tag_key(who, name)) for name in TAGS}
    entries: dict[str, Entry] = {}
    for node in graph.nodes:
        oid = durable.oid_of(node)
        tags = frozenset(name for name in TAGS if oid in postings[name])
        row = set(connection.tagging.row(oid))
        assert row == {tag_key(who, name) for name in tags}, f"{node.name}: its tags differ from the postings"
        entries[node.name] = Entry(node.number, node.text, tuple(link.name for link in node.links), tags)
    oids = BitMap(durable.oid_of(node) for node in graph.nodes)
    for name, posting in postings.items():
        assert posting <= oids, f"the tag {name} names objects that are gone: {posting - oids}"
    return Model(entries)


def _posting(connection: Connection, key: bytes) -> BitMap:
    return BitMap(chunk << 16 | low for chunk, lows in connection.postings.of(key).items() for low in lows)


def leaked_objects(connection: Connection) -> list[str]:
    """Records that no graph reaches; here there are no cycles, so no pack is needed to find them."""
    reached: set[int] = set()
    for who in root_names(connection):
        graph = get_root(connection, who)
        assert isinstance(graph, Graph)
        reached |= {durable.oid_of(graph), *map(durable.oid_of, graph.nodes)}
    stored = {keys.decode_uint(key)[0] for key, _ in connection.scan(int(spaces.RECORDS))}
    return [f"object #{oid} is stored but nothing holds it" for oid in sorted(stored - reached)]
