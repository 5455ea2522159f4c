from __future__ import annotations

import struct
from collections import Counter

from tests.storage import flips


def build(directory):
    """The bytes of a closed database and what reading it gives; copies of it go to `copy`."""
    path = directory / "original.db"
    flips.build(str(path))
    (directory / "copy").mkdir()
    with flips.open_storage(path, read_only=True) as storage:
        return path.read_bytes(), flips.fingerprint(storage)


def test_a_flipped_bit_never_gives_wrong_data_unnoticed():
    outcomes, failures = flips.run(count=60, seed=20)
    assert failures == []
    assert outcomes[flips.REFUSED] > 0
    assert outcomes[flips.FOUND] > 0
    assert outcomes[flips.SAME] > 0


def test_the_newest_commit_cannot_be_lost_by_a_flip_in_the_choice_of_it(tmp_path):
    original, expected = build(tmp_path)
    for page in (0, 1):
        number_at = 4096 * page + 16 + 128
        for bit in (0, 1, 2, 3, 5, 9, 40, 63):
            outcome = flips.flip_and_read(original, 8 * number_at + bit, expected, str(tmp_path / "copy"))
            assert outcome in (flips.SAME, flips.REFUSED)


def branch_keys(data):
    """Where the keys between two child pages lie in a file of LMDB's format 0.9: offsets of their bytes."""
    for start in range(2 * 4096, len(data), 4096):
        _, _, flags, lower, _ = struct.unpack_from("<QHHHH", data, start)
        if flags == 1:
            for position in range(16 + 2, lower, 2):  # the first child needs none
                node = start + struct.unpack_from("<H", data, start + position)[0]
                size = struct.unpack_from("<H", data, node + 6)[0]
                yield from range(node + 8, node + 8 + size)


def test_a_flipped_bit_in_a_key_between_pages_is_found(tmp_path):
    original, expected = build(tmp_path)
    places = list(branch_keys(original))
    outcomes = Counter(
        flips.flip_and_read(original, 8 * place + place % 8, expected, str(tmp_path / "copy")) for place in places[::5]
    )
    assert set(outcomes) <= {flips.SAME, flips.REFUSED, flips.FOUND} and outcomes[flips.REFUSED] > 10


def test_the_alarm_works(monkeypatch):
    monkeypatch.setattr(flips, "_read", lambda path, expected: flips.WRONG)
    outcomes, failures = flips.run(count=1, seed=1)
    assert outcomes == {flips.WRONG: 1}
    assert len(failures) == 1
