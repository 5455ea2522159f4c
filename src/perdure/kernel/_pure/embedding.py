"""Pure-Python twin of `kernel/embedding.pyx`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.errors import ObjectError

from . import codec, durable
from ._alike import Alike, follow
from .codec_tags import Extension
from .embedded import PLAIN, EmbeddedDict, EmbeddedSet, EmbeddedTuple

__all__ = [
    "PACKED", "PART", "PART_DICT", "PART_LINK", "PART_SET", "Alike", "Gathering", "content", "find_known", "follow",
    "settle",
]  # fmt: skip

PART = 11
PART_SET = 12
PART_DICT = 13
PART_LINK = 14
PACKED = 15
_DEEPEST = 32
_DEEPEST_CONTENT = 500


class Gathering:
    """The record of one root, and the parts met on the way, in the order of their numbers."""

    def __init__(
        self,
        owner: Any,
        root: durable.Durable,
        types: dict[type, Any],
        flat: bool,
        refer: Callable[[object], Any],
    ) -> None:
        self._owner = owner
        self._types = types
        self._root = root
        self._flat = flat
        shape_id = self._shape_of(root).shape_id
        self._known: dict[int, list[int]] = {id(root): [0, shape_id]}
        self.parts: list[durable.Durable] = []
        self.record = codec.encode_record(shape_id, self._form_fields(root, 0), refer)
        _, references, self.offset = codec.decode_header(self.record)
        self.refers = bool(references)

    def _shape_of(self, obj: durable.Durable) -> Any:
        found = self._types.get(type(obj))
        shape = None if found is None or durable.is_wide(obj) else found[0].get(durable.mask_of(obj))
        return shape or self._owner.learn_shape(obj)

    def _form_fields(self, obj: durable.Durable, depth: int) -> list[object]:
        return [self._form(value, depth) for value in self._owner.plain_values(obj)]

    def _form(self, value: Any, depth: int) -> Any:
        if isinstance(value, EmbeddedTuple):
            return tuple([self._form(item, depth) for item in value])
        if isinstance(value, EmbeddedDict):
            return self._form_dict(value, depth)
        if isinstance(value, EmbeddedSet):
            if all(type(item) in PLAIN for item in value):
                return frozenset(value)
            return Extension(PART_SET, tuple([self._form(item, depth) for item in value]))
        return self._form_object(value, depth) if isinstance(value, durable.Durable) else value

    def _form_dict(self, content: EmbeddedDict, depth: int) -> Any:
        if all(map(_is_keylike, content)):
            return {
                tuple(key) if type(key) is EmbeddedTuple else key: self._form(item, depth)
                for key, item in content.items()
            }
        pairs = []
        for key, item in content.items():
            pairs += [self._form(key, depth), self._form(item, depth)]
        return Extension(PART_DICT, tuple(pairs))

    def _form_object(self, obj: Any, depth: int) -> object:
        known = self._known.get(id(obj))
        if known is not None:
            return Extension(PART_LINK, known)
        root = durable.root_of(obj)
        if root and root == durable.oid_of(self._root):
            return Extension(PART_LINK, [durable.oid_of(obj) - root, self._shape_of(obj).shape_id])
        elsewhere = durable.owner_of(obj) not in (None, self._owner)
        if self._flat or depth > _DEEPEST or elsewhere or not durable.is_transient(obj):
            return obj
        if obj._perdure_interned_:
            found = self._owner.interned_part(obj, self)
            if found is not obj:
                return self._form_object(found, depth)
        shape_id = self._shape_of(obj).shape_id
        link = self._known[id(obj)] = [0, shape_id]
        values = self._form_fields(obj, depth + 1)
        self.parts.append(obj)
        link[0] = len(self.parts)
        return Extension(PART, (shape_id, *values))


def _is_keylike(key: object) -> bool:
    if type(key) is EmbeddedTuple:
        return all(type(item) in PLAIN for item in key)
    return not isinstance(key, durable.Durable | EmbeddedSet)


def settle(
    owner: Any, root: durable.Durable, parts: list[durable.Durable], types: dict[type, Any], oid: int, created: set[int]
) -> None:
    """The record of `root` is written: it has the id `oid` from here on, and its parts have those that follow.

    All belong to `owner`; `created` gets their ids, and the list of their class in `types`, if it has one, too.
    """
    for identity, obj in enumerate([root, *parts], oid):
        if not durable.oid_of(obj):
            durable.attach(obj, owner, identity)
            created.add(identity)
        if obj is not root:
            obj._perdure_struct_.root = oid
        typed = types[type(obj)][1] if type(obj) in types else owner.learn_type(type(obj))
        if typed is not None:
            typed.append(identity)
    root._perdure_struct_.parts = len(parts)


def content(obj: durable.Durable, foreign: Callable[[object], Any]) -> bytes:
    """Bytes that are equal for objects of one interned class with equal content, however it was put together.

    `foreign(value)` gives the form of a value that the codec does not know, or refuses it.
    """
    return _content(obj, foreign, 0)


def find_known(
    obj: Any, known: dict[bytes, int], objects: dict[int, durable.Durable], foreign: Callable[[object], Any]
) -> durable.Durable | None:
    """The loaded object that `known` (content → id) and `objects` (id → object) have for the content of `obj`, or None.

    What is found stands for `obj` from here on.
    """
    found = objects.get(known.get(_content(obj, foreign, 0), 0))
    if found is None or durable.state_of(found) <= durable.GHOST:
        return None
    if found is not obj:
        obj._perdure_same_ = found
    return found


def _content(obj: Any, foreign: Callable[[object], Any], depth: int) -> bytes:
    if depth > _DEEPEST_CONTENT:
        raise ObjectError(f"an object of {type(obj).__qualname__} holds a reference to itself and cannot be interned")
    durable.load(obj)
    found = durable.fields(obj)
    names = sorted(found)
    values = tuple([_normal(found[name], foreign, depth) for name in names])
    return codec.encode_value((type(obj)._perdure_domain_, *names)) + codec.encode_value(values, foreign)


def _normal(value: Any, foreign: Callable[[object], Any], depth: int) -> Any:
    """A value in the form whose bytes are those of all values that are equal to it."""

    def encoded(item: Any) -> bytes:
        return codec.encode_value(_normal(item, foreign, depth), foreign)

    if isinstance(value, EmbeddedTuple):
        return tuple([_normal(item, foreign, depth) for item in value])
    if isinstance(value, EmbeddedSet):
        return Extension(PART_SET, tuple(sorted(map(encoded, value))))
    if isinstance(value, EmbeddedDict):
        return Extension(PART_DICT, tuple(sorted((encoded(key), encoded(item)) for key, item in value.items())))
    interned = isinstance(value, durable.Durable) and getattr(value, "_perdure_interned_", False)
    if interned and not value._perdure_weak_:
        return Extension(PART, _content(value, foreign, depth + 1))
    return value
