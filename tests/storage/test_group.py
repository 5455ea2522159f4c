from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perdure.errors import ConflictError, DiskFullError
from perdure.kernel.keys import encode_uint
from perdure.storage import Batch, VersionedStorage, group, open_storage
from perdure.storage.group import Group
from perdure.storage.spaces import RECORDS

THREADS = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def storage(path: Path) -> Iterator[VersionedStorage]:
    with open_storage(path) as opened:
        yield opened


def together(*works: Callable[[], object]) -> list[object]:
    """The results, or errors, of works that run at the same time."""
    results: list[object] = [None] * len(works)

    def run(index: int) -> None:
        try:
            results[index] = works[index]()
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def held(storage: VersionedStorage) -> tuple[threading.Event, threading.Event, list[int]]:
    """Keep leaders from writing until the second event is set; the first tells that one has come. Sizes of groups."""
    begun, go = threading.Event(), threading.Event()
    sizes: list[int] = []
    attempt = Group._attempt

    def slow(self: Group, requests: list[object]) -> None:
        sizes.append(len(requests))
        begun.set()
        go.wait(60)
        attempt(self, requests)  # type: ignore[arg-type]

    storage._group._attempt = slow.__get__(storage._group)
    return begun, go, sizes


def put(storage: VersionedStorage, number: int, base: int = 0) -> Callable[[], int]:
    return lambda: storage.commit(Batch(base, {RECORDS: {encode_uint(number): b"%d" % number}})).state


def test_every_commit_of_eight_threads_is_durable(path):
    with open_storage(path) as storage:

        def work(share: int) -> None:
            for number in range(share, 400, THREADS):
                put(storage, number)()

        assert together(*(lambda share=share: work(share) for share in range(THREADS))) == [None] * THREADS
        assert storage.last_state == 400
    with open_storage(path, check=True) as storage:
        view = storage.view()
        assert [view.get(RECORDS, encode_uint(number)) for number in range(400)] == [b"%d" % n for n in range(400)]
        assert len(list(storage.log(0))) == 400
        assert list(storage.verify()) == []


def test_who_comes_while_others_commit_shares_the_next_commit(storage):
    begun, go, sizes = held(storage)
    first = threading.Thread(target=put(storage, 0))
    first.start()
    begun.wait(60)
    rest = [threading.Thread(target=put(storage, number)) for number in range(1, THREADS)]
    for thread in rest:
        thread.start()
    while len(storage._group._waiting) < THREADS - 1:
        time.sleep(0.001)
    go.set()
    for thread in [first, *rest]:
        thread.join(60)
    assert sizes == [1, THREADS - 1]
    assert storage.last_state == THREADS


def test_the_error_of_one_is_its_own(storage):
    put(storage, 1)()
    begun, go, _ = held(storage)
    leader = threading.Thread(target=put(storage, 100, base=1))
    leader.start()
    begun.wait(60)
    threading.Timer(0.1, go.set).start()
    results = together(
        put(storage, 2, base=1),
        put(storage, 1, base=0),
        put(storage, 3, base=1),
        put(storage, 4, base=77),
        put(storage, 5, base=1),
    )
    leader.join(60)
    assert isinstance(results[1], ConflictError)
    assert isinstance(results[3], ValueError)
    assert sorted([results[0], results[2], results[4]]) == [3, 4, 5]
    view = storage.view()
    assert [view.get(RECORDS, encode_uint(number)) for number in (1, 2, 3, 4, 5)] == [b"1", b"2", b"3", None, b"5"]


def test_a_batch_without_room_does_not_take_others_with_it(storage, monkeypatch):
    run = group.Writer.apply

    def apply(self, plan):
        if encode_uint(2) in plan.puts[RECORDS]:
            raise DiskFullError("no space")
        return run(self, plan)

    monkeypatch.setattr(group.Writer, "apply", apply)
    begun, go, _ = held(storage)
    leader = threading.Thread(target=put(storage, 100))
    leader.start()
    begun.wait(60)
    threading.Timer(0.2, go.set).start()
    results = together(put(storage, 1), put(storage, 2), put(storage, 3))
    leader.join(60)
    assert isinstance(results[1], DiskFullError)
    assert sorted([results[0], results[2]]) == [2, 3]
    assert storage.last_state == 3


def test_the_lead_goes_on_when_the_leader_is_interrupted(storage, monkeypatch):
    attempt, begun, go = Group._attempt, threading.Event(), threading.Event()
    groups = []

    def interrupted(self, requests):
        groups.append(len(requests))
        if len(groups) == 1:
            begun.set()
            go.wait(60)
            raise KeyboardInterrupt
        attempt(self, requests)

    monkeypatch.setattr(Group, "_attempt", interrupted)
    results = []

    def lead():
        try:
            put(storage, 0)()
        except KeyboardInterrupt as error:
            results.append(error)

    leader = threading.Thread(target=lead)
    leader.start()
    begun.wait(60)
    threading.Timer(0.1, go.set).start()
    assert sorted(together(put(storage, 1), put(storage, 2))) == [1, 2]
    leader.join(60)
    assert len(results) == 1
    assert storage.view().get(RECORDS, encode_uint(0)) is None
    assert put(storage, 3)() == 3


def test_a_waiting_thread_that_is_interrupted_takes_its_work_back(storage):
    class Turn:
        def __init__(self):
            self.calls = 0

        def acquire(self, timeout=-1):
            self.calls += 1
            if self.calls == 2:  # the first one only closes it
                raise KeyboardInterrupt

        def release(self):
            pass

    begun, go, _ = held(storage)
    leader = threading.Thread(target=put(storage, 0))
    leader.start()
    begun.wait(60)

    class Threading:
        Lock = Turn

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group, "threading", Threading)
        with pytest.raises(KeyboardInterrupt):
            put(storage, 1)()
    go.set()
    leader.join(60)
    assert put(storage, 2)() == 2
    assert storage.view().get(RECORDS, encode_uint(1)) is None


def test_alone_nobody_is_waited_for(storage, monkeypatch):
    class Threading:
        @staticmethod
        def Lock():
            raise AssertionError("a single committer needs no lock of its own")

    monkeypatch.setattr(group, "threading", Threading)
    for number in range(5):
        put(storage, number)()


def test_views_of_the_newest_state_show_it_at_once_to_all_threads(storage):
    key = encode_uint(1)
    storage.commit(Batch(0, {RECORDS: {key: b"0"}}))
    stop = threading.Event()

    def write() -> int:
        for number in range(1, 200):
            storage.commit(Batch(storage.last_state, {RECORDS: {key: b"%d" % number}}))
        stop.set()
        return 0

    def read() -> int:
        wrong = 0
        while not stop.is_set():
            before = storage.last_state
            with storage.view() as view:
                value = view.get(RECORDS, key)
                wrong += value != b"%d" % (view.state - 1) or view.state < before
        return wrong

    assert together(write, read, read, read) == [0, 0, 0, 0]


def test_changes_of_recent_commits_are_those_of_the_log(storage):
    for number in range(1, 301):
        put(storage, number, base=number - 1)()
    storage.commit(Batch(300, {RECORDS: {encode_uint(n): b"v" for n in range(1000, 3000, 2)}}))  # too large to keep
    put(storage, 5, base=301)()
    for after, upto in ((0, 302), (290, 300), (299, 301), (301, 302), (302, 302), (10, 20)):
        assert storage.each_change(after, upto) == [entry.changes for entry in storage.log(after, upto)]
