"""Pure-Python twin of `kernel/records.pyx`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, cast

from perdure.errors import CorruptRecordError

from . import codec, durable, keys
from .codec_tags import REFERENCE
from .embedded import EmbeddedSet, load_view
from .embedding import PART, PART_DICT, PART_LINK, PART_SET

OBJECT_BYTES = 280
GHOST_BYTES = 120
WHOLE = object()
_FIRST_FREE_ID = 64
_PACKED_START = b"\xe1\x0f"


class Shape:
    """A class with the names of its fields; `cls` is its Python type here, once an object of it was loaded."""

    __slots__ = ("cls", "entry", "names", "shape_id")

    def __init__(self, shape_id: int, entry: Any, names: tuple[str, ...]) -> None:
        self.shape_id = shape_id
        self.entry = entry
        self.names = names
        self.cls: type | None = None


def shape_id_of(data: bytes) -> int:
    """The shape id of a record."""
    return codec.decode_header(data)[0]


def fetch(
    owner: Any, oid: int, data: bytes, shapes: dict[int, Shape], extend: Callable[[int, object], object]
) -> durable.Durable:
    """The object of a record that was read, from the identity map or made and loaded now."""
    found: durable.Durable = owner.ghost(oid, owner.class_of_shape(shape_id_of(data)))
    if durable.state_of(found) == durable.GHOST:
        restore(owner, found, data, shapes, extend)
    owner.make_room()
    return found


def fetch_newest(
    owner: Any,
    oid: int,
    seeker: Any,
    suffix: bytes,
    shapes: dict[int, Shape],
    extend: Callable[[int, object], object],
) -> durable.Durable | None:
    """`fetch` of the record that the state of `suffix` has; None when there is none."""
    data = seeker.newest(keys.encode_uint(oid), suffix)
    return None if data is None else fetch(owner, oid, data, shapes, extend)


def fetch_many(
    owner: Any,
    oids: list[int],
    read: Callable[[list[bytes]], list[bytes | None]],
    shapes: dict[int, Shape],
    extend: Callable[[int, object], object],
) -> list[durable.Durable]:
    """The objects of `oids` that exist, in order; `read(keys)` gives the records of those not loaded."""
    known = owner.objects
    wanted = [oid for oid in oids if oid not in known or durable.state_of(known[oid]) == durable.GHOST]
    if wanted:
        for oid, data in zip(wanted, read([keys.encode_uint(oid) for oid in wanted]), strict=True):
            if data is not None:
                fetch(owner, oid, data, shapes, extend)
    found = [known[oid] for oid in oids if oid in known and durable.state_of(known[oid]) > durable.GHOST]
    for obj in found:
        durable.load(obj)  # it is in use
    return found


def restore(
    owner: Any, obj: durable.Durable, data: bytes, shapes: dict[int, Shape], extend: Callable[[int, object], object]
) -> None:
    """Make a ghost the object of a record. A damaged record leaves it a ghost."""
    shape_id, references, offset = codec.decode_header(data)
    reader = None
    if obj._perdure_struct_.layout.frozen:
        weak = any(reference.weak for reference in references)
        reader = _PartReader(owner, durable.oid_of(obj), shapes, extend, weak)
        if data[offset : offset + 2] == _PACKED_START:
            data, offset = owner.unpack(data[offset:]), 0
    known = len(owner.objects)
    objects = owner.resolve(references)
    met = len(owner.objects) - known
    values = codec.decode_values(data, offset, objects, reader or extend)
    if reader is not None:
        reader.check_links()
        obj._perdure_struct_.parts = reader.count
        values = [load_view(value) for value in values]
    if shape_id < _FIRST_FREE_ID:
        obj._perdure_restore_(values)
    else:
        _restore_shape(owner, obj, shapes.get(shape_id) or owner.shape_of_id(shape_id), values, references)
    durable.mark_clean(obj, OBJECT_BYTES + 3 * len(data) + GHOST_BYTES * met, bool(references))


def peek(owner: Any, data: bytes, place: int, kind: int) -> object:
    """The object at `place` of a record of the small int `kind` and strong references, without those beside it."""
    _, references, offset = codec.decode_header(data)
    if not 1 <= place <= len(references):
        return WHOLE
    if data[offset : offset + place + 1] != bytes([kind, *[REFERENCE] * place]):
        return WHOLE
    wanted = references[place - 1]
    return WHOLE if wanted.weak else owner.resolve([wanted])[0]


def _restore_shape(owner: Any, obj: durable.Durable, shape: Shape, values: list[object], references: list[Any]) -> None:
    shape.cls = type(obj)
    if len(values) != len(shape.names):
        raise CorruptRecordError(
            f"damaged record of object #{durable.oid_of(obj)}: "
            f"{len(values)} values for the {len(shape.names)} fields of its shape"
        )
    if obj._perdure_weak_ is not None or any(reference.weak for reference in references):
        owner.unwrap_weak(obj, shape.names, values)
    durable.restore_fields(obj, shape.names, values)


class _PartReader:
    """Called for the extensions of a root's record: makes parts, leaves other values to `extend`."""

    def __init__(self, owner: Any, root: int, shapes: dict[int, Shape], extend: Any, weak: bool) -> None:
        self.owner = owner
        self.root = root
        self.shapes = shapes
        self.extend = extend
        self.weak = weak
        self.count = self.linked = 0

    def __call__(self, code: int, payload: Any) -> object:
        if code == PART:
            return self._make_part(self._checked(payload, 1))
        if code == PART_SET:
            return self._make_set(self._checked(payload, 0))
        if code == PART_DICT:
            return self._make_dict(self._checked(payload, 0))
        return self._link(payload) if code == PART_LINK else self.extend(code, payload)

    def _refuse(self, what: str) -> NoReturn:
        raise CorruptRecordError(f"damaged record of object #{self.root}: {what}")

    def _checked(self, payload: object, least: int) -> tuple[Any, ...]:
        if type(payload) is not tuple or len(payload) < least:
            self._refuse(f"{payload!r} in place of a part or container")
        return payload

    def _make_set(self, payload: tuple[Any, ...]) -> object:
        try:
            found = EmbeddedSet(map(load_view, payload))
        except TypeError as error:
            self._refuse(f"a set member cannot be hashed: {error}")
        if len(found) != len(payload):
            self._refuse("a set member comes twice")
        return found

    def _make_dict(self, payload: tuple[Any, ...]) -> object:
        if len(payload) % 2:
            self._refuse("a dictionary key without a value")
        try:
            found = dict(zip(map(load_view, payload[::2]), payload[1::2], strict=True))
        except TypeError as error:
            self._refuse(f"a dictionary key cannot be hashed: {error}")
        if 2 * len(found) != len(payload):
            self._refuse("a dictionary key comes twice")
        return load_view(found)

    def _link(self, payload: object) -> durable.Durable:
        if type(payload) is not list or [type(one) for one in payload] != [int, int]:
            self._refuse(f"{payload!r} in place of a link")
        number, shape_id = payload
        if not 0 <= number < 1 << 31:
            self._refuse(f"a link to part {number}")
        self.linked = max(self.linked, number)
        return self._object_of(number, self._shape_of(shape_id))

    def check_links(self) -> None:
        """Refuse links to parts that were not there."""
        if self.linked > self.count:
            self._refuse(f"a link to part {self.linked} of {self.count}")

    def _shape_of(self, shape_id: object) -> Shape:
        if type(shape_id) is not int or shape_id < 0:
            self._refuse(f"a part of shape {shape_id!r}")
        return cast(Shape, self.shapes.get(shape_id) or self.owner.shape_of_id(shape_id))

    def _object_of(self, number: int, shape: Shape) -> durable.Durable:
        """The root or a part of it, which must be of a write-once class."""
        found: durable.Durable = self.owner.ghost(self.root + number, self.owner.class_of_shape(shape.shape_id))
        if not found._perdure_struct_.layout.frozen:
            self._refuse(f"part {number} is of {type(found).__qualname__}, which is not immutable")
        return found

    def _make_part(self, payload: tuple[Any, ...]) -> durable.Durable:
        shape = self._shape_of(payload[0])
        if len(payload) != len(shape.names) + 1:
            self._refuse(f"{len(payload) - 1} values for the {len(shape.names)} fields of a part")
        self.count += 1
        part = self._object_of(self.count, shape)
        values = [load_view(value) for value in payload[1:]]
        if self.weak:
            self.owner.unwrap_weak(part, shape.names, values)
        durable.restore_fields(part, shape.names, values)
        part._perdure_struct_.root = self.root
        part._perdure_struct_.touched = 1
        durable.set_state(part, durable.CLEAN)
        return part


def store_new(
    owner: Any,
    fresh: list[durable.Durable],
    ids: list[int],
    types: dict[type, Any],
    records: dict[bytes, bytes | None],
    holders: dict[int, int],
    created: set[int],
    refer: Callable[[object], Any],
) -> None:
    """Encode the new objects of `fresh` from the last to the first, taking each from the list when it is done."""
    del ids, types, records, holders, created, refer
    while fresh:
        owner.store_one(fresh[-1])
        fresh.pop()


def store_changed(
    owner: Any,
    changed: list[durable.Durable],
    types: dict[type, Any],
    records: dict[bytes, bytes | None],
    holders: dict[int, int],
    touched: set[int],
    refer: Callable[[object], Any],
) -> None:
    """Encode the changed objects of `changed` from the last to the first, taking each from the list when it is done."""
    del types, records, holders, touched, refer
    while changed:
        if durable.state_of(changed[-1]) == durable.DIRTY:
            owner.store_changed_one(changed[-1])
        changed.pop()
