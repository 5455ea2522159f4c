"""Filling the catalogue from sources, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from time import perf_counter

import perdure as db0
from perdure.cli.demo.entries import Entry, read_entries
from perdure.cli.demo.memory import peak_memory_bytes, private_memory_bytes
from perdure.cli.demo.model import Catalogue, Version, tag
from perdure.cli.demo.sources import Source, SourceError

__all__ = ["Loaded", "load"]

BATCH = 1000


@dataclass(frozen=True)
class Loaded:
    """How a catalogue was filled, in this run or an earlier one: seconds and bytes.

    `source_bytes` is the length of the source files, `plain_bytes` what was read of them, decompressed;
    `references` counts those from versions to other objects.
    """

    sources: tuple[str, ...]
    source_bytes: int
    plain_bytes: int
    limit: int | None
    finished: datetime
    objects: int
    references: int
    commits: int
    reading_seconds: float
    storing_seconds: float
    committing_seconds: float
    peak_memory_bytes: int
    peak_private_bytes: int

    @property
    def objects_per_second(self) -> float:
        """Objects made, tagged, indexed and committed in a second; reading the sources not counted."""
        return self.objects / self.storing_seconds

    @property
    def commits_per_second(self) -> float:
        """Durable commits of a batch in a second of committing."""
        return self.commits / self.committing_seconds

    @classmethod
    def of(cls, catalogue: Catalogue) -> Loaded:
        """What the catalogue itself tells of its loading."""
        fields = dict(catalogue.loading)
        return cls(**fields | {"sources": tuple(fields["sources"])})


def load(sources: Sequence[Source], limit: int | None, on_progress: Callable[[int, int], None]) -> Catalogue:
    """Fill the current prefix with the first `limit` entries of the sources (None: all), a commit each batch.

    `on_progress` is told how many bytes of the sources are read and how many entries are stored. Raises
    SourceError when a source is damaged or all together hold nothing; what was committed till then stays.

    >>> catalogue = load(find_sources(), None, lambda position, entries: None)  # doctest: +SKIP
    """
    return _Loader(on_progress).run(sources, limit)


class _Loader:
    """The catalogue being filled, and its clocks and counters."""

    def __init__(self, on_progress: Callable[[int, int], None]) -> None:
        self._on_progress = on_progress
        self._catalogue = Catalogue()
        self._position = 0
        self._plain = 0
        self._entries = 0
        self._references = 0
        self._commits = 0
        self._reading = 0.0
        self._storing = 0.0
        self._committing = 0.0
        self._peak_private = 0

    def run(self, sources: Sequence[Source], limit: int | None) -> Catalogue:
        entries = islice(self._read(sources), limit)
        started = perf_counter()
        while batch := list(islice(entries, BATCH)):
            read = perf_counter()
            for entry in batch:
                self._store(entry)
            self._commit()
            self._entries += len(batch)
            self._reading += read - started
            started = perf_counter()
            self._storing += started - read
            self._on_progress(self._position, self._entries)
        if not self._entries:
            raise SourceError(f"{', '.join(str(source.path) for source in sources)}: holds no packages")
        self._catalogue.loading = asdict(self._summary(sources, limit))
        db0.commit()
        return self._catalogue

    def _read(self, sources: Iterable[Source]) -> Iterator[Entry]:
        for source in sources:
            done, done_plain = self._position, self._plain

            def move(position: int, plain: int, done: int = done, done_plain: int = done_plain) -> None:
                self._position, self._plain = done + position, done_plain + plain

            yield from read_entries(source, move)

    def _store(self, entry: Entry) -> None:
        package = self._catalogue.package(entry.name)
        for version in package.versions:
            if version.number == entry.number and version.architecture == entry.architecture:
                self._add_suite(version, entry.suite)
                return
        version = self._version(entry)
        self._catalogue.publish(version)
        # package, section, maintainer, the package's own list and the needs
        self._references += 4 + sum(map(len, entry.needs))

    def _version(self, entry: Entry) -> Version:
        catalogue = self._catalogue
        return Version(
            package=catalogue.package(entry.name),
            number=entry.number,
            architecture=entry.architecture,
            suites=(entry.suite,),
            section=catalogue.section(entry.section),
            priority=entry.priority,
            essential=entry.essential,
            maintainer=catalogue.maintainer(entry.maintainer, entry.address),
            installed_size=entry.installed_size,
            download_size=entry.download_size,
            depends=[tuple(catalogue.package(each.name) for each in need) for need in entry.needs],
            bounds=[tuple(each.bound for each in need) for need in entry.needs],
            provides=entry.provides,
        )

    def _add_suite(self, version: Version, suite: str) -> None:
        if suite not in version.suites:
            version.suites = (*version.suites, suite)
            db0.tags(version).add(tag("suite", suite))

    def _commit(self) -> None:
        started = perf_counter()
        db0.commit()
        self._committing += perf_counter() - started
        self._commits += 1
        self._peak_private = max(self._peak_private, private_memory_bytes())

    def _summary(self, sources: Sequence[Source], limit: int | None) -> Loaded:
        catalogue = self._catalogue
        return Loaded(
            sources=tuple(str(source.path) for source in sources),
            source_bytes=sum(source.size_bytes for source in sources),
            plain_bytes=self._plain,
            limit=limit,
            finished=datetime.now(UTC),
            objects=_objects(catalogue),
            references=self._references,
            commits=self._commits,
            reading_seconds=self._reading,
            storing_seconds=self._storing,
            committing_seconds=self._committing,
            peak_memory_bytes=peak_memory_bytes(),
            peak_private_bytes=self._peak_private,
        )


def _objects(catalogue: Catalogue) -> int:
    named = len(catalogue.packages) + len(catalogue.sections) + len(catalogue.maintainers)
    return named + len(db0.find(Version))
