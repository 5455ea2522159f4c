"""A durable collection against its plain model, over commits, rollbacks, new connections and a cache that forgets."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from perdure.collections import List
from perdure.kernel import durable
from perdure.session import Connection, Database, Savepoint, get_root, set_root
from perdure.session.verifying import verify

from .things import Thing, Token, plain, real

POOL = 6
tokens = st.builds(Token, st.integers(0, POOL - 1))


class DurableMachine(RuleBasedStateMachine):
    """Subclasses give `make()`, a new durable collection, and `model()`, the plain one that it has to equal."""

    connection: Connection

    def make(self) -> Any:
        raise NotImplementedError

    def model_type(self) -> Any:
        raise NotImplementedError

    @initialize(budget=st.sampled_from([64 << 20, 100_000, 1]))
    def begin(self, budget: int) -> None:
        self.budget = budget
        self.ambient = durable.get_ambient()
        durable.set_ambient(None)
        self.database = Database.open(None)
        self.connection = self.database.connect(budget=budget)
        self.subject = self.make()
        self.model = self.model_type()
        self.savepoints: list[tuple[Savepoint, Any]] = []
        set_root(self.connection, "subject", self.subject)
        set_root(self.connection, "pool", List(Thing(number) for number in range(POOL)))
        self.pool = get_root(self.connection, "pool")

    def value(self, value: Any) -> Any:
        return real(value, self.pool)

    def both(self, name: str, *arguments: Any) -> None:
        """Call a method of both, with the same result or error."""
        expected, raised = outcome(lambda: getattr(self.model, name)(*arguments))
        found, kind = outcome(lambda: getattr(self.subject, name)(*map(self.value, arguments)))
        assert kind is raised, (name, arguments, kind, raised)
        assert plain(found) == expected, (name, arguments)

    @rule()
    def flush(self) -> None:
        self.connection.flush()

    @precondition(lambda self: not self.savepoints)
    @rule()
    def commit(self) -> None:
        self.connection.commit()

    @precondition(lambda self: not self.savepoints)
    @rule()
    def reconnect(self) -> None:
        self.connection.commit()
        self.connection.close()
        self.connection = self.database.connect(budget=self.budget)
        self.subject = get_root(self.connection, "subject")
        self.pool = get_root(self.connection, "pool")

    @precondition(lambda self: not self.savepoints)
    @rule()
    def abort(self) -> None:
        self.connection.commit()
        kept = copy.copy(self.model)
        self.disturb()
        self.connection.abort()
        self.model = kept

    def disturb(self) -> None:
        self.subject.clear()

    @precondition(lambda self: len(self.savepoints) < 3)
    @rule()
    def savepoint(self) -> None:
        self.savepoints.append((self.connection.savepoint(), copy.copy(self.model)))

    @precondition(lambda self: self.savepoints)
    @rule()
    def release(self) -> None:
        self.savepoints.pop()[0].release()

    @precondition(lambda self: self.savepoints)
    @rule()
    def rollback(self) -> None:
        savepoint, self.model = self.savepoints.pop()
        savepoint.rollback()

    @rule()
    def forget(self) -> None:
        for _ in range(2):
            self.connection.sweep(0)

    @rule()
    def compare(self) -> None:
        assert len(self.subject) == len(self.model)
        assert plain(self.subject) == self.model

    def teardown(self) -> None:
        if hasattr(self, "database"):
            try:
                self.finish()
            finally:
                durable.set_ambient(self.ambient)

    def finish(self) -> None:
        self.compare()
        while self.savepoints:
            self.release()
        self.connection.commit()
        self.compare()
        assert list(verify(self.database)) == []
        self.connection.close()
        self.database.close()


def outcome(call: Any) -> tuple[Any, type[BaseException] | None]:
    """What a call gives, or the kind of error that it raises."""
    try:
        return call(), None
    except (IndexError, KeyError, ValueError, TypeError) as error:
        return None, type(error)
