"""Kept postings against what is read anew: random work of two connections on one database."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from perdure.errors import ConflictError, StateUnavailableError
from perdure.kernel import durable, keys
from perdure.session import Connection, Database, class_tag, passive_mark, postings_under, set_root

from .things import Thing

PLAIN = [keys.encode((1, name)) for name in ("a", "b", "ab")]
LONG = keys.encode((1, "x" * 500))
COMPOSITE = [keys.encode((5, ("g", name))) for name in ("u", "v")]
TAGS = [*PLAIN, LONG, *COMPOSITE]
HEAD = COMPOSITE[0][: len(keys.encode((5,))) + 1]
FAR = 3 << 16
"""Ids are reserved up to here, so that the objects lie in several chunks."""


class Postings(RuleBasedStateMachine):
    """Whatever happens on either connection, what is kept is what would be read."""

    def __init__(self) -> None:
        super().__init__()
        self.database = Database.open(None)
        self.connections = [self.database.connect(), self.database.connect()]
        self.savepoints: list[Any] = []
        self.things: list[list[Thing]] = [[], []]

    @initialize()
    def fill(self) -> None:
        """Some objects that both connections have, in two chunks."""
        first, second = self.connections
        durable.set_ambient(first)
        made = [Thing(number=number) for number in range(4)]
        set_root(first, "all", Thing(all=tuple(made)))
        first.flush()
        self.database.new_run(FAR)
        made += [Thing(number=number) for number in range(4)]
        set_root(first, "more", Thing(all=tuple(made)))
        first.commit()
        second.refresh()
        self.things = [made, [second.get(durable.oid_of(one)) for one in made]]  # type: ignore[misc]

    tags = st.lists(st.sampled_from(TAGS), min_size=1, max_size=3)

    @rule(who=st.integers(0, 1), which=st.integers(0, 7), tags=tags, add=st.booleans(), passive=st.booleans())
    def change(self, who: int, which: int, tags: list[bytes], add: bool, passive: bool) -> None:
        """Add or remove tags of one object."""
        self.connections[who].tagging.change(self.things[who][which], tags, add, passive)

    @rule(who=st.integers(0, 1), tags=tags, add=st.booleans())
    def change_all(self, who: int, tags: list[bytes], add: bool) -> None:
        """Add or remove tags of half of the objects at once."""
        oids = [durable.oid_of(one) for one in self.things[who][::2]]
        self.connections[who].tagging.change_all(oids, tuple(tags), add)

    @rule(who=st.integers(0, 1), tags=tags)
    def make(self, who: int, tags: list[bytes]) -> None:
        """A new object that only its tags hold."""
        durable.set_ambient(self.connections[who])
        self.connections[who].tagging.change(Thing(number=-1), tags, True)

    @rule(which=st.integers(0, 7), tags=st.lists(st.sampled_from(TAGS), max_size=6))
    def ask(self, which: int, tags: list[bytes]) -> None:
        """Have some postings kept, and not others."""
        for connection in self.connections:
            connection.flush()
            for tag in tags:
                connection.postings.of(tag)

    @rule()
    def begin(self) -> None:
        """A block on the first connection."""
        self.savepoints.append(self.connections[0].savepoint())

    @precondition(lambda self: self.savepoints)
    @rule(keep=st.booleans())
    def end(self, keep: bool) -> None:
        """The innermost block ends."""
        savepoint = self.savepoints.pop()
        if keep:
            savepoint.release()
        else:
            savepoint.rollback()

    @rule(who=st.integers(0, 1))
    def commit(self, who: int) -> None:
        """Commit; who was second in changing the same object loses all."""
        if who == 0 and self.savepoints:
            return
        try:
            self.connections[who].commit()
        except ConflictError:
            self.connections[who].abort()

    @rule(who=st.integers(0, 1))
    def abort(self, who: int) -> None:
        """Undo everything, and see the newest state."""
        if who == 0:
            self.savepoints.clear()
        self.connections[who].abort()

    @precondition(lambda self: not self.savepoints)
    @rule()
    def pack(self) -> None:
        """Forget the past, so that the log cannot tell what changed."""
        self.database.pack()

    @rule()
    def kept_is_what_is_read(self) -> None:
        """The postings of tags, of marks and of what begins alike; and those given out stay as they were."""
        for connection in self.connections:
            before = {tag: (found, copied(found)) for tag, found in self.given(connection)}
            connection.flush()
            for tag in [*TAGS, *map(passive_mark, TAGS), *map(class_tag, connection.catalog.family(Thing))]:
                found = connection.postings.of(tag)
                assert found == connection.postings.read(tag)
                assert list(found) == sorted(found)
                assert connection.postings.of(tag) is found
            read = postings_under(connection, HEAD)
            assert connection.postings.under(HEAD, lambda who=connection: postings_under(who, HEAD)) == read
            for found, copy in before.values():
                assert found == copy

    @staticmethod
    def given(connection: Connection) -> list[tuple[bytes, dict[int, Any]]]:
        """The postings that are kept, as they were when they were given out."""
        return [(kept.tag, kept.chunks) for kept in connection.postings._kept.values()]

    def teardown(self) -> None:
        if self.things[0]:
            self.kept_is_what_is_read()
        durable.set_ambient(None)
        for connection in self.connections:
            connection.close()
        self.database.close()


def copied(chunks: dict[int, Any]) -> dict[int, Any]:
    """The same bitmaps, which nothing can have changed later."""
    return {number: members.copy() for number, members in chunks.items()}


TestPostings = Postings.TestCase
TestPostings.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_what_is_kept_stays_within_the_budget_of_the_cache(database: Database) -> None:
    connection = database.connect()
    durable.set_ambient(connection)
    things = [Thing(number=number) for number in range(2000)]
    set_root(connection, "all", Thing(all=tuple(things)))
    tags = [keys.encode((1, str(number))) for number in range(20)]
    for thing in things:
        connection.tagging.change(thing, tags, True)
    connection.commit()
    connection.budget = 10_000
    for tag in tags:
        assert connection.postings.of(tag) == connection.postings.read(tag)
        assert len(connection.postings._kept) <= 2
    assert connection.postings.forgotten > 0
    connection.close()


def test_a_change_of_other_tags_reads_no_posting(database: Database) -> None:
    connection = database.connect()
    durable.set_ambient(connection)
    thing = Thing(number=1)
    set_root(connection, "thing", thing)
    connection.tagging.change(thing, PLAIN[:1], True)
    connection.commit()
    found = connection.postings.of(PLAIN[0])
    connection.tagging.change(thing, PLAIN[1:], True)
    connection.flush()
    assert connection.postings.of(PLAIN[0]) is found
    connection.commit()
    assert connection.postings.of(PLAIN[0]) is found
    other = database.connect()
    other.tagging.change(other.get(durable.oid_of(thing)), PLAIN[1:], False)
    other.commit()
    connection.refresh()
    assert connection.postings.of(PLAIN[0]) is found
    assert connection.postings.of(PLAIN[1]) == {}
    other.close()
    connection.close()


def test_when_the_log_does_not_tell_what_changed_everything_is_read_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, other = database.connect(), database.connect()
    durable.set_ambient(connection)
    thing = Thing(number=1)
    set_root(connection, "thing", thing)
    connection.tagging.change(thing, PLAIN[:1], True)
    connection.commit()
    assert connection.postings.of(PLAIN[0])
    other.refresh()
    other.tagging.change(other.get(durable.oid_of(thing)), PLAIN[:1], False)
    other.commit()

    def forgotten(*_: int) -> None:
        raise StateUnavailableError("packed away")

    monkeypatch.setattr(database.storage, "each_change", forgotten)
    connection.refresh()
    assert connection.postings.of(PLAIN[0]) == {}
    other.close()
    connection.close()
