# cython: language_level=3, boundscheck=False, wraparound=False
"""Storing write-once objects: how the parts of one are written in the record of their root.

A part is an object that was stored nowhere when another write-once object that holds it was stored. It is written
where the reference to it would be, as an extension with its shape and values, and gets the id after its root's in the
order in which parts end. See docs/format.md, "Embedded objects"; `records` reads them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject, PyObject_GenericSetAttr
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from perdure.kernel._buffer cimport (
    Buffer, buffer_bytes, buffer_free, buffer_init, put_bytes, put_varint, unzigzag, zigzag,
)
from perdure.kernel.codec cimport (
    Writer, begin_dict, begin_extension, begin_list, begin_tuple, finish_record, write_value, writer_free, writer_init,
)
from perdure.kernel.durable cimport Durable, Layout, Owner, ensure_loaded, get_field, track
from perdure.kernel.embedded cimport EmbeddedDict, is_plain, watch_again
from perdure.kernel.records cimport Shape

from perdure.errors import CorruptRecordError, ObjectError
from perdure.kernel.codec import Extension, encode_value
from perdure.kernel.durable import fields
from perdure.kernel.embedded import EmbeddedSet, EmbeddedTuple

cdef object tuple_type = EmbeddedTuple
cdef object set_type = EmbeddedSet

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


include "embedding_alike.pxi"
include "embedding_met.pxi"


cdef class Gathering:
    """The record of one root, written in one pass over its graph, and the parts met on the way, by their numbers."""

    cdef readonly list parts
    cdef readonly bytes record
    cdef readonly Py_ssize_t offset   # where the values of the record begin
    cdef readonly bint refers         # whether the record refers to other objects
    cdef Writer writer
    cdef MetTable met                 # the root and the parts with their numbers
    cdef list unnumbered              # (position in the writer, object) of links to objects that were not done
    cdef object owner
    cdef object refer
    cdef dict types
    cdef Durable root
    cdef bint flat

    def __cinit__(self):
        writer_init(&self.writer, False)
        met_init(&self.met)

    def __dealloc__(self):
        writer_free(&self.writer)
        met_free(&self.met)

    def __init__(self, owner, Durable root, dict types, bint flat, refer):
        """`types` maps classes to (mask → Shape, ...); `owner.learn_shape(obj)` adds what is missing.

        `owner.interned_part(obj, self)` says what stands for an object of an interned class: the object itself where
        it becomes a part. With `flat` nothing becomes a part. `refer` is that of the codec.
        """
        cdef Shape shape
        self.owner = owner
        self.refer = refer
        self.types = types
        self.root = root
        self.flat = flat
        self.parts = []
        self.unnumbered = []
        met_add(&self.met, root, 0)
        shape = self.shape_of(root)
        self.write_fields(root, 0, 0)
        if self.unnumbered:
            self.number()
        self.record = finish_record(&self.writer, shape.shape_id, &self.offset)
        self.refers = self.writer.table_size != 0
        writer_free(&self.writer)
        met_free(&self.met)

    cdef Shape shape_of(self, Durable obj):
        cdef Layout layout = obj.layout
        cdef PyObject* found
        if layout.shape_types is self.types and layout.shape_mask == obj.mask:
            return <Shape>layout.shape
        found = PyDict_GetItemWithError(self.types, type(obj))
        if found != NULL and not obj.mask & WIDE:
            found = PyDict_GetItemWithError(<dict>(<tuple>found)[0], obj.mask)
            if found != NULL:
                layout.shape_types = self.types
                layout.shape_mask = obj.mask
                layout.shape = <object>found
                return <Shape>found
        return <Shape>self.owner.learn_shape(obj)

    cdef int write_fields(self, Durable obj, int depth, int level) except -1:
        """`depth` counts containers, as the codec does, and `level` the parts among them."""
        cdef int index
        cdef unsigned long long mask = obj.mask
        if mask & WIDE or obj.weakly:
            for value in self.owner.plain_values(obj):
                self.write(value, depth, level)
            return 0
        for index in range(obj.layout.count):
            if mask >> index == 0:
                break
            if mask >> index & 1:
                self.write(get_field(obj, index), depth, level)
        return 0

    cdef int write(self, object value, int depth, int level) except -1:
        cdef object kind = type(value)
        if is_plain(value):
            return write_value(&self.writer, value, None, depth)
        if kind is tuple_type:
            return self.write_tuple(<tuple>value, depth, level)
        if isinstance(value, Durable):
            return self.write_object(<Durable>value, depth, level)
        if kind is EmbeddedDict:
            return self.write_dict(<EmbeddedDict>value, depth, level)
        if kind is set_type:
            return self.write_set(value, depth, level)
        return write_value(&self.writer, value, self.refer, depth)

    cdef int write_tuple(self, tuple value, int depth, int level) except -1:
        cdef bint plain = True
        begin_tuple(&self.writer, len(value), depth)
        for item in value:
            plain = plain and is_plain(item)
            self.write(item, depth + 1, level)
        return 0 if plain else watch_again(value)

    cdef int write_dict(self, EmbeddedDict value, int depth, int level) except -1:
        cdef dict content = value.content
        cdef object key, item
        cdef bint keylike = True, plain = True
        for key in content:
            keylike = keylike and (is_plain(key) or is_keylike(key))
        if not keylike:
            begin_extension(&self.writer, _PART_DICT, depth)
            depth += 1
            begin_tuple(&self.writer, 2 * len(content), depth)
        else:
            begin_dict(&self.writer, len(content), depth)
        for key, item in content.items():
            plain = plain and is_plain(item)
            self.write(key, depth + 1, level)
            self.write(item, depth + 1, level)
        return 0 if plain and keylike else watch_again(value)

    cdef int write_set(self, object value, int depth, int level) except -1:
        for item in value:
            if not is_plain(item):
                break
        else:
            return write_value(&self.writer, frozenset(value), self.refer, depth)
        begin_extension(&self.writer, _PART_SET, depth)
        begin_tuple(&self.writer, len(value), depth + 1)
        for item in value:
            self.write(item, depth + 2, level)
        return watch_again(value)

    cdef int write_object(self, Durable obj, int depth, int level) except -1:
        cdef Met* met = met_entry(&self.met, obj)
        cdef Shape shape
        if met.obj != NULL:
            return self.write_link(obj, met.number, depth)
        if obj.root and obj.root == self.root.oid:
            return self.write_link(obj, obj.oid - obj.root, depth)
        if self.flat or level > _DEEPEST or not obj.layout.frozen or obj.oid or obj.state != _CLEAN or (
            obj.owner is not None and obj.owner is not self.owner
        ):
            return write_value(&self.writer, obj, self.refer, depth)
        if obj.layout.interned:
            found = self.owner.interned_part(obj, self)
            if found is not obj:
                return self.write_object(found, depth, level)
        shape = self.shape_of(obj)
        met_add(&self.met, obj, _NOT_DONE)
        begin_extension(&self.writer, _PART, depth)
        begin_tuple(&self.writer, len(shape.names) + 1, depth + 1)
        write_value(&self.writer, shape.shape_id, None, depth + 2)
        self.write_fields(obj, depth + 2, level + 1)
        self.parts.append(obj)
        met_entry(&self.met, obj).number = len(self.parts)
        return 0

    cdef int write_link(self, Durable obj, Py_ssize_t number, int depth) except -1:
        begin_extension(&self.writer, _PART_LINK, depth)
        begin_list(&self.writer, 2, depth + 1)
        if number == _NOT_DONE:
            self.unnumbered.append((self.writer.out.size, obj))
        else:
            write_value(&self.writer, number, None, depth + 2)
        return write_value(&self.writer, self.shape_of(obj).shape_id, None, depth + 2)

    cdef int number(self) except -1:
        """Put in the numbers of objects that were not done when the links to them were written."""
        cdef bytes written = buffer_bytes(&self.writer.out)
        cdef Py_ssize_t done = 0, position
        self.writer.out.size = 0
        for position, obj in self.unnumbered:
            put_bytes(&self.writer.out, PyBytes_AS_STRING(written) + done, position - done)
            write_value(&self.writer, met_entry(&self.met, <Durable?>obj).number, None, 0)
            done = position
        return put_bytes(&self.writer.out, PyBytes_AS_STRING(written) + done, PyBytes_GET_SIZE(written) - done)


cdef inline bint is_keylike(object key):
    """Keys that a plain dict of the codec takes as they are: tuples of plain values."""
    if type(key) is not tuple_type:
        return not isinstance(key, (Durable, set_type))
    for item in key:
        if not is_plain(item):
            return False
    return True


def settle(Owner owner, Durable root, list parts, dict types, unsigned long long oid, set created):
    """The record of `root` is written: it has the id `oid` from here on, and its parts have those that follow.

    All belong to `owner`; `created` gets their ids, and the list of their class in `types`, if it has one, too.
    """
    cdef Durable part
    enter(owner, root, oid, types, created)
    for part in parts:
        oid += 1
        part.root = root.oid
        part.touched = 1
        enter(owner, part, oid, types, created)
    root.parts = <unsigned int>len(parts)


cdef int enter(Owner owner, Durable obj, unsigned long long oid, dict types, set created) except -1:
    cdef object identity = oid, typed
    cdef PyObject* known = PyDict_GetItemWithError(types, type(obj))
    typed = (<tuple>known)[1] if known != NULL else owner.learn_type(type(obj))
    if obj.oid == 0:
        track(obj)
        obj.oid = oid
        obj.owner = owner
        owner.objects[identity] = obj
        created.add(identity)
    if typed is not None:
        (<list>typed).append(identity)
    return 0


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
        track(obj)
        PyObject_GenericSetAttr(obj, "_perdure_same_", <object>found)
    return <object>found


cdef bytes content_at(Durable obj, object foreign, int depth):
    cdef tuple signature
    cdef PyObject* found
    cdef Writer writer
    if depth > _DEEPEST_CONTENT:
        raise ObjectError(f"an object of {type(obj).__qualname__} holds a reference to itself and cannot be interned")
    if obj.state <= 0:
        ensure_loaded(obj)
    if obj.mask & WIDE:
        return content_of_wide(obj, foreign, depth)
    found = PyDict_GetItemWithError(signatures, type(obj))
    if found != NULL:
        found = PyDict_GetItemWithError(<dict>found, obj.mask)
    signature = sign(obj) if found == NULL else <tuple>found
    writer_init(&writer, True)
    try:
        put_bytes(&writer.out, PyBytes_AS_STRING(<bytes>signature[0]), PyBytes_GET_SIZE(<bytes>signature[0]))
        begin_tuple(&writer, len(<tuple>signature[1]), 0)
        for index in <tuple>signature[1]:
            value = get_field(obj, index)
            write_value(&writer, value if is_plain(value) else normal(value, foreign, depth), foreign, 1)
        return buffer_bytes(&writer.out)
    finally:
        writer_free(&writer)


cdef bytes content_of_wide(Durable obj, object foreign, int depth):
    cdef dict content_of = fields(obj)
    cdef list names = sorted(content_of)
    cdef tuple values = tuple([normal(content_of[name], foreign, depth) for name in names])
    return <bytes>encode_value((type(obj)._perdure_domain_, *names)) + <bytes>encode_value(values, foreign)


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
    if kind is tuple_type:
        return tuple([normal(item, foreign, depth) for item in value])
    if kind is set_type:
        return Extension(_PART_SET, tuple(sorted([encode_value(normal(item, foreign, depth), foreign) for item in value])))
    if kind is EmbeddedDict:
        pairs = [
            (encode_value(normal(key, foreign, depth), foreign), encode_value(normal(item, foreign, depth), foreign))
            for key, item in (<EmbeddedDict>value).content.items()
        ]
        pairs.sort()
        return Extension(_PART_DICT, tuple(pairs))
    if isinstance(value, Durable) and (<Durable>value).layout.interned:
        if not (<Durable>value).weakly:
            return Extension(_PART, content_at(<Durable>value, foreign, depth + 1))
    return value
