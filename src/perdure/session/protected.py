"""Classes whose fields are protected: flagged with `protect_fields`, here, in a base, or in a database.

What that means is up to the layers above. Here the objects of such classes are made to be watched by the kernel, which
is for the process and for good, and it is known of which classes the flag holds in a database now.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from perdure.kernel import durable
from perdure.session.classes import StandIn, family_of, identity_of, registered_class

if TYPE_CHECKING:
    from perdure.session.catalog import Catalog, ClassEntry

__all__ = ["PROTECTED", "Protection", "is_protected", "note_definition", "protection_of"]

PROTECTED = "protect_fields"
"""The flag of `memo` that protects the fields of a class; a database keeps it once it has it."""

_watched: set[str] = set()
"""Identities of the classes that were ever protected, here or in a database of this process."""
_version = 0
"""Grows when what is known of a class may be outdated."""


class Protection:
    """What one database says of the protection of classes, with what this process declares."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._read = -1
        self._flagged: frozenset[str] = frozenset()
        self._by_class: dict[type, tuple[str, ...]] = {}
        self._class_ids: frozenset[int] | None = None

    def of(self, cls: type) -> tuple[str, ...]:
        """Identities of what protects a class: itself, or bases of it; the most derived one first."""
        if self._read != _version:
            self._refresh()
        found = self._by_class.get(cls)
        if found is None:
            names = _identities(cls, self._catalog)
            found = self._by_class[cls] = tuple(one for one in names if one in self._flagged or _declares(cls, one))
        return found

    def _refresh(self) -> None:
        before = _version
        entries = self._catalog.entries()
        self._flagged = frozenset(entry.identity for entry in entries if entry.flags.get(PROTECTED))
        self._by_class = {}
        self._class_ids = None
        self._read = before

    def class_ids(self) -> frozenset[int]:
        """Ids of the classes that are protected, or may be: no class is loaded to find out."""
        if self._read != _version:
            self._refresh()
        found = self._class_ids
        if found is None:
            entries = self._catalog.entries()
            found = self._class_ids = frozenset(entry.class_id for entry in entries if self._may_be(entry))
        return found

    def _may_be(self, entry: ClassEntry) -> bool:
        names = list(_stored_identities(self._catalog, entry))
        if entry.cls is not None:
            names += _identities(entry.cls, self._catalog)
        return any(name in self._flagged or _declares(durable.Durable, name) for name in names)

    def met(self, entry: ClassEntry) -> None:
        """Hear of an entry that is new or was changed."""
        _changed()
        if entry.flags.get(PROTECTED):
            _watch_identity(entry.identity)

    def settle(self, entry: ClassEntry, cls: type) -> bool:
        """Watch a class that this database protects; whether the entry still needs the flag that the class declares."""
        if self.of(cls):
            _watch(cls)
            layout = durable.layout_for(cls)
            for names in entry.by_names:
                layout.mask_of(names)  # these are fields, also where the class has a default for one
        return not entry.flags.get(PROTECTED) and _declares(cls, entry.identity)


def is_protected(cls: type, catalog: Catalog | None) -> bool:
    """Whether the fields of a class are protected in a database, or, for None, by what is declared alone."""
    return bool(protection_of(cls, catalog))


def protection_of(cls: type, catalog: Catalog | None) -> tuple[str, ...]:
    """Identities of what protects a class, see `Protection.of`."""
    if catalog is not None:
        return catalog.protection.of(cls)
    return tuple(one for one in _identities(cls, None) if _declares(cls, one))


def note_definition(cls: type) -> None:
    """Hear of a class that was just defined, or defined anew."""
    _changed()
    identity = identity_of(cls)
    if identity in _watched or _declares(cls, identity):
        _watch_identity(identity)


def _changed() -> None:
    global _version
    _version += 1


def _declares(cls: type, identity: str) -> bool:
    """Whether the present definition of a class, or else the one that `cls` has as itself or a base, has the flag."""
    present = registered_class(identity)
    found = [present] if present is not None else [base for base in cls.__mro__ if identity_of(base) == identity]
    return any(base.__dict__.get("_perdure_flags_", {}).get(PROTECTED) for base in found)


def _identities(cls: type, catalog: Catalog | None) -> list[str]:
    """The identities of a class and of its bases; of a stand-in those that are stored."""
    entry = catalog.find_entry(cls) if catalog is not None and issubclass(cls, StandIn) else None
    if catalog is not None and entry is not None:
        return list(dict.fromkeys(_stored_identities(catalog, entry)))
    return list(dict.fromkeys(identity_of(base) for base in cls.__mro__ if issubclass(base, durable.Durable)))


def _stored_identities(catalog: Catalog, entry: ClassEntry) -> Iterator[str]:
    yield entry.identity
    for class_id in entry.bases:
        yield from _stored_identities(catalog, catalog.entry(class_id))


def _watch_identity(identity: str) -> None:
    """Watch the objects of all classes of an identity: several definitions may be in use, and those that come."""
    _watched.add(identity)
    for cls in list(family_of(durable.Durable)):
        if identity_of(cls) == identity:
            _watch(cls)


def _watch(cls: type) -> None:
    """Watch the objects of a class, and of all that derive from it."""
    if "_perdure_watched_" not in cls.__dict__:
        cls._perdure_watched_ = True  # type: ignore[attr-defined]
        for one in family_of(cls):
            durable.watch(one)
