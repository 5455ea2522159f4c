"""The published tests fail on engines and storages that break a rule, and pass on those that keep them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from perdure.engine import MemoryEngine
from perdure.engine.memory import MemoryTransaction
from perdure.storage import SPACES, Batch, Committed, Resolve, VersionedStorage
from perdure.testing import EngineContract, StorageContract, engine_machine


class Sound(MemoryTransaction):
    pass


class KeepsWhatWasAborted(MemoryTransaction):
    def abort(self) -> None:
        if self._changes:
            self._engine.install(self._changes)
        super().abort()


class SeeksBehindTheKey(MemoryTransaction):
    def seek(self, space: int, key: bytes) -> tuple[bytes, bytes] | None:
        return super().seek(space, key + b"\0")


class DeletesOneTooMany(MemoryTransaction):
    def delete_range(self, space: int, lo: bytes, hi: bytes | None) -> int:
        return super().delete_range(space, lo, None if hi is None else hi + b"\0")


class ScansInNoOrder(MemoryTransaction):
    def scan(
        self, space: int, lo: bytes = b"", hi: bytes | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(super().scan(space, lo, hi, reverse), key=lambda pair: pair[1]))


ENGINE_FAULTS = [KeepsWhatWasAborted, SeeksBehindTheKey, DeletesOneTooMany, ScansInNoOrder]


def engine_with(transactions: type[MemoryTransaction], monkeypatch: pytest.MonkeyPatch) -> MemoryEngine:
    monkeypatch.setattr("perdure.engine.memory.MemoryTransaction", transactions)
    return MemoryEngine(range(3))


class ForgetsConflicts(VersionedStorage):
    def commit(self, batch: Batch, resolve: Resolve | None = None) -> Committed:
        return super().commit(replace(batch, base=self.last_state), resolve)


class ViewsMove(VersionedStorage):
    def view(self, at: int | None = None) -> Any:
        return super().view(None)


class GivesNumbersTwice(VersionedStorage):
    def reserve(self, counter: str, count: int) -> range:
        return range(1, count + 1)


class ForgetsMerges(VersionedStorage):
    def commit(self, batch: Batch, resolve: Resolve | None = None) -> Committed:
        return super().commit(replace(batch, merges={}), resolve)


STORAGE_FAULTS = [ForgetsConflicts, ViewsMove, GivesNumbersTwice, ForgetsMerges]


def failures(contract: type, make: Callable[[], Any]) -> list[str]:
    """The tests of a contract without parameters that fail, each on a subject of its own."""
    found = []
    for name, test in inspect.getmembers(contract, inspect.isfunction):
        if name.startswith("test_") and len(inspect.signature(test).parameters) == 2:
            subject = make()
            try:
                test(contract(), subject)
            except (Exception, pytest.fail.Exception):
                found.append(name)
            finally:
                subject.close()
    return found


def test_sound_engine_and_storage_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures(StorageContract, lambda: VersionedStorage(MemoryEngine(SPACES))) == []
    assert failures(EngineContract, lambda: engine_with(Sound, monkeypatch)) == []


@pytest.mark.parametrize("fault", ENGINE_FAULTS)
def test_contract_finds_a_fault_of_an_engine(fault: type[MemoryTransaction], monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures(EngineContract, lambda: engine_with(fault, monkeypatch))


@pytest.mark.parametrize("fault", STORAGE_FAULTS)
def test_contract_finds_a_fault_of_a_storage(fault: type[VersionedStorage]) -> None:
    assert failures(StorageContract, lambda: fault(MemoryEngine(SPACES)))


def test_engines_in_step_notice_a_fault_of_one() -> None:
    class Faulty(MemoryEngine):
        def begin(self, write: bool = False) -> MemoryTransaction:
            transaction = super().begin(write)
            transaction.__class__ = SeeksBehindTheKey
            return transaction

    machine = engine_machine(lambda: [MemoryEngine(range(2)), Faulty(range(2))])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=settings(max_examples=200, phases=[Phase.generate], database=None))
