"""What every engine must do, as tests to inherit. The engine has at least the spaces 0, 1 and 2, all empty."""

from __future__ import annotations

import threading

import pytest

from perdure.engine import Engine, RetryTransaction
from perdure.errors import StorageError

__all__ = ["EngineContract", "write"]

Pair = tuple[bytes, bytes]


def write(engine: Engine, space: int, *items: Pair) -> None:
    """Commit entries, starting again as often as the engine asks."""
    while True:
        transaction = engine.begin(write=True)
        try:
            transaction.put_many(space, sorted(items))
            transaction.commit()
            return
        except RetryTransaction:
            continue
        finally:
            transaction.abort()


def entries(engine: Engine, space: int) -> list[Pair]:
    """All that a new read transaction sees."""
    transaction = engine.begin()
    try:
        return list(transaction.scan(space))
    finally:
        transaction.abort()


ABC = [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]


class EngineContract:
    """Inherit and give a fixture `engine`."""

    def test_committed_entries_come_back_in_key_order(self, engine: Engine) -> None:
        write(engine, 0, (b"b", b"2"), (b"a", b"1"), (b"\xff" * 9, b"z"), (b"a\0", b""))
        assert entries(engine, 0) == [(b"a", b"1"), (b"a\0", b""), (b"b", b"2"), (b"\xff" * 9, b"z")]

    def test_spaces_are_apart(self, engine: Engine) -> None:
        write(engine, 0, (b"k", b"zero"))
        write(engine, 1, (b"k", b"one"))
        assert entries(engine, 0) == [(b"k", b"zero")]
        assert entries(engine, 1) == [(b"k", b"one")]
        assert entries(engine, 2) == []

    def test_get_gives_the_value_or_none(self, engine: Engine) -> None:
        write(engine, 0, *ABC)
        reader = engine.begin()
        assert reader.get(0, b"b") == b"2"
        assert reader.get(0, b"bb") is None
        assert reader.get_many(0, [b"c", b"x", b"a"]) == [b"3", None, b"1"]
        reader.abort()

    def test_seek_finds_the_first_entry_at_or_after(self, engine: Engine) -> None:
        write(engine, 0, *ABC)
        reader = engine.begin()
        assert reader.seek(0, b"b") == (b"b", b"2")
        assert reader.seek(0, b"aa") == (b"b", b"2")
        assert reader.seek(0, b"d") is None
        assert reader.seek_many(0, [b"d", b"0", b"c"]) == [None, (b"a", b"1"), (b"c", b"3")]
        reader.abort()

    def test_last_gives_the_greatest_key(self, engine: Engine) -> None:
        write(engine, 0, *ABC)
        reader = engine.begin()
        assert reader.last(0) == (b"c", b"3")
        assert reader.last(1) is None
        reader.abort()

    @pytest.mark.parametrize(
        ("lo", "hi", "expected"),
        [
            (b"", None, b"abc"),
            (b"b", None, b"bc"),
            (b"", b"b", b"a"),
            (b"aa", b"c", b"b"),
            (b"b", b"b", b""),
            (b"c", b"a", b""),
            (b"d", None, b""),
            (b"", b"zz", b"abc"),
        ],
    )
    def test_scan_keeps_to_its_bounds(self, engine: Engine, lo: bytes, hi: bytes | None, expected: bytes) -> None:
        write(engine, 0, *ABC)
        reader = engine.begin()
        forward = b"".join(key for key, _ in reader.scan(0, lo, hi))
        backward = b"".join(key for key, _ in reader.scan(0, lo, hi, reverse=True))
        reader.abort()
        assert forward == expected
        assert backward == expected[::-1]

    def test_a_writer_sees_its_own_writes(self, engine: Engine) -> None:
        write(engine, 0, *ABC)
        writer = engine.begin(write=True)
        writer.put_many(0, [(b"aa", b"new"), (b"b", b"changed")])
        assert writer.delete_many(0, [b"a", b"missing"]) == 1
        assert writer.get(0, b"b") == b"changed"
        assert writer.seek(0, b"a") == (b"aa", b"new")
        assert writer.last(0) == (b"c", b"3")
        assert [key for key, _ in writer.scan(0)] == [b"aa", b"b", b"c"]
        assert [key for key, _ in writer.scan(0, reverse=True)] == [b"c", b"b", b"aa"]
        writer.commit()
        assert entries(engine, 0) == [(b"aa", b"new"), (b"b", b"changed"), (b"c", b"3")]

    def test_delete_range_removes_what_lies_between(self, engine: Engine) -> None:
        write(engine, 0, *ABC, (b"d", b"4"))
        writer = engine.begin(write=True)
        assert writer.delete_range(0, b"b", b"d") == 2
        assert writer.delete_range(0, b"x", None) == 0
        writer.commit()
        assert entries(engine, 0) == [(b"a", b"1"), (b"d", b"4")]
        writer = engine.begin(write=True)
        assert writer.delete_range(0, b"", None) == 2
        writer.commit()
        assert entries(engine, 0) == []

    def test_abort_leaves_nothing(self, engine: Engine) -> None:
        write(engine, 0, *ABC)
        writer = engine.begin(write=True)
        writer.put_many(0, [(b"x", b"y")])
        writer.delete_range(0, b"", b"c")
        writer.abort()
        writer.abort()
        assert entries(engine, 0) == ABC

    def test_a_reader_keeps_its_moment(self, engine: Engine) -> None:
        write(engine, 0, *ABC)
        reader = engine.begin()
        assert reader.get(0, b"a") == b"1"
        write(engine, 0, (b"a", b"changed"), (b"d", b"4"))
        assert reader.get(0, b"a") == b"1"
        assert list(reader.scan(0)) == ABC
        reader.abort()
        assert entries(engine, 0)[0] == (b"a", b"changed")

    def test_the_moment_tells_of_every_commit(self, engine: Engine) -> None:
        write(engine, 1, (b"a", b"1"))
        before = engine.moment()
        reader = engine.begin()
        assert reader.moment == before
        writer = engine.begin(write=True)
        writer.put_many(1, [(b"a", b"2")])
        assert engine.moment() == before
        writer.commit()
        assert engine.moment() == writer.moment > before
        assert reader.moment == before
        reader.abort()
        reader = engine.begin()
        assert reader.moment == engine.moment()
        reader.abort()
        writer = engine.begin(write=True)
        writer.put_many(1, [(b"a", b"3")])
        writer.abort()
        engine.begin(write=True).commit()
        assert engine.moment() == before + 1

    def test_a_pending_writer_is_invisible_and_blocks_no_reader(self, engine: Engine) -> None:
        write(engine, 0, *ABC)
        writer = engine.begin(write=True)
        writer.put_many(0, [(b"a", b"dirty")])
        assert entries(engine, 0) == ABC
        writer.abort()

    def test_a_second_writer_waits_for_the_first(self, engine: Engine) -> None:
        order: list[str] = []
        writer = engine.begin(write=True)

        def second() -> None:
            write(engine, 0, (b"k", b"second"))
            order.append("second")

        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.05)
        assert order == []
        writer.put_many(0, [(b"k", b"first")])
        order.append("first")
        writer.commit()
        thread.join(30)
        assert order == ["first", "second"]
        assert entries(engine, 0) == [(b"k", b"second")]

    def test_large_values_and_long_keys_come_back(self, engine: Engine) -> None:
        key = b"k" * min(engine.capabilities.key_bytes_max, 4000)
        value = bytes(range(256)) * 8192
        write(engine, 0, (key, value), (b"a", value[:5000]))
        assert entries(engine, 0) == [(b"a", value[:5000]), (key, value)]

    def test_a_key_that_is_too_long_is_refused_and_nothing_written(self, engine: Engine) -> None:
        limit = engine.capabilities.key_bytes_max
        if limit > 1 << 20:
            pytest.skip("the engine takes keys of any length")
        with pytest.raises(StorageError, match="key"):
            write(engine, 0, (b"a", b"1"), (b"k" * (limit + 1), b"2"))
        assert entries(engine, 0) == []
        write(engine, 0, *ABC)

    def test_puts_before_between_and_behind_what_is_there(self, engine: Engine) -> None:
        write(engine, 0, *((b"%03d" % number, b"old") for number in range(100, 200, 2)))
        new = [(b"%03d" % number, b"new") for number in range(90, 300, 3)]
        write(engine, 0, *new)
        assert dict(entries(engine, 0)) == {
            **{b"%03d" % number: b"old" for number in range(100, 200, 2)},
            **dict(new),
        }

    def test_a_watcher_wakes_after_a_commit(self, engine: Engine) -> None:
        watcher = engine.watch()
        ticket = watcher.ticket()
        assert not watcher.wait(ticket, 0.0)
        woken: list[bool] = []
        thread = threading.Thread(target=lambda: woken.append(watcher.wait(ticket, 60)))
        thread.start()
        write(engine, 0, (b"k", b"v"))
        thread.join(60)
        assert woken == [True]
        assert watcher.wait(ticket, 60)

    def test_a_closed_engine_says_so(self, engine: Engine) -> None:
        engine.close()
        engine.close()
        with pytest.raises(StorageError, match="closed"):
            engine.begin()
