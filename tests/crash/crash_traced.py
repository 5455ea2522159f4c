"""The program that is traced for crash images: transactions of every kind on a new database.

Run as `python crash_traced.py PATH SEED COUNT`; with an odd seed the database keeps its history, else not. It notes in
the trace `{"intent": what}` before a call that writes and `{"held": ...}` after it, with the fields of
`crash_states.Held`; `{"oid": last}` after object ids were reserved; and `{"model": digest, "state": number}` after a
commit.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from random import Random
from typing import Any

from crash_model import transactions
from crash_session import SessionFace
from crash_states import Held

from perdure.storage import VersionedStorage, open_storage

_WRITING = ("commit", "prepare", "reserve", "pack", "_settle")
_MAP_BYTES = 1 << 18  # so small that the map has to grow


def _note(content: dict[str, Any]) -> None:
    data = json.dumps(content).encode()
    ctypes.CDLL(None).trace_note(data, ctypes.c_size_t(len(data)))


def _noting(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(storage: VersionedStorage, *arguments: Any, **options: Any) -> Any:
        _note({"intent": method.__name__})
        result = method(storage, *arguments, **options)
        _note({"held": Held.of(storage).note()})
        if isinstance(result, range):
            _note({"oid": result[-1]})
        return result

    return call


def _work(face: SessionFace, random: Random, serial: int, count: int) -> None:
    steps = transactions(face.read(), random, serial)
    for number in range(count):
        changes, after, is_committed = next(steps)
        face.apply(changes)
        if not is_committed:
            face.abort()
            continue
        if number % 4 == 3:
            face.finish(face.prepare(b"t%d" % (serial + number)))
        else:
            face.commit()
        _note({"model": after.digest().hex(), "state": face.connection.state})


def main(path: str, seed: int, count: int) -> None:
    """Write the database in three sessions, the second one ending with a pack."""
    random = Random(seed)
    for name in _WRITING:
        setattr(VersionedStorage, name, _noting(getattr(VersionedStorage, name)))
    for session in range(3):
        _note({"intent": "open"})
        face = SessionFace(path, "w", map_bytes=_MAP_BYTES, history=seed % 2 == 1)
        _note({"held": Held.of(face.database.storage).note()})
        _work(face, random, 1000 * session, count)
        if session == 1:
            face.pack()
        _note({"intent": "close"})
        face.close()
        with open_storage(path, read_only=True) as storage:
            _note({"held": Held.of(storage).note()})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
