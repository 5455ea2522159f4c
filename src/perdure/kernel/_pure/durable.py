"""Pure-Python twin of `kernel/durable.pyx`: the same names and rules, for machines without a compiler."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from perdure.errors import ImmutableError, ObjectError
from perdure.errors import ReferenceError as DeadReferenceError
from perdure.kernel._pure._fields import (
    check_open,
    describe,
    field_values,
    fields,
    is_volatile,
    is_wide,
    mask_of,
    needs_no_state,
    restore_fields,
    set_class,
    set_field,
)
from perdure.kernel._pure._layout import SLOTS, Layout, bit, layout_for
from perdure.kernel._pure._parts import are_in_use, clear, ghost_parts, loaded_parts
from perdure.kernel._pure._states import CLEAN, DEAD, DIRTY, GHOST, MAP_ONLY, NEW, PINNED
from perdure.kernel._pure._told import (
    begin_store,
    has_references,
    is_building,
    is_frozen,
    is_transient,
    mark_clean,
    oid_of,
    owner_of,
    parts_of,
    root_of,
    set_state,
    size_of,
    state_of,
    stored,
)
from perdure.kernel._pure._watched import (
    CREATE,
    DELETE,
    GRANTED,
    READ,
    UPDATE,
    ask,
    has_field,
    is_default,
    is_sifting,
    release,
    restrict,
    set_sifter,
    set_watcher,
    watch,
)

__all__ = [
    "CLEAN", "CREATE", "DEAD", "DELETE", "DIRTY", "GHOST", "GRANTED", "NEW", "READ", "UPDATE", "Durable",
    "DurableType", "Layout", "Owner", "adopt", "attach", "begin_store", "construct", "describe", "detach",
    "field_values", "fields", "get_ambient", "guard_change", "has_references", "is_building", "is_frozen",
    "is_sifting", "is_transient", "is_volatile", "is_wide", "kill", "layout_for", "load", "loosen", "make_ghost",
    "mark_clean", "mark_dirty", "mask_of", "oid_of", "owner_of", "parts_of", "release", "remove_field",
    "restore_fields", "restrict", "revive", "root_of", "set_ambient", "set_class", "set_field", "set_guard",
    "set_owner", "set_sifter", "set_state", "set_watcher", "size_of", "state_of", "stored",
    "visible_fields", "watch",
]  # fmt: skip

_VOLATILE, _PLAIN = 1, frozenset({int, str, float, type(None), bool, bytes})

_get, _set, _delete = object.__getattribute__, object.__setattr__, object.__delattr__


class _Struct:
    """What the compiled twin keeps in its C struct; the field dict stays free of it."""

    __slots__ = (
        "building", "layout", "mask", "oid", "owner", "parts", "referring", "root", "size", "state", "touched",
        "volatile",
    )  # fmt: skip

    def __init__(self, cls: type) -> None:
        self.state = NEW
        self.touched = 0
        self.volatile = 0
        self.referring = False
        self.building = False
        self.size = 0
        self.oid = 0
        self.root = 0
        self.parts = 0
        self.mask = 0
        self.owner: Owner | None = None
        self.layout = layout_for(cls)


class Durable:
    """Base of every object that can live in a database; see the compiled twin for the hooks."""

    __slots__ = ("__weakref__", "_perdure_struct_")

    _perdure_struct_: _Struct
    _perdure_weak_: frozenset[str] | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = object.__new__(cls)
        _set(self, "_perdure_struct_", _Struct(cls))
        return self

    @classmethod
    def _perdure_bare_(cls) -> Any:
        return Durable.__new__(cls)

    def __getattribute__(self, name: str) -> Any:
        struct: _Struct = _get(self, "_perdure_struct_")
        if name == "_perdure_struct_":
            return struct
        if struct.state <= GHOST and not needs_no_state(name):
            load(self)
        struct.touched = 1
        if (struct.layout.watched or is_sifting()) and not is_volatile(name) and not needs_no_state(name):
            return _read_watched(self, name)
        return _get(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        struct = self._perdure_struct_
        if is_volatile(name):
            struct.volatile |= PINNED if name.startswith("_X__") else _VOLATILE
            _set(self, name, value)
            return
        frozen = struct.layout.frozen
        if needs_no_state(name):
            if frozen and name.startswith("__"):
                _refuse_change(self)
            _set(self, name, value)
            return
        index = struct.layout.position(name)
        if index < 0:
            load(self)
            _set(self, name, value)
            return
        created = struct.layout.watched and _ask_assignment(self, index, name)
        if type(value) not in _PLAIN and not frozen:
            check_open(self)
            load(self)
            value = self._perdure_convert_(name, value)
        mark_dirty(self)
        if created and has_field(self, index):  # another thread was quicker
            ask(self, name, UPDATE)
        _set(self, name, value)
        struct.mask |= bit(index)

    def __delattr__(self, name: str) -> None:
        struct = self._perdure_struct_
        if not is_volatile(name) and not needs_no_state(name):
            index = struct.layout.position(name)
            if index < 0:
                load(self)
            else:
                if struct.layout.watched:
                    _ask_deletion(self, index, name)
                _drop_field(self, index, name)
                return
        _delete(self, name)

    def _perdure_convert_(self, name: str, value: Any) -> Any:
        return value

    def _perdure_forget_(self) -> None:
        pass


def _read_watched(obj: Durable, name: str) -> Any:
    """The full path of reading an attribute."""
    layout = obj._perdure_struct_.layout
    index = layout.index_of(name)
    if index < 0:
        return _get(obj, name)
    if layout.watched and (has_field(obj, index) or is_default(layout.cls, name)):
        answer = ask(obj, name, READ)
        if answer is not GRANTED:
            return answer
        load(obj)  # what was asked may have run any code
    return release(_get(obj, name))


def _ask_assignment(obj: Durable, index: int, name: str) -> bool:
    """Ask for the right to create or change a field; whether it is one to be created."""
    load(obj)
    if is_frozen(obj):
        _refuse_change(obj)
    there = has_field(obj, index)
    ask(obj, name, UPDATE if there else CREATE)
    return not there


def _ask_deletion(obj: Durable, index: int, name: str) -> None:
    """Ask for the right to delete a field, if it is there."""
    load(obj)
    if is_frozen(obj):
        _refuse_change(obj)
    if has_field(obj, index):
        ask(obj, name, DELETE)


def _drop_field(obj: Durable, index: int, name: str) -> None:
    mark_dirty(obj)
    _delete(obj, name)
    if index < SLOTS:
        obj._perdure_struct_.mask &= ~(1 << index)


def visible_fields(obj: Durable, left_out: Iterable[str] = ()) -> dict[str, Any]:
    """`fields` of the loaded object as the caller may see them, without those `left_out`."""
    load(obj)
    names = [name for name in list(fields(obj)) if name not in left_out]
    watched = obj._perdure_struct_.layout.watched
    answers = [ask(obj, name, READ) if watched else GRANTED for name in names]  # first: no value is in this frame yet
    found = fields(obj)
    for name, answer in zip(names, answers, strict=True):
        found[name] = release(found[name]) if answer is GRANTED else answer
    return {name: found[name] for name in names}


def remove_field(obj: Durable, name: str) -> None:
    """Delete a field without asking: a store's own work."""
    _drop_field(obj, obj._perdure_struct_.layout.position(name), name)


_ambient: Owner | None = None
_guard: Callable[[], object] | None = None


def set_ambient(owner: Owner | None) -> None:
    """Make `owner` (or None) the one that new objects of unscoped memo classes belong to."""
    global _ambient
    _ambient = owner


def set_guard(check: Callable[[], object] | None) -> None:
    """Have `check()` called before every change of an object by any thread; it raises to refuse it. None ends that."""
    global _guard
    _guard = check


def guard_change() -> None:
    """Ask the guard, if there is one, whether something may be changed."""
    if _guard is not None:
        _guard()


def get_ambient() -> Owner | None:
    """The owner of new objects of unscoped memo classes, or None."""
    return _ambient


class DurableType(type):
    """Metaclass of memo classes: a new object enters its owner when its `__init__` has succeeded."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        factory = cls._perdure_factory_  # type: ignore[attr-defined]
        if factory is not None:
            return factory.create(cls, args, kwargs)
        return construct(cls, args, kwargs)


def construct(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any], owner: Owner | None = None) -> Any:
    """Make an instance as Python does and hand it to its owner: the one set by `__init__`, else the ambient one.

    `owner` is one set beforehand. If `__init__` raises, the instance is dead, wherever it was put.
    """
    guard_change()
    instance: Any = cls.__new__(cls, *args, **kwargs)
    if not issubclass(type(instance), cls):
        return instance
    struct = instance._perdure_struct_
    if struct.state != NEW or struct.owner is not None:
        type(instance).__init__(instance, *args, **kwargs)
        return instance
    struct.owner, struct.building = owner, True
    try:
        type(instance).__init__(instance, *args, **kwargs)
    except BaseException:
        _abandon(instance)
        raise
    if struct.layout.frozen:
        _complete(instance)
        return instance
    struct.building = False
    if struct.owner is None:
        struct.owner = _ambient
        if _ambient is None:
            return instance
    if not struct.owner.writable:
        _abandon(instance)
        struct.owner.refuse_create(cls)
    try:
        while not _is_open(struct.owner):  # another thread may have closed it again
            if struct.owner.gate():
                break
    except BaseException:
        _abandon(instance)
        raise
    if struct.oid == 0:
        struct.owner.created.append(instance)
    else:
        struct.owner.constructed(instance)
    return instance


_freezer: Callable[[Any], None] | None = None


def set_freezer(function: Callable[[Any], None]) -> None:
    """Make `function(obj)` the one that converts the fields of a write-once object when it is complete."""
    global _freezer
    _freezer = function


def _complete(obj: Any) -> None:
    struct = obj._perdure_struct_
    owner = struct.owner or _ambient
    assert _freezer is not None
    try:
        if owner is not None and not owner.writable:
            owner.refuse_create(type(obj))
        _freezer(obj)
    except BaseException:
        _abandon(obj)
        raise
    struct.building, struct.state = False, CLEAN
    if struct.oid and owner is not None:
        owner.constructed(obj)


def _refuse_change(obj: Durable) -> None:
    raise ImmutableError(f"{describe(obj)} is immutable: its fields are set in __init__ only")


def _is_free(obj: Durable) -> bool:
    """Whether the object may be changed as it is: it is registered for writing, nobody has the gate or a guard."""
    struct = obj._perdure_struct_
    return struct.state > CLEAN and _guard is None and (struct.owner is None or _is_open(struct.owner))


def _is_open(owner: Owner) -> bool:
    """Whether the calling thread may change objects of the owner without waiting at its gate."""
    return owner.gate is None or owner.gate_thread == threading.get_ident()


def _abandon(obj: Any) -> None:
    struct = obj._perdure_struct_
    struct.building = False
    if struct.oid and struct.owner is not None:
        struct.owner.abandoned(obj)
    kill(obj)


class Owner:
    """What loads and registers durable objects: the base of a connection, with its identity map."""

    __slots__ = (
        "budget",
        "cached_bytes",
        "classes",
        "created",
        "dirty",
        "gate",
        "gate_thread",
        "objects",
        "unfreed",
        "writable",
    )  # fmt: skip

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = object.__new__(cls)
        self.objects = {}
        self.classes = {}
        self.created = []
        self.dirty = []
        self.writable = True
        self.gate = None
        self.gate_thread = 0
        self.cached_bytes = 0
        self.unfreed = 0
        self.budget = 64 << 20
        return self

    objects: dict[int, Durable]
    classes: dict[int, type[Durable]]
    created: list[Durable]
    dirty: list[Durable]
    writable: bool
    gate: Any
    gate_thread: int
    cached_bytes: int
    unfreed: int
    budget: int

    def load(self, obj: Durable) -> None:
        """Read the state of a ghost and restore it."""
        raise NotImplementedError

    def refuse_write(self, obj: Durable) -> None:
        """Raise the error of an owner that does not take writes."""
        raise NotImplementedError

    def refuse_create(self, cls: type) -> None:
        """Raise the error of an owner that takes no new objects."""
        raise NotImplementedError

    def constructed(self, obj: Durable) -> None:
        """The `__init__` of an object that has an id already has succeeded."""
        raise NotImplementedError

    def abandoned(self, obj: Durable) -> None:
        """Forget a new object that has an id already: its `__init__` failed."""
        raise NotImplementedError

    def class_of(self, class_id: int) -> type[Durable]:
        """The Python class of a class id that `classes` does not have yet."""
        raise NotImplementedError

    def weak(self, reference: Any) -> object:
        """The value that stands for a weak reference."""
        raise NotImplementedError

    def get(self, oid: int) -> Durable:
        """The object of an id, loaded. Raises `perdure.ReferenceError` when there is none."""
        found = self.objects.get(oid)
        if found is None:
            return self.fetch(oid)
        if found._perdure_struct_.state <= GHOST:
            load(found)
        return found

    def fetch(self, oid: int) -> Durable:
        """What `get` does with an id that is not in the identity map."""
        raise NotImplementedError

    def make_room(self) -> None:
        """Sweep the cache when it is over its budget."""
        if self.cached_bytes > max(self.budget, self.unfreed + self.budget // 4):
            self.sweep(self.budget * 3 // 4)
            in_vain = self.cached_bytes if self.unfreed else 1  # the first spares what was used
            self.unfreed = in_vain if self.cached_bytes > self.budget else 0

    def ghost(self, oid: int, cls: type[Durable]) -> Durable:
        """The object of `oid`: the one in the identity map, or a new ghost of class `cls` put there."""
        found = self.objects.get(oid)
        if found is None:
            found = cls._perdure_bare_()
            struct = found._perdure_struct_
            struct.state, struct.oid, struct.owner = GHOST, oid, self
            self.objects[oid] = found
        return found

    def resolve(self, references: list[Any]) -> list[object]:
        """The objects of strong references, in order; a weak one is resolved by `weak`."""
        found: list[object] = []
        for reference in references:
            if reference.weak:
                found.append(self.weak(reference))
                continue
            cls = self.classes.get(reference.class_id) or self.class_of(reference.class_id)
            found.append(self.ghost(reference.oid, cls))
        return found

    def sweep(self, target: int) -> None:
        """Free least recently used objects until at most `target` bytes are cached."""
        candidates = [found for found in self.objects.values() if not found._perdure_struct_.root]
        candidates.reverse()
        while candidates and self.cached_bytes > target:
            obj = candidates.pop()
            struct = obj._perdure_struct_
            if struct.state not in (GHOST, CLEAN):
                continue
            if struct.touched or are_in_use(obj):
                struct.touched = 0
            elif struct.parts and struct.state == CLEAN:
                make_ghost(obj)
            elif not any(True for _ in loaded_parts(obj)) and sys.getrefcount(obj) <= MAP_ONLY + 1:
                self.cached_bytes -= struct.size
                del self.objects[struct.oid]
            elif struct.state == CLEAN and not struct.volatile & PINNED:
                make_ghost(obj)

    def is_held(self, oid: int) -> bool:
        """Whether anything but the identity map holds a Python reference to the object of `oid`."""
        return self.held_more(oid, 0)

    def unheld(self, oids: Iterable[int]) -> list[int]:
        """Those of `oids` whose objects nothing but the identity map holds, or that are not loaded."""
        return [oid for oid in oids if not self.is_held(oid)]

    def held_more(self, oid: int, count: int) -> bool:
        """Whether more than `count` references to the object exist besides that of the identity map."""
        if oid not in self.objects:
            return False
        return sys.getrefcount(self.objects[oid]) > MAP_ONLY + count or _is_held_inside(self.objects[oid])

    def forget(self, oid: int) -> None:
        """Remove the object from the identity map, if it is there."""
        obj = self.objects.pop(oid, None)
        if obj is not None:
            self.cached_bytes -= obj._perdure_struct_.size
            obj._perdure_struct_.size = 0
            for number in range(1, obj._perdure_struct_.parts + 1):
                self.objects.pop(oid + number, None)

    def take_created(self) -> list[Durable]:
        """The new objects to be written, oldest first; those that nothing else holds are discarded."""
        created, self.created = self.created, []
        created.reverse()
        kept = []
        while created:
            obj = created.pop()
            struct = obj._perdure_struct_
            if sys.getrefcount(obj) > MAP_ONLY and struct.state == NEW and struct.owner is self:
                kept.append(obj)
        return kept


def make_ghost(obj: Durable) -> None:
    """Drop the loaded state of `obj`; the next access loads it again."""
    struct = obj._perdure_struct_
    if struct.state == DEAD:
        return
    if struct.root and struct.owner is not None and struct.state > GHOST:
        root = struct.owner.objects.get(struct.root)
        if root is not None and root._perdure_struct_.state > GHOST:
            make_ghost(root)
    obj._perdure_forget_()
    clear(obj)
    if struct.owner is not None:
        struct.owner.cached_bytes -= struct.size
    struct.size = 0
    struct.state = GHOST
    ghost_parts(obj)


def _is_held_inside(root: Durable) -> bool:
    if root._perdure_struct_.parts and root._perdure_struct_.state == CLEAN:
        make_ghost(root)
    return any(True for _ in loaded_parts(root))


def kill(obj: Durable) -> None:
    """Make `obj` unusable: it was deleted, or its creation was rolled back."""
    if obj._perdure_struct_.state > GHOST:
        make_ghost(obj)
    obj._perdure_struct_.state = DEAD
    for part in loaded_parts(obj):
        part._perdure_struct_.state = DEAD


def attach(obj: Durable, owner: Owner, oid: int) -> None:
    """Give a new object its identity: it enters the identity map of `owner`."""
    obj._perdure_struct_.owner = owner
    obj._perdure_struct_.oid = oid
    owner.objects[oid] = obj


def adopt(obj: Durable, owner: Owner) -> None:
    """Make `owner` the one to store the new object `obj` at its next flush."""
    while not _is_open(owner):
        if owner.gate():
            break
    obj._perdure_struct_.owner = owner
    owner.created.append(obj)


def loosen(obj: Durable) -> None:
    """Make a loaded write-once object one that is stored nowhere, as it was before its creation here is undone."""
    struct = obj._perdure_struct_
    struct.oid = struct.root = struct.parts = struct.size = 0
    struct.owner = None


def set_owner(obj: Durable, owner: Owner | None) -> None:
    """Choose the owner of a new object during its `__init__`."""
    obj._perdure_struct_.owner = owner


def detach(obj: Durable) -> None:
    """Cut the object from its owner; what it has loaded is dropped."""
    make_ghost(obj)
    obj._perdure_struct_.owner = None


def revive(obj: Durable) -> None:
    """Make an object a ghost again, also one that was deleted: a rollback brings its stored state back."""
    if obj._perdure_struct_.state == DEAD:
        obj._perdure_struct_.state = GHOST
    else:
        make_ghost(obj)


def mark_dirty(obj: Durable) -> None:
    """Register `obj` for the next flush, loading it first. Call it before changing internal state."""
    struct = obj._perdure_struct_
    if _is_free(obj):
        return
    guard_change()
    check_open(obj)
    load(obj)
    if struct.layout.frozen and not struct.building:
        _refuse_change(obj)
    owner = struct.owner
    assert owner is not None
    while not _is_open(owner):
        allowed = owner.gate()
        load(obj)
        if allowed:
            break
    if struct.state == CLEAN:
        if not owner.writable:
            owner.refuse_write(obj)
        owner.dirty.append(obj)
        struct.state = DIRTY


def load(obj: Durable) -> None:
    """Load `obj` if it is a ghost."""
    struct = obj._perdure_struct_
    while struct.state <= GHOST:  # another thread may make it a ghost again on the way back from `load`
        if struct.state == DEAD:
            raise DeadReferenceError(describe(obj) + " was deleted or its creation was rolled back")
        if struct.owner is None:
            raise ObjectError(describe(obj) + " is no longer accessible: its database was closed")
        struct.owner.load(obj)
    struct.touched = 1
