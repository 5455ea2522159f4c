from __future__ import annotations

from bisect import bisect_left

import pytest

from perdure.errors import CorruptRecordError
from perdure.kernel import locks as chosen_locks
from perdure.kernel import seeking as chosen
from perdure.kernel import versions
from perdure.kernel._pure import locks as pure_locks
from perdure.kernel._pure import seeking as pure

TWINS = [
    pytest.param((chosen.Seeker, chosen_locks.RecursiveLock), id="chosen"),
    pytest.param((pure.Seeker, pure_locks.RecursiveLock), id="pure"),
]
SPACE = 3


class Table:
    """Sorted versions with a cursor, and a count of how often it was asked in the other way."""

    def __init__(self, *items: tuple[bytes, int, int, bytes]) -> None:
        self.pairs = sorted(versions.seal(key, state, kind, value, SPACE) for key, state, kind, value in items)
        self.asked = 0
        self.at = 0

    def move(self, physical: bytes) -> bool:
        self.at = bisect_left(self.pairs, (physical, b""))
        return self.at < len(self.pairs)

    def item(self) -> tuple[bytes, bytes]:
        return self.pairs[self.at]

    def again(self, space: int, physical: bytes) -> tuple[bytes, bytes] | None:
        assert space == SPACE
        self.asked += 1
        return self.item() if self.move(physical) else None


def finder(twin, table):
    Seeker, Lock = twin
    seeker = Seeker(SPACE, Lock(), table.again)
    return seeker, lambda key, state, fold=None: seeker.newest(key, versions.suffix(state), fold)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("used", [False, True])
def test_it_gives_the_newest_version_up_to_the_state(twin, used):
    table = Table(
        (b"\x01", 2, versions.FULL, b"two"),
        (b"\x01", 300, versions.FULL, b"later"),
        (b"\x02", 5, versions.TOMBSTONE, b""),
        (b"\x03", 7, versions.DELTA, b"delta"),
    )
    seeker, find = finder(twin, table)
    if used:
        seeker.use(table.move, table.item)
    assert seeker.space == SPACE
    assert find(b"\x01", 1) is None
    assert find(b"\x01", 2) == b"two" and find(b"\x01", 299) == b"two" and find(b"\x01", 300) == b"later"
    assert find(b"\x02", 9) is None and find(b"\x04", 9) is None
    assert find(b"\x03", 9, lambda space, key, physical: b"%d %b" % (space, key)) == b"3 \x03"
    with pytest.raises(CorruptRecordError, match="delta"):
        find(b"\x03", 9)
    assert table.asked == (0 if used else 8)


@pytest.mark.parametrize("twin", TWINS)
def test_when_the_cursor_fails_or_was_taken_away_the_other_way_is_asked(twin):
    table = Table((b"\x01", 2, versions.FULL, b"two"))
    seeker, find = finder(twin, table)

    def fail(*_):
        raise OSError("over")

    seeker.use(fail, table.item)
    assert find(b"\x01", 2) == b"two" and table.asked == 1
    seeker.use(table.move, fail)
    assert find(b"\x01", 2) == b"two" and table.asked == 2
    seeker.use(table.move, table.item)
    seeker.drop()
    assert find(b"\x01", 2) == b"two" and table.asked == 3
    table.again = fail
    seeker, find = finder(twin, table)
    with pytest.raises(OSError, match="over"):
        find(b"\x01", 2)


@pytest.mark.parametrize("twin", TWINS)
def test_a_damaged_version_is_an_error_that_names_it(twin):
    table = Table((b"\x01", 2, versions.FULL, b"two"))
    table.pairs = [(key, value[:-1] + b"!") for key, value in table.pairs]
    seeker, find = finder(twin, table)
    seeker.use(table.move, table.item)
    with pytest.raises(CorruptRecordError, match="0x01"):
        find(b"\x01", 2)
