from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from perdure.collections import Dict, List, Set
from perdure.session import Connection, get_root, set_root
from perdure.session.verifying import verify
from tests.threads import together

from .things import reopen

EACH = 1500

pytestmark = pytest.mark.usefixtures("frequent_switches")


def committing(connection: Connection, done: threading.Event) -> Callable[[], None]:
    def work() -> None:
        while not done.is_set():
            connection.commit()
            with connection.lock:
                connection.sweep(0)

    return work


def in_turn(works: list[Callable[[], Any]], done: threading.Event) -> list[Callable[[], Any]]:
    """The works; the last of them to end sets `done`."""
    left = [len(works)]
    lock = threading.Lock()

    def counted(work: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> None:
            try:
                work()
            finally:
                with lock:
                    left[0] -= 1
                    if not left[0]:
                        done.set()

        return run

    return [counted(work) for work in works]


def test_appends_of_several_threads_are_all_there(connection: Connection) -> None:
    values = List()
    set_root(connection, "list", values)
    done = threading.Event()
    works = in_turn([lambda n=n: [values.append((n, i)) for i in range(EACH)] for n in range(3)], done)
    together(*works, committing(connection, done))
    connection = reopen(connection)
    found = list(get_root(connection, "list"))
    assert sorted(found) == sorted((n, i) for n in range(3) for i in range(EACH))
    assert [i for n, i in found if n == 1] == list(range(EACH))
    assert list(verify(connection.database)) == []


def test_a_list_is_read_while_its_shape_changes(connection: Connection) -> None:
    values = List(range(5000))
    set_root(connection, "list", values)
    connection.commit()
    done = threading.Event()

    def change() -> None:
        for turn in range(150):
            place = turn * 31 % 4000
            values[place:place] = [-1] * 300
            del values[place : place + 300]
            values.append(values.pop())

    def read() -> None:
        while not done.is_set():
            for place in (0, 2500, 4500):
                assert -1 <= values[place] < 5000
            assert all(-1 <= value < 5000 for value in values)
            assert 4998 <= len(values) <= 5300

    together(*in_turn([change], done), read, committing(connection, done))
    connection = reopen(connection)
    assert get_root(connection, "list") == list(range(5000))
    assert list(verify(connection.database)) == []


@pytest.mark.parametrize("size", [0, 500])
def test_puts_of_several_threads_are_all_there(connection: Connection, size: int) -> None:
    values = Dict((-1 - number, 0) for number in range(size))
    set_root(connection, "dict", values)
    connection.commit()
    done = threading.Event()

    def put(n: int) -> None:
        for i in range(EACH):
            values[n, i] = i
            values[f"{n} {i}"] = i
            if i % 3 == 0:
                del values[n, i]
            assert values[f"{n} {i}"] == i

    works = in_turn([lambda n=n: put(n) for n in range(2)], done)
    together(*works, committing(connection, done))
    connection = reopen(connection)
    found = get_root(connection, "dict")
    expected: dict[Any, int] = {-1 - number: 0 for number in range(size)}
    for n in range(2):
        expected |= {f"{n} {i}": i for i in range(EACH)}
        expected |= {(n, i): i for i in range(EACH) if i % 3}
    assert len(found) == len(expected)
    assert dict(found.items()) == expected
    assert list(verify(connection.database)) == []


def test_a_set_is_changed_by_several_threads(connection: Connection) -> None:
    values = Set(range(300))
    set_root(connection, "set", values)
    connection.commit()
    done = threading.Event()

    def change(n: int) -> None:
        for i in range(EACH):
            values.add(1000 * n + i)
            assert 1000 * n + i in values
            if i % 2:
                values.remove(1000 * n + i)

    works = in_turn([lambda n=n: change(n) for n in (10, 20)], done)
    together(*works, committing(connection, done))
    connection = reopen(connection)
    expected = {*range(300)} | {1000 * n + i for n in (10, 20) for i in range(0, EACH, 2)}
    assert get_root(connection, "set") == expected
    assert len(get_root(connection, "set")) == len(expected)
    assert list(verify(connection.database)) == []
