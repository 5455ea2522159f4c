# cython: language_level=3, boundscheck=False, wraparound=False
"""Storing write-once objects: how the parts of one are written in the record of their root.

A part is an object that was stored nowhere when another write-once object that holds it was stored. It is written
where the reference to it would be, as an extension with its shape and values, and gets the id after its root's in the
order in which parts end. See docs/format.md, "Embedded objects"; `records` reads them.
"""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject, PyObject_GenericSetAttr

from perdure.kernel.durable cimport Durable, Owner, ensure_loaded, get_field
from perdure.kernel.embedded cimport EmbeddedDict, is_plain
from perdure.kernel.records cimport Shape

from perdure.errors import ObjectError
from perdure.kernel.codec import Extension, encode_value
from perdure.kernel.durable import fields
from perdure.kernel.embedded import EmbeddedSet, EmbeddedTuple

PART = 11
PART_SET = 12
PART_DICT = 13
PART_LINK = 14
PACKED = 15

cdef enum:
    _PART = 11
    _PART_SET = 12
    _PART_DICT = 13
    _PART_LINK = 14
    _CLEAN = 1
    _DEEPEST = 32        # levels of parts in one record; what is deeper gets a record of its own
    _DEEPEST_CONTENT = 500

cdef unsigned long long WIDE = 1ULL << 63


cdef class Gathering:
    """The stored values of one root, and the parts met on the way, in the order of their numbers."""

    cdef readonly list parts
    cdef readonly list values
    cdef dict known          # id of an object → its number, or the payload of the links to it while it is not done
    cdef object owner
    cdef dict types
    cdef Durable root
    cdef bint flat

    def __init__(self, owner, Durable root, dict types, bint flat):
        """`types` maps classes to (mask → Shape, ...); `owner.learn_shape(obj)` adds what is missing.

        `owner.interned_part(obj, self)` says what stands for an object of an interned class: the object itself where
        it becomes a part. With `flat` nothing becomes a part.
        """
        self.owner = owner
        self.types = types
        self.root = root
        self.flat = flat
        self.parts = []
        self.known = {}
        self.known[id(root)] = [0, self.shape_of(root).shape_id]
        self.values = self.form_fields(root, 0)

    cdef Shape shape_of(self, Durable obj):
        cdef PyObject* found = PyDict_GetItemWithError(self.types, type(obj))
        if found != NULL and not obj.mask & WIDE:
            found = PyDict_GetItemWithError(<dict>(<tuple>found)[0], obj.mask)
            if found != NULL:
                return <Shape>found
        return <Shape>self.owner.learn_shape(obj)

    cdef list form_fields(self, Durable obj, int depth):
        cdef int index
        cdef object value
        cdef list values = []
        if obj.mask & WIDE or obj.weakly:
            return [self.form(value, depth) for value in self.owner.plain_values(obj)]
        for index in range(obj.layout.count):
            if obj.mask & (1ULL << index):
                value = get_field(obj, index)
                values.append(value if is_plain(value) else self.form(value, depth))
        return values

    cdef object form(self, object value, int depth):
        cdef object kind
        if is_plain(value):
            return value
        kind = type(value)
        if kind is EmbeddedTuple:
            return tuple([item if is_plain(item) else self.form(item, depth) for item in value])
        if kind is EmbeddedDict:
            return self.form_dict((<EmbeddedDict>value).content, depth)
        if kind is EmbeddedSet:
            return self.form_set(value, depth)
        if isinstance(value, Durable):
            return self.form_object(<Durable>value, depth)
        return value

    cdef object form_dict(self, dict content, int depth):
        cdef object key, item
        cdef list pairs
        for key in content:
            if not is_plain(key) and not is_keylike(key):
                pairs = []
                for key, item in content.items():
                    pairs += (self.form(key, depth), self.form(item, depth))
                return Extension(_PART_DICT, tuple(pairs))
        return {
            tuple(key) if type(key) is EmbeddedTuple else key: item if is_plain(item) else self.form(item, depth)
            for key, item in content.items()
        }

    cdef object form_set(self, object value, int depth):
        for item in value:
            if not is_plain(item):
                return Extension(_PART_SET, tuple([self.form(item, depth) for item in value]))
        return frozenset(value)

    cdef object form_object(self, Durable obj, int depth):
        cdef PyObject* known = PyDict_GetItemWithError(self.known, id(obj))
        cdef Shape shape
        cdef list link
        if known != NULL:
            return Extension(_PART_LINK, <object>known)
        if obj.root and obj.root == self.root.oid:
            return Extension(_PART_LINK, [obj.oid - obj.root, self.shape_of(obj).shape_id])
        if self.flat or depth > _DEEPEST or not obj.layout.frozen or obj.oid or obj.state != _CLEAN or (
            obj.owner is not None and obj.owner is not self.owner
        ):
            return obj
        if type(obj)._perdure_interned_:
            found = self.owner.interned_part(obj, self)
            if found is not obj:
                return self.form_object(found, depth)
        shape = self.shape_of(obj)
        link = [0, shape.shape_id]
        self.known[id(obj)] = link
        values = self.form_fields(obj, depth + 1)
        self.parts.append(obj)
        link[0] = len(self.parts)
        return Extension(_PART, (shape.shape_id, *values))


cdef inline bint is_keylike(object key):
    """Keys that a plain dict of the codec takes as they are: tuples of plain values."""
    if type(key) is not EmbeddedTuple:
        return not isinstance(key, (Durable, EmbeddedSet))
    for item in key:
        if not is_plain(item):
            return False
    return True


def settle(Owner owner, Durable root, list parts, dict types):
    """The record of `root` is written, its id is set: its parts get the ids that follow and belong to `owner`."""
    cdef unsigned long long oid = root.oid
    cdef Durable part
    cdef object found
    cdef object typed
    for item in parts:
        part = <Durable>item
        oid += 1
        part.oid = oid
        part.root = root.oid
        part.owner = owner
        part.touched = 1
        found = oid
        owner.objects[found] = part
        typed = (<tuple>types[type(part)])[1]
        if typed is not None:
            (<list>typed).append(found)
    root.parts = <unsigned int>len(parts)


# -- content -----------------------------------------------------------------------------------------------------

cdef dict signatures = {}
"""Class → (mask → (encoded identity and names in order, positions of the fields in that order))."""


def content(Durable obj, foreign):
    """Bytes that are equal for objects of one interned class with equal content, however it was put together.

    `foreign(value)` gives the form of a value that the codec does not know, or refuses it.
    """
    return content_at(obj, foreign, 0)


def find_known(Durable obj, dict known, dict objects, foreign):
    """The loaded object that `known` (content → id) and `objects` (id → object) have for the content of `obj`, or None.

    What is found stands for `obj` from here on.
    """
    cdef PyObject* found = PyDict_GetItemWithError(known, content_at(obj, foreign, 0))
    if found == NULL:
        return None
    found = PyDict_GetItemWithError(objects, <object>found)
    if found == NULL or (<Durable>found).state <= 0:
        return None
    (<Durable>found).touched = 1
    if <object>found is not obj:
        PyObject_GenericSetAttr(obj, "_perdure_same_", <object>found)
    return <object>found


cdef bytes content_at(Durable obj, object foreign, int depth):
    cdef tuple signature
    cdef PyObject* found
    cdef list values = []
    if depth > _DEEPEST_CONTENT:
        raise ObjectError(f"an object of {type(obj).__qualname__} holds a reference to itself and cannot be interned")
    if obj.state <= 0:
        ensure_loaded(obj)
    if obj.mask & WIDE:
        content_of = fields(obj)
        for name in sorted(content_of):
            values.append(normal(content_of[name], foreign, depth))
        return encode_value((type(obj)._perdure_domain_, *sorted(content_of))) + encode_value(tuple(values), foreign)
    found = PyDict_GetItemWithError(signatures, type(obj))
    if found != NULL:
        found = PyDict_GetItemWithError(<dict>found, obj.mask)
    signature = sign(obj) if found == NULL else <tuple>found
    for index in <tuple>signature[1]:
        value = get_field(obj, index)
        values.append(value if is_plain(value) else normal(value, foreign, depth))
    return <bytes>signature[0] + <bytes>encode_value(tuple(values), foreign)


cdef tuple sign(Durable obj):
    cdef list names = sorted(obj.layout.names_of(obj.mask))
    cdef tuple made = (
        encode_value((type(obj)._perdure_domain_, *names)), tuple([obj.layout.position(name) for name in names])
    )
    signatures.setdefault(type(obj), {})[obj.mask] = made
    return made


cdef object normal(object value, object foreign, int depth):
    """A value in the form whose bytes are those of all values that are equal to it."""
    cdef object kind = type(value)
    cdef list pairs
    if is_plain(value):
        return value
    if kind is EmbeddedTuple:
        return tuple([normal(item, foreign, depth) for item in value])
    if kind is EmbeddedSet:
        return Extension(_PART_SET, tuple(sorted([encode_value(normal(item, foreign, depth), foreign) for item in value])))
    if kind is EmbeddedDict:
        pairs = [
            (encode_value(normal(key, foreign, depth), foreign), encode_value(normal(item, foreign, depth), foreign))
            for key, item in (<EmbeddedDict>value).content.items()
        ]
        pairs.sort()
        return Extension(_PART_DICT, tuple(pairs))
    if isinstance(value, Durable) and (<Durable>value).layout.frozen and kind._perdure_interned_:
        if not (<Durable>value).weakly:
            return Extension(_PART, content_at(<Durable>value, foreign, depth + 1))
    return value
