"""The classes and shapes of one database.

A class has a small id that never changes; its identity, module and name are one metadata entry, so that renaming
or moving a class writes one key. A shape is a class with the names of an object's fields; each record starts with
a shape id. New entries wait here until a commit takes them along: records that use them are in the same batch or a
later one. Two processes that meet a new class at once give it two ids, which mean the same class: a process goes on
using one of them, and an object keeps the id that it was made with, under which it is posted.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from perdure.errors import CorruptRecordError, ObjectError
from perdure.kernel import codec, durable, keys, records
from perdure.session.builtin import FIRST_FREE_ID, builtin_class, builtin_id
from perdure.session.class_entries import CLASS, ClassEntry, check_flags, class_key
from perdure.session.classes import StandIn, durable_bases, identity_of, register_class, resolve_class
from perdure.session.protected import PROTECTED, Protection
from perdure.session.restricted import RESTRICTED, is_restricted, restrict
from perdure.storage import Batch, VersionedStorage, View, spaces

if TYPE_CHECKING:
    from collections.abc import Iterable

Shape = records.Shape

__all__ = ["DECISION", "Catalog", "ClassEntry", "Shape"]

_CATALOG = spaces.CATALOG.id
_SHAPE = b"s"
_DICTIONARY = b"z"
DECISION = b"t"
"""How the keys of the catalog begin that say of a transaction over several databases that it was committed."""
_IDS_RESERVED_AT_ONCE = 32


class Catalog:
    """Class and shape ids of a database, shared by its connections."""

    def __init__(self, storage: VersionedStorage) -> None:
        self._storage = storage
        self._lock = threading.RLock()
        self._classes: dict[int, ClassEntry] = {}
        self._by_identity: dict[str, ClassEntry] = {}
        self._by_type: dict[type, ClassEntry] = {}
        self.shapes: dict[int, Shape] = {}
        self.has_immutable = False
        """Whether any class of this database is immutable: only then objects may be embedded in others."""
        self._pending: dict[bytes, bytes] = {}
        self._dictionaries: dict[int, bytes] = {}
        self._free: dict[str, list[int]] = {"class": [], "shape": []}
        self._restricted: frozenset[int] | None = None
        self._loaded_state = -1
        self.protection = Protection(self)
        self.refresh()

    # -- reading -------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read entries that other processes have added."""
        with self._lock:
            view = self._storage.view()
            try:
                self._load(view)
            finally:
                view.release()

    def _load(self, view: View) -> None:
        if view.state == self._loaded_state:
            return
        for key, value in view.scan(_CATALOG, CLASS, b"d"):
            class_id = keys.decode_uint(key, 1)[0]
            identity, module, qualname, flags, bases = cast(Any, codec.decode_value(value))
            known = self._classes.get(class_id)
            if known is None:
                self._add_class(ClassEntry(class_id, identity, module, qualname, flags, tuple(bases)))
            elif known.encode() != value and key not in self._pending:
                self._move(known, identity, module, qualname)
                known.flags, self._restricted = flags, None
                self.protection.met(known)
        for key, value in view.scan(_CATALOG, _SHAPE, b"t"):
            shape_id = keys.decode_uint(key, 1)[0]
            if shape_id not in self.shapes:
                class_id, names = cast(Any, codec.decode_value(value))
                entry = self._classes.get(class_id)
                if entry is None:
                    raise CorruptRecordError(f"shape {shape_id} names class {class_id}, which is not in the catalog")
                self._add_shape(Shape(shape_id, entry, tuple(names)))
        self._load_dictionaries(view)
        self._loaded_state = view.state

    def _load_dictionaries(self, view: View) -> None:
        if not self.has_immutable:
            return
        for key, value in view.scan(_CATALOG, _DICTIONARY, b"{"):
            dictionary_id = keys.decode_uint(key, 1)[0]
            if dictionary_id not in self._dictionaries:
                class_id, content = cast(Any, codec.decode_value(value))
                self._dictionaries[dictionary_id] = content
                entry = self._classes[class_id]
                entry.dictionary_id = entry.dictionary_id or dictionary_id

    def shape(self, shape_id: int) -> Shape:
        """The shape of a record."""
        found = self.shapes.get(shape_id)
        if found is None:
            self.refresh()
            found = self.shapes.get(shape_id)
            if found is None:
                raise CorruptRecordError(f"a record has shape {shape_id}, which is not in the catalog")
        return found

    def entry(self, class_id: int) -> ClassEntry:
        """The class of an id."""
        found = self._classes.get(class_id)
        if found is None:
            self.refresh()
            found = self._classes.get(class_id)
            if found is None:
                raise CorruptRecordError(f"a reference names class {class_id}, which is not in the catalog")
        return found

    def class_of(self, class_id: int) -> type[durable.Durable]:
        """The Python class of an id; a stand-in when it cannot be imported."""
        if class_id < FIRST_FREE_ID:
            found = builtin_class(class_id)
            if found is None:
                raise CorruptRecordError(f"a record names the unknown built-in class {class_id}")
            return found
        return self._resolve(self.entry(class_id))

    def _resolve(self, entry: ClassEntry) -> type[durable.Durable]:
        if entry.cls is None:
            cls = resolve_class(entry.identity, entry.module, entry.qualname)
            if issubclass(cls, StandIn):
                cls._perdure_immutable_ = entry.immutable
            else:
                check_flags(entry, cls)
            entry.cls = cls
            self._by_type.setdefault(cls, entry)
            self._settle(entry, cls)
        return entry.cls

    def _settle(self, entry: ClassEntry, cls: type[durable.Durable]) -> None:
        """Have flags on both sides if they are on one: a database keeps them once it has them."""
        if self.protection.settle(entry, cls):
            self.set_flag(entry, PROTECTED, True)
        if entry.class_id in self.restricted_ids():
            restrict(cls)
        if is_restricted(cls) and not entry.flags.get(RESTRICTED):
            for base in durable_bases(cls):
                self.find_entry(base)
            declared = getattr(cls, "_perdure_flags_", {}).get(RESTRICTED)
            if declared or entry.class_id not in self.restricted_ids():
                self.set_flag(entry, RESTRICTED, True)

    def set_flag(self, entry: ClassEntry, flag: str, value: bool) -> None:
        """Change a flag of a class, at once; it is stored with the next commit."""
        with self._lock:
            entry.flags, self._restricted = {**entry.flags, flag: value}, None
            self._pending[class_key(entry.class_id)] = entry.encode()
        self.protection.met(entry)

    def restricted_ids(self) -> frozenset[int]:
        """Ids of the classes that are restricted, by their own flag or that of a base, here."""
        found = self._restricted
        if found is None:
            with self._lock:
                flagged = {one.class_id for one in self._classes.values() if one.flags.get(RESTRICTED)}
                found = self._restricted = self.with_derived(flagged)
        return found

    def entries(self) -> Iterable[ClassEntry]:
        """All classes of the database, by id."""
        with self._lock:
            return [self._classes[class_id] for class_id in sorted(self._classes)]

    def find_entry(self, cls: type) -> ClassEntry | None:
        """The entry of a class, or None when this database has never seen it."""
        return self._by_type.get(cls) or self._attach(cls)

    def family(self, cls: type) -> frozenset[int]:
        """Class ids of `cls` and of all classes that derive from it, here."""
        entry = self.find_entry(cls)
        with self._lock:
            ids = set(self.ids_of(identity_of(cls)))
            if entry is not None:
                ids.add(entry.class_id)
            return self.with_derived(ids)

    def ids_of(self, identity: str) -> list[int]:
        """The ids of the class of an identity: two when two processes met it at once."""
        with self._lock:
            first = self._by_identity.get(identity)
            if first is None:
                return []
            return sorted(one.class_id for one in self._named(identity)) if first.has_twin else [first.class_id]

    def _named(self, identity: str) -> list[ClassEntry]:
        return [one for one in self._classes.values() if one.identity == identity]

    def with_derived(self, ids: set[int]) -> frozenset[int]:
        """Class ids with those of all classes that derive from them, here."""
        size = -1
        while size != len(ids):
            size = len(ids)
            ids |= {one.class_id for one in self._classes.values() if ids.intersection(one.bases)}
        return frozenset(ids)

    # -- writing -------------------------------------------------------------------------------------------

    def entry_for(self, cls: type[durable.Durable]) -> ClassEntry:
        """The entry of a class, made when this database has none yet."""
        found = self._by_type.get(cls) or self._attach(cls)
        return found if found is not None else self._create(cls)

    def _attach(self, cls: type) -> ClassEntry | None:
        with self._lock:
            entry = self._by_identity.get(identity_of(cls))
            if entry is None or not issubclass(cls, durable.Durable):
                return None
            check_flags(entry, cls)
            self._bind(entry, cls)
            return entry

    def _bind(self, entry: ClassEntry, cls: type[durable.Durable]) -> None:
        entry.cls = cls
        for shape in entry.by_names.values():
            shape.cls = None
        self._by_type.setdefault(cls, entry)
        self._settle(entry, cls)

    def redefine(self, cls: type[durable.Durable]) -> list[int]:
        """Let a class that was just defined take the place of its earlier definition, if there is one in use here.

        The ids that stand for it. One that says something else of the layout of its objects is not taken: using it
        raises the error.
        """
        with self._lock:
            found = [one for one in self._named(identity_of(cls)) if one.cls not in (None, cls)]
            with suppress(ObjectError):
                for entry in found:
                    check_flags(entry, cls)
                for entry in found:
                    self._bind(entry, cls)
                return [entry.class_id for entry in found]
            return []

    def _create(self, cls: type[durable.Durable]) -> ClassEntry:
        with self._lock:
            bases = tuple(self.entry_for(base).class_id for base in durable_bases(cls))
            flags = dict(getattr(cls, "_perdure_flags_", {}))
            if getattr(cls, "_perdure_typed_", False):
                flags["typed"] = True
            entry = ClassEntry(
                self._new_id("class"), identity_of(cls), cls.__module__, cls.__qualname__, flags, bases, cls
            )
            self._add_class(entry)
            self._by_type[cls] = entry
            register_class(cls, replace=False)
            self._pending[class_key(entry.class_id)] = entry.encode()
            return entry

    def class_id(self, cls: type[durable.Durable]) -> int:
        """The id of a class, for references to its instances."""
        found = self._by_type.get(cls)
        if found is not None:
            return found.class_id
        return builtin_id(cls) or self.entry_for(cls).class_id

    def shape_of(self, obj: durable.Durable, entry: ClassEntry | None = None) -> Shape:
        """The shape of an object's present fields, made when it is new; `entry` is what its class is stored under."""
        cls = type(obj)
        entry = entry or self._by_type.get(cls) or self.entry_for(cls)
        if durable.is_wide(obj):
            return self._shape_named(entry, tuple(durable.fields(obj)))
        mask = durable.mask_of(obj)
        by_mask = entry.by_mask(cls)
        found = by_mask.get(mask)
        if found is None:
            with self._lock:
                found = self._shape_named(entry, durable.layout_for(cls).names_of(mask))
                by_mask[mask] = found
        return found

    def _shape_named(self, entry: ClassEntry, names: tuple[str, ...]) -> Shape:
        with self._lock:
            found = entry.by_names.get(names)
            if found is None:
                found = Shape(self._new_id("shape"), entry, names)
                self._add_shape(found)
                key = _SHAPE + keys.encode_uint(found.shape_id)
                self._pending[key] = codec.encode_value((entry.class_id, names))
            return found

    def dictionary_of(self, entry: ClassEntry, sample: bytes) -> tuple[int, bytes]:
        """The id and the bytes that records of a class are packed against: `sample` when there are none yet."""
        with self._lock:
            if not entry.dictionary_id:
                entry.dictionary_id = self._new_id("shape")
                self._dictionaries[entry.dictionary_id] = sample
                key = _DICTIONARY + keys.encode_uint(entry.dictionary_id)
                self._pending[key] = codec.encode_value((entry.class_id, sample))
            return entry.dictionary_id, self._dictionaries[entry.dictionary_id]

    def dictionary(self, dictionary_id: int) -> bytes:
        """What some records are packed against."""
        found = self._dictionaries.get(dictionary_id)
        if found is None:
            self.refresh()
            found = self._dictionaries.get(dictionary_id)
            if found is None:
                raise CorruptRecordError(f"a record is packed against {dictionary_id}, which is not in the catalog")
        return found

    def rename(self, identity: str, module: str, qualname: str, new_identity: str | None = None) -> None:
        """Say that a class has moved: stored objects of `identity` are instances of the class named here.

        Raises `KeyError` when no class of that identity is stored. Takes effect with the next commit.
        """
        with self._lock:
            found = self._named(identity)
            if not found:
                raise KeyError(identity)
            for entry in found:
                self._move(entry, new_identity or f"{module}:{qualname}", module, qualname)
                self._pending[class_key(entry.class_id)] = entry.encode()

    def _move(self, entry: ClassEntry, identity: str, module: str, qualname: str) -> None:
        """Let an entry stand for another class; no class that it stood for is stored under it any more."""
        if self._by_identity.get(entry.identity) is entry:
            del self._by_identity[entry.identity]
        for cls in [cls for cls, known in self._by_type.items() if known is entry]:
            del self._by_type[cls]
        entry.identity, entry.module, entry.qualname, entry.cls = identity, module, qualname, None
        self._name(entry)

    def add_pending(self, batch: Batch) -> dict[bytes, bytes]:
        """Put waiting entries into a batch; give the result to `committed` when it is in."""
        with self._lock:
            if not self._pending:
                return {}
            taken = dict(self._pending)
        batch.puts.setdefault(_CATALOG, {}).update(taken)
        return taken

    def committed(self, taken: dict[bytes, bytes]) -> None:
        """The entries of a batch are stored and need not wait any more."""
        with self._lock:
            for key, value in taken.items():
                if self._pending.get(key) == value:
                    del self._pending[key]

    def has_pending(self) -> bool:
        """Whether entries wait for a commit."""
        return bool(self._pending)

    # -- shared by both ------------------------------------------------------------------------------------

    def _add_class(self, entry: ClassEntry) -> None:
        self._classes[entry.class_id] = entry
        self._restricted = None
        self._name(entry)
        self.has_immutable |= entry.immutable
        self.protection.met(entry)

    def _name(self, entry: ClassEntry) -> None:
        first = self._by_identity.setdefault(entry.identity, entry)
        if first is not entry:
            first.has_twin = entry.has_twin = True

    def _add_shape(self, shape: Shape) -> None:
        self.shapes[shape.shape_id] = shape
        shape.entry.by_names.setdefault(shape.names, shape)

    def _new_id(self, kind: str) -> int:
        free = self._free[kind]
        if not free:
            reserved = self._storage.reserve(kind, _IDS_RESERVED_AT_ONCE)
            free.extend(FIRST_FREE_ID + number for number in reversed(reserved))
        return free.pop()
