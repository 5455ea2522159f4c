"""What is stored: tenants, their documents, and the versions of these."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import perdure as db0

QUOTA = 1_000_000


class QuotaError(ValueError):
    """A tenant would have more than its quota."""


def prefix_of(tenant: str) -> str:
    """The prefix of a tenant: a database, that is a file, of its own."""
    if not tenant.isidentifier():
        raise ValueError(f"{tenant!r} cannot be the name of a tenant: use letters, digits and _")
    return f"tenants/{tenant}"


@db0.memo
class Version:
    """A text that a document had, or has."""

    def __init__(self, prefix: str, number: int, text: str) -> None:
        db0.set_prefix(self, prefix)
        self.number = number
        self.text = text
        self.size = len(text.encode())
        self.at = datetime.now(UTC)


@db0.memo
class Document:
    """A named text with its earlier versions.

    It is found by the words of its newest version and by its labels. These are passive tags: a document lives as long
    as its tenant has it.
    """

    def __init__(self, prefix: str, name: str) -> None:
        db0.set_prefix(self, prefix)
        self.name = name
        self.versions: list[Version] = []
        self.newest: Version | None = None

    @property
    def size(self) -> int:
        """What all versions take up, in bytes."""
        return sum(version.size for version in self.versions)

    @property
    def labels(self) -> list[str]:
        """The labels in alphabetical order."""
        return sorted(tag[1:] for tag in db0.tags_of(self) if isinstance(tag, str) and tag.startswith("#"))

    def label(self, *labels: str) -> None:
        """Add labels."""
        db0.tags(self, passive=True).add([f"#{label}" for label in labels])

    def unlabel(self, *labels: str) -> None:
        """Remove labels."""
        db0.tags(self).remove([f"#{label}" for label in labels])

    def add_version(self, text: str) -> Version:
        """A new newest version; the words of the one before are no longer found."""
        if self.newest is not None:
            db0.tags(self).remove(words_of(self.newest.text))
        version = Version(db0.get_prefix_of(self).name, self.newest.number + 1 if self.newest else 1, text)
        self.versions.append(version)
        self.newest = version
        db0.tags(self, passive=True).add(words_of(text))
        return version

    def keep_versions(self, number: int) -> None:
        """Forget all versions but the last ones."""
        del self.versions[:-number]


def words_of(text: str) -> list[str]:
    """The tags that a text is found by: its words, whole and in upper case."""
    return list(db0.taggify(text, max_len=None))


@db0.memo(singleton=True)
class Tenant:
    """The root of a tenant's prefix: `Tenant("acme")` is the one tenant of that name."""

    def __init__(self, name: str, quota: int = QUOTA) -> None:
        db0.set_prefix(self, prefix_of(name))
        self.name = name
        self.quota = quota
        self.used = 0
        self.documents: dict[str, Document] = {}

    def put(self, name: str, text: str, *labels: str) -> Document:
        """A new version of a document, which is made when there is none; all of it or, beyond the quota, nothing."""
        with db0.atomic():
            document = self.documents.get(name)
            if document is None:
                document = self.documents[name] = Document(prefix_of(self.name), name)
            self._use(document.add_version(text).size)
            document.label(*labels)
        return document

    def trim(self, versions: int) -> None:
        """Keep only so many versions of each document."""
        with db0.atomic():
            for document in self.documents.values():
                before = document.size
                document.keep_versions(versions)
                self._use(document.size - before)

    def remove(self, name: str) -> None:
        """Remove a document with all its versions."""
        with db0.atomic():
            document = self.get(name)
            self._use(-document.size)
            del self.documents[name]
            db0.delete(document)

    def get(self, name: str) -> Document:
        """The document of that name. Raises `LookupError` when there is none."""
        try:
            return self.documents[name]
        except KeyError:
            raise LookupError(f"{self.name} has no document {name!r}") from None

    def search(self, text: str = "", *labels: str) -> db0.QueryObject[Document]:
        """The documents that have all words of `text`, and all labels."""
        criteria: list[Any] = [Document, *words_of(text), *[f"#{label}" for label in labels]]
        return db0.find(*criteria, prefix=prefix_of(self.name))

    def set_quota(self, quota: int) -> None:
        """Allow so many bytes."""
        with db0.atomic():
            self.quota = quota
            self._use(0)

    def _use(self, size: int) -> None:
        self.used += size
        if self.used > self.quota:
            raise QuotaError(f"{self.name} would use {self.used} of {self.quota} bytes")


def move(name: str, source: Tenant, target: Tenant) -> Document:
    """Hand a document over to another tenant, with its versions and labels.

    Both tenants change or neither, here and, since one commit takes all prefixes, on the disk.
    """
    with db0.atomic():
        old = source.get(name)
        if name in target.documents:
            raise ValueError(f"{target.name} has a document {name!r} already")
        labels = old.labels
        for version in old.versions:
            target.put(name, version.text, *labels)
        source.remove(name)
    return target.documents[name]
