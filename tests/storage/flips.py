"""Flip single bits of a closed database: each copy is opened with the check, read and verified in a process of its own.

Never may a process die of a signal, nor data come back wrong without an error. `make flips`
runs 10,000; the tests a sample.

    python -m tests.storage.flips --count 10000 --seed 1
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

from pyroaring import BitMap

from perdure.errors import PerdureError
from perdure.kernel.keys import encode, encode_uint
from perdure.storage import SPACES, Batch, PostingDelta, VersionedStorage, open_storage
from perdure.storage.meta import CLOSED_KEY
from perdure.storage.spaces import (
    BLOBS,
    CATALOG,
    COUNTERS,
    ENTRIES,
    INTERNED,
    LOG,
    META,
    OBJECT_TAGS,
    POSTINGS,
    RECORDS,
    REFCOUNTS,
)

__all__ = ["build", "flip_and_read", "main", "run"]

SAME, REFUSED, FOUND, WRONG, DIED, STRANGE = "same", "refused", "found", "wrong data", "died", "strange error"
FAILURES = (WRONG, DIED, STRANGE)
_SECONDS_MAX = 120
_CODES = {name: number for number, name in enumerate((SAME, REFUSED, FOUND, WRONG, STRANGE), start=10)}


def build(path: str) -> None:
    """A small closed database with something of everything in it."""
    rng = random.Random(7)
    with open_storage(path) as storage:
        for state in range(40):
            storage.commit(_batch(rng, state))
        storage.prepare(Batch(40, {RECORDS: {encode_uint(5000): b"waiting"}}), b"waiting")
        storage.reserve("oid", 1000)


def _batch(rng: random.Random, state: int) -> Batch:
    ids = [encode_uint(number) for number in rng.sample(range(1, 400), 25)]
    batch = Batch(state, user=f"user {state % 3}", description="flips", extension=bytes([state]))
    batch.puts = {
        RECORDS: {key: None if rng.random() < 0.1 else rng.randbytes(rng.randrange(60)) for key in ids},
        ENTRIES: {encode_uint(9) + b"d" + encode((rng.randrange(60),)): rng.randbytes(8) for _ in range(6)},
        OBJECT_TAGS: dict.fromkeys(ids[:3], b"tags"),
        CATALOG: {b"c" + encode_uint(state): b"class %d" % state},
        INTERNED: {rng.randbytes(16): encode_uint(state)},
        BLOBS: {encode_uint(3) + encode_uint(state % 4): rng.randbytes(rng.choice([10, 9000]))},
    }
    batch.merges = {
        POSTINGS: {
            encode((tag,)) + encode_uint(0): PostingDelta(
                BitMap(rng.sample(range(65536), 2000 if state < 2 else 3)), BitMap(rng.sample(range(65536), 3))
            )
            for tag in "ab"
        },
        COUNTERS: {encode_uint(9): rng.randrange(-2, 5)},
        REFCOUNTS: dict.fromkeys(ids[:5], 1),
    }
    return batch


def fingerprint(storage: VersionedStorage) -> bytes:
    """A hash over every answer the storage can give."""
    digest = hashlib.sha256()

    def add(*parts: object) -> None:
        digest.update(repr(parts).encode())

    add(storage.uuid, storage.last_commit, storage.packed)
    add([one.transaction_id for one in storage.prepared()])
    add(list(storage.log(0)))
    for state in (0, 1, 5, 20, 39, storage.last_state):
        with storage.view(state) as view:
            for space in SPACES:
                if space == LOG:
                    continue
                content = [pair for pair in view.scan(space) if (space, pair[0]) != (META, CLOSED_KEY)]
                add(space, content)
                add(view.get_many(space, [key for key, _ in content]))
                add([pair for pair in view.scan(space, reverse=True) if (space, pair[0]) != (META, CLOSED_KEY)])
    for space in SPACES:
        if space.versioned:
            with storage.view() as view:
                add([view.history(space, key) for key, _ in view.scan(space)])
    return digest.digest()


def _read(path: str, expected: bytes) -> str:
    """Open, read all, verify; the outcome."""
    try:
        storage = open_storage(path, create=False, check=True)
    except PerdureError:
        return REFUSED
    try:
        problems = list(storage.verify())
        found = fingerprint(storage)
        storage.close()
    except PerdureError:
        return FOUND
    if problems:
        return FOUND
    return SAME if found == expected else WRONG


def flip_and_read(original: bytes, bit: int, expected: bytes, directory: str) -> str:
    """The outcome for one flipped bit, read by a process of its own."""
    path = os.path.join(directory, "flipped.db")
    damaged = bytearray(original)
    damaged[bit // 8] ^= 1 << bit % 8
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))
    Path(path).write_bytes(damaged)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_SECONDS_MAX)
        outcome = STRANGE
        try:
            outcome = _read(path, expected)
        except BaseException as error:
            print(f"bit {bit}: {error!r}", file=sys.stderr)
        finally:
            os._exit(_CODES[outcome])
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return DIED
    return next((name for name, code in _CODES.items() if code == os.WEXITSTATUS(status)), STRANGE)


def run(count: int, seed: int, progress: bool = False) -> tuple[Counter[str], list[tuple[int, str]]]:
    """Flip `count` random bits, those of the meta pages more often; how often each outcome, and the failures."""
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None
    directory = tempfile.mkdtemp(dir=base)
    try:
        os.mkdir(os.path.join(directory, "copy"))
        path = os.path.join(directory, "original.db")
        build(path)
        original = Path(path).read_bytes()
        with open_storage(path, read_only=True) as storage:
            expected = fingerprint(storage)
        rng = random.Random(seed)
        outcomes: Counter[str] = Counter()
        failures = []
        for number in range(count):
            meta = number % 10 == 0
            bit = rng.randrange(8 * 4096 * 2 if meta else 8 * len(original))
            if meta:
                bit = bit // (8 * 4096) * 8 * 4096 + rng.randrange(8 * 200)
            outcome = flip_and_read(original, bit, expected, os.path.join(directory, "copy"))
            outcomes[outcome] += 1
            if outcome in FAILURES:
                failures.append((bit, outcome))
            if progress and (number + 1) % 500 == 0:
                print(f"{number + 1} flips of {len(original)} bytes: {dict(outcomes)}", flush=True)
        return outcomes, failures
    finally:
        shutil.rmtree(directory)


def main() -> int:
    """The command line; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="how many bits to flip")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random choice")
    options = parser.parse_args()
    outcomes, failures = run(options.count, options.seed, progress=True)
    print(f"seed {options.seed}: {dict(outcomes)}")
    for bit, outcome in failures:
        print(f"FAILED: bit {bit}: {outcome}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
