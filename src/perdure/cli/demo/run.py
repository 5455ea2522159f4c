"""One run of the demo, from sources to report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import perdure as db0
from perdure.cli.demo import database
from perdure.cli.demo.loading import Loaded
from perdure.cli.demo.memory import peak_memory_bytes, stored_bytes
from perdure.cli.demo.model import Catalogue
from perdure.cli.demo.questions import Answer, Topic, View, ask, choose_topic
from perdure.cli.demo.sources import find_sources
from perdure.cli.demo.upgrade import UpgradeError, upgrade

__all__ = ["Loaded", "Options", "Report", "Upgraded", "run"]

UPGRADED = 100
UNMET = ">= 2.0"


@dataclass(frozen=True)
class Options:
    """What the user asked for; None where nothing was said. `root` is the system whose indexes are read."""

    path: Path
    source: Path | None = None
    limit: int | None = None
    package: str | None = None
    root: Path = Path("/")


@dataclass(frozen=True)
class Upgraded:
    """The upgrade and the refused one, with their seconds; `rolled_back`: nothing of the latter stayed."""

    packages: int
    seconds: float
    commit_seconds: float
    state_before: int
    state_after: int
    refused: str
    refused_seconds: float
    rolled_back: bool


@dataclass(frozen=True)
class Report:
    """All that a run found out. `past` holds the answers as of the state before the upgrade."""

    path: Path
    loaded_now: bool
    open_seconds: float
    stored_bytes: int
    peak_memory_bytes: int
    loaded: Loaded
    topic: Topic
    before: Sequence[Answer]
    after: Sequence[Answer]
    past: Sequence[Answer]
    upgraded: Upgraded

    @property
    def past_kept(self) -> bool:
        """Whether the state before the upgrade still gives the answers it gave then."""
        return _same(self.before, self.past)


def run(options: Options, on_progress: Callable[[int, int, int], None]) -> Report:
    """Open or load the catalogue, ask, upgrade, ask again.

    `on_progress` is told bytes read, all bytes, and entries stored. Raises SourceError for a source that is
    missing or damaged, UnknownPackageError for a package that the catalogue does not have.
    """
    loaded_now = _load_if_needed(options, on_progress)
    started = perf_counter()
    catalogue = database.open_catalogue(options.path)
    open_seconds = perf_counter() - started
    try:
        loaded = Loaded.of(catalogue)
        stored = stored_bytes(options.path)
        topic = choose_topic(options.package)
        before = _ask(topic)
        upgraded, after = _upgrade(catalogue, topic, before)
        with db0.snapshot(upgraded.state_before) as snapshot:
            past = _ask(topic, snapshot)
    finally:
        db0.close()
    peak = peak_memory_bytes()
    return Report(
        options.path, loaded_now, open_seconds, stored, peak, loaded, topic, before, after, past, upgraded
    )


def _load_if_needed(options: Options, on_progress: Callable[[int, int, int], None]) -> bool:
    there = database.is_there(options.path)
    if there and options.source is None and options.limit is None:
        return False
    sources = find_sources(options.source, options.root)
    size = sum(source.size_bytes for source in sources)
    if there and _serves(options, [str(source.path) for source in sources], size):
        return False
    database.load_into(
        options.path, sources, options.limit, lambda position, entries: on_progress(position, size, entries)
    )
    return True


def _serves(options: Options, names: list[str], size: int) -> bool:
    """Whether the catalogue that is there was loaded from what the user names."""
    catalogue = database.open_catalogue(options.path)
    try:
        loaded = Loaded.of(catalogue)
        same = options.source is None or (list(loaded.sources) == names and loaded.source_bytes == size)
        return same and options.limit in (None, loaded.limit)
    finally:
        db0.close()


def _upgrade(catalogue: Catalogue, topic: Topic, before: Sequence[Answer]) -> tuple[Upgraded, list[Answer]]:
    needed = before[4].names
    names = [topic.package, *needed[: UPGRADED - 1]]
    state_before = db0.get_state_num(finalized=True)
    started = perf_counter()
    upgrade(catalogue, names)
    done = perf_counter()
    db0.commit()
    committed = perf_counter()
    after = _ask(topic)
    state_after = db0.get_state_num(finalized=True)
    refused, refused_seconds = _refused(catalogue, names)
    db0.commit()
    rolled_back = _same(after, _ask(topic)) and db0.get_state_num(finalized=True) == state_after
    upgraded = Upgraded(
        packages=len(names),
        seconds=done - started,
        commit_seconds=committed - done,
        state_before=state_before,
        state_after=state_after,
        refused=refused,
        refused_seconds=refused_seconds,
        rolled_back=rolled_back,
    )
    return upgraded, after


def _refused(catalogue: Catalogue, names: Sequence[str]) -> tuple[str, float]:
    started = perf_counter()
    try:
        upgrade(catalogue, names, UNMET)
    except UpgradeError as error:
        return str(error), perf_counter() - started
    raise AssertionError("an upgrade with an unmet need was accepted")


def _ask(topic: Topic, view: View = db0) -> list[Answer]:
    return ask(view, topic)


def _same(some: Sequence[Answer], others: Sequence[Answer]) -> bool:
    return all(one.same(other) for one, other in zip(some, others, strict=True))
