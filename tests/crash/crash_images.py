"""Opens the images of a crash trace and compares what they hold with what was committed.

`python crash_images.py --seed 1 --traces 4` prints a summary; it ends with 1 if an image held anything else than
the last or the next commit.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from crash_apart import run_apart
from crash_model import Model
from crash_replay import Disk, Effort, Event, Image, images
from crash_session import SessionFace
from crash_states import Held, digest_of
from crash_tracing import build_library, record

_HERE = Path(__file__).parent
_NAME = "t.db0"
_PART = 200
SIDE_FILES = (f"{_NAME}-lock", f"{_NAME}-shared", f"{_NAME}.lock")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fresh open of an image showed."""

    held: Held
    model: str
    next_oid: int
    older: dict[int, str]
    problems: list[str]


@dataclass(slots=True)
class Promise:
    """What the traced program was promised by the time of an event."""

    held: Held | None = None
    intent: str | None = None
    next: Held | None = None
    oid: int = 0


@dataclass(slots=True)
class Report:
    """What came of all images of a trace."""

    images: int = 0
    different: int = 0
    failures: list[str] = field(default_factory=list)


def promises(events: list[Event]) -> list[Promise]:
    """For each event, what held after it."""
    found: list[Promise] = []
    promise = Promise()
    open_intents: list[Promise] = []
    for event in events:
        if event.kind == "N":
            note = event.note
            if "intent" in note:
                promise = Promise(promise.held, note["intent"], None, promise.oid)
            elif "held" in note:
                held = Held.read(note["held"])
                for waiting in open_intents:
                    waiting.next = held
                open_intents = []
                promise = Promise(held, None, None, promise.oid)
            elif "oid" in note:
                promise = Promise(promise.held, promise.intent, None, note["oid"])
            if promise.intent is not None:
                open_intents.append(promise)
        found.append(promise)
    return found


class Judge:
    """Knows the states of a traced database and says whether an image shows what it must."""

    def __init__(self, events: list[Event]) -> None:
        self._promises = promises(events)
        notes = [event.note for event in events if event.kind == "N"]
        self._models = {note["state"]: note["model"] for note in notes if "model" in note}
        self._digests = {note["held"]["state"]: note["held"]["digest"] for note in notes if "held" in note}

    def faults(self, index: int, outcome: Outcome) -> Iterator[str]:
        """What is wrong with what an image after event `index` showed."""
        promise = self._promises[index]
        yield from outcome.problems
        if promise.held is None:
            if outcome.model != Model().digest().hex() or outcome.held.state > 1:
                yield f"state {outcome.held.state} before anything was committed"
            return
        wanted = [promise.held] if promise.next is None else [promise.held, promise.next]
        if not any(_agree(held, outcome.held, promise.intent) for held in wanted):
            yield f"{outcome.held} instead of {' or '.join(map(str, wanted))}"
        if outcome.model != self._models.get(outcome.held.state, outcome.model):
            yield f"other objects than those committed in state {outcome.held.state}"
        if outcome.next_oid <= promise.oid:
            yield f"object id {outcome.next_oid} is given again; {promise.oid} was the last before"
        for state, digest in outcome.older.items():
            if digest != self._digests.get(state, digest):
                yield f"the view of state {state} shows something else than was committed"


def _agree(promised: Held, shown: Held, intent: str | None) -> bool:
    # These raise the oldest state first and then remove what nobody sees, in several transactions.
    if intent not in {"pack", "close"} and promised.packed != shown.packed:
        return False
    return (promised.state, promised.digest, promised.counts, promised.prepared) == (
        shown.state,
        shown.digest,
        shown.counts,
        shown.prepared,
    )


def look(disk: Disk, directory: Path, noise: bytes) -> Outcome | Exception:
    """Open an image in `directory`; side files, whose content no failure spares, are filled with `noise`."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, content in disk.items():
        (directory / name).write_bytes(content)
    if noise:
        for name in SIDE_FILES:
            (directory / name).write_bytes(noise)
    try:
        face = SessionFace(str(directory / _NAME), "w", check=True)
        try:
            return _look_at(face)
        finally:
            face.close()
    except Exception as error:
        return error


def _look_at(face: SessionFace) -> Outcome:
    storage = face.database.storage
    held, model, problems = Held.of(storage), face.read().digest().hex(), face.problems()
    older = {}
    for state in {max(held.packed, held.state - 1), max(held.packed, held.state // 2)}:
        with storage.view(state) as view:
            older[state] = digest_of(view)
    return Outcome(held, model, storage.reserve("oid", 1)[0], older, problems)


class Looking:
    """Opens images, equal ones only once, and judges what they show; a part at a time, which keeps memory small."""

    def __init__(self, judge: Judge, directory: Path, noise: bytes) -> None:
        self.report = Report()
        self._judge = judge
        self._directory = directory
        self._noise = noise
        self._outcomes: dict[bytes, Outcome | Exception] = {}
        self._waiting: dict[bytes, list[Image]] = {}

    def add(self, image: Image) -> None:
        """Look at an image, now or later."""
        self.report.images += 1
        content = _digest(image.disk)
        if content in self._outcomes:
            self._report(image, self._outcomes[content])
            return
        known = self._waiting.setdefault(content, [])
        known.append(replace(image, disk={}) if known else image)
        if len(self._waiting) >= _PART:
            self.finish()

    def finish(self) -> None:
        """Look at all images that wait."""
        for (content, group), outcome in run_apart(self._look, list(self._waiting.items())):
            self._outcomes[content] = outcome
            self.report.different += 1
            for image in group:
                self._report(image, outcome)
        self._waiting = {}

    def _look(self, item: tuple[bytes, list[Image]]) -> Outcome | Exception:
        image = item[1][0]
        return look(image.disk, self._directory / str(os.getpid()), self._noise[: image.index % 3 * 20_000])

    def _report(self, image: Image, outcome: Outcome | Exception) -> None:
        where = f"after event {image.index}, with {image.label}"
        if isinstance(outcome, Exception):
            self.report.failures.append(f"{where}: {type(outcome).__name__}: {outcome}")
        else:
            self.report.failures += [f"{where}: {fault}" for fault in self._judge.faults(image.index, outcome)]


def check(events: list[Event], seed: int, effort: Effort) -> Report:
    """Build and judge all images of a trace."""
    random = Random(seed)
    with tempfile.TemporaryDirectory(dir=_scratch()) as directory:
        looking = Looking(Judge(events), Path(directory), random.randbytes(40_000))
        for image in images(events, random, effort):
            looking.add(image)
        looking.finish()
    return looking.report


def _digest(disk: Disk) -> bytes:
    found = hashlib.sha256()
    for name, content in sorted(disk.items()):
        found.update(b"%s %d " % (name.encode(), len(content)) + content)
    return found.digest()


def _scratch() -> str | None:
    """A file system in memory, where there is one: what is looked at need not be durable."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def trace(directory: Path, seed: int, count: int) -> list[Event]:
    """What a run of the traced program does to its database; of the side files nothing."""
    library = build_library(directory)
    if library is None:
        raise SystemExit("crash images need Linux and a C compiler")
    database = directory / _NAME
    events = record(library, database, [str(_HERE / "crash_traced.py"), str(database), str(seed), str(count)])
    return [event for event in events if event.path not in SIDE_FILES]


def main() -> int:
    """Trace, build, look and judge, as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--traces", type=int, default=2, help="how many programs are traced")
    parser.add_argument("--count", type=int, default=12, help="transactions in each of the three sessions")
    parser.add_argument("--writes", type=int, default=5, help="lost writes up to which all subsets are built")
    parser.add_argument("--samples", type=int, default=10, help="other subsets, and torn writes, for each sync")
    parser.add_argument("--unsynced", action="store_true", help="overlook the syncs, to see that this is found")
    arguments = parser.parse_args()
    failures = 0
    for seed in range(arguments.seed, arguments.seed + arguments.traces):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            events = trace(Path(directory), seed, arguments.count)
        if arguments.unsynced:
            events = without_syncs(events)
        report = check(events, seed, Effort(arguments.writes, arguments.samples))
        print(*report.failures[:20], sep="\n", end="\n" if report.failures else "")
        print(
            f"seed {seed}: {len(events)} events, {report.images} images, {report.different} different, "
            f"{len(report.failures)} failures, {time.monotonic() - begin:.1f} s",
            flush=True,
        )
        failures += len(report.failures)
    return 1 if failures else 0


def without_syncs(events: list[Event]) -> list[Event]:
    """The trace of a store that syncs its new file, but then writes what names its pages before they are durable."""
    first = next(index for index, event in enumerate(events) if event.kind == "S" and event.path == ".")
    return events[: first + 1] + [event for event in events[first + 1 :] if event.kind != "S"]


if __name__ == "__main__":
    sys.exit(main())
