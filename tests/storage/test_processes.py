from __future__ import annotations

import os
import threading
import time

import pytest

from perdure.engine.shared_memory import SharedMemory
from perdure.errors import ConflictError, StateUnavailableError, StorageError
from perdure.kernel.keys import encode_uint
from perdure.storage import Batch, merge, open_storage
from perdure.storage.spaces import COUNTERS, RECORDS
from tests.processes import Child, run_child

ONE, TWO = encode_uint(1), encode_uint(2)

OPEN = """
    import sys
    from perdure.kernel.keys import encode_uint
    from perdure.storage import Batch, open_storage
    from perdure.storage.spaces import COUNTERS, RECORDS
    ONE = encode_uint(1)
    def say(*words): print(*words, flush=True)
    def hear(): return sys.stdin.readline().strip()
    storage = open_storage(sys.argv[1])
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "test.db")


def test_writers_of_several_processes_take_turns(path):
    code = (
        OPEN
        + """
    for step in range(50):
        storage.commit(Batch(0, {RECORDS: {encode_uint(int(sys.argv[2]) * 1000 + step): b"x"}}, {COUNTERS: {ONE: 1}}))
    numbers = [storage.reserve("ids", 3) for _ in range(20)]
    say(*[number for numbers in numbers for number in numbers])
    storage.close()
    """
    )
    open_storage(path).close()
    children = [Child(code, path, number) for number in range(3)]
    reserved = [int(number) for child in children for number in child.hear().split()]
    assert [child.end() for child in children] == [0, 0, 0]
    for child in children:
        child.__exit__()
    with open_storage(path, check=True) as storage:
        assert storage.last_state == 150
        assert len(list(storage.view().scan(RECORDS))) == 150
        assert merge.counter_value(storage.view().get(COUNTERS, ONE)) == 150
        assert sorted(reserved) == list(range(1, 181))
        assert list(storage.verify()) == []


def test_processes_that_make_the_same_file_at_once_share_it(path):
    code = (
        OPEN
        + """
    say(storage.uuid.hex())
    storage.commit(Batch(0, merges={COUNTERS: {ONE: 1}}))
    storage.close()
    """
    )
    children = [Child(code, path) for _ in range(4)]
    uuids = {child.hear() for child in children}
    assert [child.end() for child in children] == [0] * 4
    for child in children:
        child.__exit__()
    with open_storage(path) as storage:
        assert uuids == {storage.uuid.hex()}
        assert storage.last_state == 4


def test_a_view_sees_what_others_committed_before_it(path):
    code = (
        OPEN
        + """
    for state in range(3):
        hear()
        storage.commit(Batch(state, {RECORDS: {ONE: b"%d" % state}}))
        say("done")
    hear()
    """
    )
    with open_storage(path) as storage, Child(code, path) as child:
        old = storage.view()
        for state in range(3):
            child.say()
            assert child.hear() == "done"
            assert storage.view().get(RECORDS, ONE) == b"%d" % state
        assert old.get(RECORDS, ONE) is None
        assert [entry.state for entry in storage.log(0)] == [1, 2, 3]


def test_a_conflict_with_another_process_is_found(path):
    code = (
        OPEN
        + """
    storage.commit(Batch(1, {RECORDS: {ONE: b"theirs"}}))
    storage.close()
    """
    )
    with open_storage(path) as storage:
        storage.commit(Batch(0, {RECORDS: {ONE: b"first"}}))
        run_child(code, path)
        with pytest.raises(ConflictError):
            storage.commit(Batch(1, {RECORDS: {ONE: b"ours"}}))


def test_watch_wakes_for_another_process(path):
    code = (
        OPEN
        + """
    say("ready")
    hear()
    storage.commit(Batch(0, {RECORDS: {ONE: b"x"}}))
    hear()
    """
    )
    with open_storage(path) as storage, Child(code, path) as child:
        assert child.hear() == "ready"
        answers = []
        thread = threading.Thread(target=lambda: answers.append(storage.watch(0, timeout=60)))
        thread.start()
        child.say()
        thread.join(60)
        assert answers == [1]


def test_watch_sees_a_commit_whose_bell_never_rang(path, monkeypatch):
    monkeypatch.setattr(SharedMemory, "ring", lambda self: None)
    with open_storage(path) as storage:
        threading.Timer(0.05, lambda: storage.commit(Batch(0))).start()
        assert storage.watch(0, timeout=60) == 1


def test_watching_needs_no_futex(path, monkeypatch):
    monkeypatch.setattr("perdure.engine.shared_memory._futex", None)
    with open_storage(path) as storage:
        threading.Timer(0.05, lambda: storage.commit(Batch(0))).start()
        assert storage.watch(0, timeout=60) == 1
        assert storage.watch(1, timeout=0.02) == 1


def test_closing_ends_a_watch(path):
    storage = open_storage(path)
    errors = []

    def watch():
        try:
            storage.watch(0, timeout=60)
        except StorageError as error:
            errors.append(str(error))

    thread = threading.Thread(target=watch)
    thread.start()
    time.sleep(0.05)
    storage.close()
    thread.join(60)
    assert len(errors) == 1
    assert "closed" in errors[0]


def test_watching_looks_at_the_data_only_now_and_then(path, monkeypatch):
    with open_storage(path) as storage:
        looks = []
        begin = storage.engine.begin
        monkeypatch.setattr(storage.engine, "begin", lambda **mode: looks.append(mode) or begin(**mode))
        assert storage.watch(0, timeout=1.5) == 0
        assert len(looks) <= 5


def test_a_map_that_another_process_made_larger_is_followed(path):
    code = (
        OPEN
        + """
    storage.close()
    storage = open_storage(sys.argv[1], map_bytes=1 << 16)
    say("ready")
    hear()
    storage.commit(Batch(0, {RECORDS: {encode_uint(number): b"x" * 500 for number in range(20_000)}}))
    say("large")
    hear()
    assert len(list(storage.view().scan(RECORDS))) == 20_001
    storage.commit(Batch(2, {RECORDS: {encode_uint(30_001): b"y"}}))
    say("done")
    """
    )
    with Child(code, path) as child:
        assert child.hear() == "ready"
        with open_storage(path, map_bytes=1 << 16) as storage:
            early = storage.view()
            assert early.get(RECORDS, ONE) is None
            child.say()
            assert child.hear() == "large"
            assert len(list(storage.view().scan(RECORDS))) == 20_000
            assert early.get(RECORDS, ONE) is None
            storage.commit(Batch(1, {RECORDS: {encode_uint(30_000): b"x" * 5_000_000}}))
            child.say()
            assert child.hear() == "done"
            assert storage.last_state == 3
            assert list(storage.verify()) == []


def test_pack_spares_the_views_of_other_processes(path):
    code = (
        OPEN
        + """
    view = storage.view(2)
    say("viewing")
    hear()
    say(view.get(RECORDS, ONE).decode())
    hear()
    """
    )
    with open_storage(path) as storage:
        for state in range(5):
            storage.commit(Batch(state, {RECORDS: {ONE: b"%d" % state}}))
        with Child(code, path) as child:
            assert child.hear() == "viewing"
            assert storage.pack(5) == 2
            child.say()
            assert child.hear() == "1"
            child.kill()
        assert storage.pack(5) == 5
        with pytest.raises(StateUnavailableError):
            storage.view(4)


def test_without_history_the_views_of_other_processes_are_spared(path):
    code = (
        OPEN
        + """
    view = storage.view()
    say("viewing")
    hear()
    say(view.get(RECORDS, ONE).decode(), len(list(view.scan(RECORDS))))
    """
    )
    with open_storage(path, history=False) as storage:
        storage.commit(Batch(0, {RECORDS: {ONE: b"seen", TWO: b"seen"}}))
        with Child(code, path) as child:
            assert child.hear() == "viewing"
            for state in range(1, 30):
                storage.commit(Batch(state, {RECORDS: {ONE: b"%d" % state, TWO: None if state % 2 else b"x"}}))
            child.say()
            assert child.hear() == "seen 2"
            child.end()
        for state in range(30, 35):
            storage.commit(Batch(state, {RECORDS: {ONE: b"%d" % state}}))
        assert len(storage.view().history(RECORDS, ONE)) <= 3
        assert list(storage.verify()) == []


def test_without_history_little_is_kept(path):
    with open_storage(path, history=False) as storage:
        for state in range(200):
            puts = {ONE: b"%d" % state, encode_uint(10 + state): b"x"}
            storage.commit(Batch(storage.last_state, {RECORDS: puts}))
            if state >= 10:
                storage.commit(Batch(storage.last_state, {RECORDS: {encode_uint(state): None}}))
        transaction = storage.engine.begin()
        entries = sum(1 for _ in transaction.scan(RECORDS))
        transaction.abort()
        assert entries < 40
        assert len(list(storage.log(storage.packed))) < 140
        assert list(storage.verify()) == []


KILLED_WHILE_PREPARED = (
    OPEN
    + """
    storage.commit(Batch(0, {RECORDS: {ONE: b"before"}}))
    storage.prepare(Batch(1, {RECORDS: {ONE: b"after"}}, {COUNTERS: {ONE: 2}}, user="ada"), b"the id")
    say("prepared")
    hear()
"""
)


@pytest.mark.parametrize("finish", [True, False])
def test_a_prepared_batch_survives_the_death_of_its_process(path, finish):
    with Child(KILLED_WHILE_PREPARED, path) as child:
        assert child.hear() == "prepared"
        with open_storage(path) as storage:
            (waiting,) = storage.prepared()
            assert waiting.transaction_id == b"the id"
            assert not waiting.orphaned
            child.kill()
            assert waiting.orphaned
            with pytest.raises(ConflictError, match="held by the prepared transaction"):
                storage.commit(Batch(1, {RECORDS: {ONE: b"other"}}))
            if finish:
                assert waiting.finish().state == 2
            else:
                waiting.abort()
            assert storage.view().get(RECORDS, ONE) == (b"after" if finish else b"before")
            assert merge.counter_value(storage.view().get(COUNTERS, ONE)) == (2 if finish else 0)
            assert [entry.user for entry in storage.log(1)] == (["ada"] if finish else [])
            assert (storage.finished(b"the id") is not None) == finish


def test_a_child_of_a_fork_has_to_open_for_itself(path):
    storage = open_storage(path, exclusive=True)
    storage.commit(Batch(0, {RECORDS: {ONE: b"parent"}}))
    view = storage.view()
    assert view.get(RECORDS, ONE) == b"parent"
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        answers = []
        try:
            for use in (lambda: view.get(RECORDS, ONE), storage.view, lambda: storage.commit(Batch(1))):
                try:
                    use()
                    answers.append("no error")
                except StorageError as error:
                    answers.append("open it again here" if "open it again here" in str(error) else str(error))
            view.release()
            storage.close()
            with open_storage(path, read_only=True) as own:
                answers.append(own.view().get(RECORDS, ONE).decode())
            os.write(send, "|".join(answers).encode())
        finally:
            os._exit(0)
    os.close(send)
    os.waitpid(child, 0)
    assert os.read(receive, 1000) == b"open it again here|open it again here|open it again here|parent"
    os.close(receive)
    assert view.get(RECORDS, ONE) == b"parent"
    assert storage.commit(Batch(1, {RECORDS: {ONE: b"more"}})).state == 2
    storage.close()
    with open_storage(path, exclusive=True, check=True) as storage:
        assert list(storage.verify()) == []


def test_a_fork_while_threads_write_and_read_harms_neither(path):
    storage = open_storage(path)
    stop = threading.Event()

    def work(number):
        while not stop.is_set():
            storage.commit(Batch(0, merges={COUNTERS: {encode_uint(number): 1}}))
            storage.view().get(COUNTERS, encode_uint(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    with storage.view() as view:
        total = sum(merge.counter_value(value) for _, value in view.scan(COUNTERS))
        assert total == storage.last_state
    assert list(storage.verify()) == []
    storage.close()


def test_a_view_left_alone_holds_nothing_of_the_engine(path):
    with open_storage(path) as storage:
        storage.commit(Batch(0, {RECORDS: {encode_uint(number): b"old" * 100 for number in range(2000)}}))
        view = storage.view()
        assert view.get(RECORDS, ONE) == b"old" * 100
        for _ in range(100):
            if storage._reader.transaction is None:
                break
            time.sleep(0.1)
        assert storage._reader.transaction is None
        assert view.get(RECORDS, ONE) == b"old" * 100


def test_a_shared_file_that_cannot_be_written_does_not_keep_readers_out(path, monkeypatch):
    with open_storage(path) as storage:
        storage.commit(Batch(0, {RECORDS: {ONE: b"x"}}))
    real = os.open

    def refuse(name, *arguments, **options):
        if str(name).endswith("-shared"):
            raise PermissionError(13, "denied")
        return real(name, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    with open_storage(path, read_only=True) as storage:
        assert storage.view().get(RECORDS, ONE) == b"x"
        assert storage.watch(1, timeout=0.01) == 1


def test_checking_is_not_disturbed_by_a_busy_writer(path):
    code = (
        OPEN
        + """
    import random
    state = storage.last_state
    say("started")
    while True:
        puts = {encode_uint(random.randrange(3000)): random.randbytes(random.randrange(400)) for _ in range(50)}
        state = storage.commit(Batch(state, {RECORDS: puts}, {COUNTERS: {ONE: 1}})).state
        if state % 50 == 0:
            storage.pack(state - 10)
    """
    )
    with open_storage(path) as storage:
        storage.commit(Batch(0, {RECORDS: {encode_uint(number): b"x" * 100 for number in range(3000)}}))
    with Child(code, path) as child:
        assert child.hear() == "started"
        for _ in range(5):
            with open_storage(path, check=True) as storage:
                assert list(storage.verify()) == []
        assert child.process.poll() is None
