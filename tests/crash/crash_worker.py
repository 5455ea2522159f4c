"""The process that gets killed: random transactions on a database, each announced and acknowledged through a pipe."""

from __future__ import annotations

import os
import struct
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from crash_model import Change, Model, random_changes

from perdure.errors import ConflictError

_MESSAGE = struct.Struct("<c16sQ")

OPENED = b"O"  # digest found
INTENT = b"I"  # digest after the commit that follows
DONE = b"A"  # digest and state after a commit
KEPT = b"K"  # digest after changes that the next automatic commit takes with it, told before they are made
REFUSED = b"X"  # the commit announced before met a conflict
PREPARE = b"R"  # digest after, number of the transaction that is going to be prepared
PREPARED = b"r"
FINISH = b"F"
PACK = b"P"
CLOSE = b"C"
QUIET = b"q"  # a pack or close has ended
BROKEN = b"E"  # an exception; its text follows on standard error


class Face(Protocol):
    """How the worker works on its objects in a database."""

    is_shared: bool
    """Whether several processes can write at the same time, and in two phases."""
    state: int

    def read(self, at: int | None = None) -> Model: ...
    def apply(self, changes: list[Change]) -> None: ...
    def commit(self) -> int: ...
    def keep(self) -> None: ...
    def prepare(self, transaction_id: bytes) -> Any: ...
    def finish(self, prepared: Any) -> int: ...
    def abort(self) -> None: ...
    def pack(self) -> None: ...
    def problems(self) -> list[str]: ...
    def waiting(self) -> list[bytes]: ...
    def settle(self, finish: bool) -> None: ...
    def close(self) -> None: ...


OpenFace = type[Face]
"""Called with a path and the name of the worker; options are `history`, `check` and `autocommit`."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a worker told: kind, digest and a number."""

    kind: bytes
    digest: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Habits:
    """How often, from 0 to 1, a worker prepares first, packs, and closes and opens again.

    `autocommit`: it leaves most commits to the background. `flaw`: what it does wrong as a canary.
    """

    prepares: float = 0.1
    packs: float = 0.1
    reopens: float = 0.1
    autocommit: bool = False
    flaw: str = ""


def receive(descriptor: int) -> Message | None:
    """The next message; None when the worker is gone."""
    data = os.read(descriptor, _MESSAGE.size)
    return Message(*_MESSAGE.unpack(data)) if len(data) == _MESSAGE.size else None


class Worker:
    """Works until it is killed."""

    def __init__(self, pipe: int, open_face: Callable[[], Face], seed: int, habits: Habits) -> None:
        self._pipe = pipe
        self._open = open_face
        self._random = Random(seed)
        self._serial = seed << 16
        self._habits = habits

    def run(self) -> None:
        """Open the database and change it again and again."""
        try:
            face = self._open()
            model = face.read()
            self._tell(OPENED, model)
            while True:
                model = self._transaction(face, model)
                face = self._rest(face, model)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            self._tell(BROKEN)
            raise

    def _tell(self, kind: bytes, model: Model | None = None, number: int = 0) -> None:
        digest = b"" if model is None else model.digest()
        os.write(self._pipe, _MESSAGE.pack(kind, digest, number))

    def _transaction(self, face: Face, model: Model) -> Model:
        self._serial += 1
        changes = random_changes(model, self._random, self._serial)
        after = model.apply(changes)
        if self._habits.flaw == "halves" and len(changes) > 1:
            face.apply(changes[:1])
            face.commit()
            changes = changes[1:]
        face.apply(changes)
        if self._random.random() < 0.1 or after.digest() == model.digest():
            face.abort()
            return model
        try:
            if self._random.random() < self._habits.prepares:
                self._in_two_phases(face, after)
            else:
                self._commit(face, after)
        except ConflictError:
            face.abort()
            self._tell(REFUSED, model)
            return model
        return after

    def _commit(self, face: Face, after: Model) -> None:
        if self._habits.autocommit and self._random.random() < 0.9:
            self._tell(KEPT, after)
            face.keep()
            return
        self._tell(INTENT, after)
        if self._habits.flaw == "early":
            self._tell(DONE, after)
        state = face.commit()
        self._tell(DONE, after, state)

    def _in_two_phases(self, face: Face, after: Model) -> None:
        self._tell(PREPARE, after, self._serial)
        prepared = face.prepare(b"%d" % self._serial)
        self._tell(PREPARED, after, self._serial)
        self._tell(FINISH, after, self._serial)
        self._tell(DONE, after, face.finish(prepared))

    def _rest(self, face: Face, model: Model) -> Face:
        if self._random.random() < self._habits.packs:
            self._tell(PACK, model, face.state)
            face.pack()
            self._tell(QUIET, model)
        if self._random.random() < self._habits.reopens:
            self._tell(CLOSE, model)
            face.close()
            face = self._open()
            assert face.read().digest() == model.digest(), "another state after closing and opening"
            self._tell(QUIET, model)
        return face
