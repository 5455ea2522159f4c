# cython: language_level=3, boundscheck=False, wraparound=False
"""Between durable objects and their records: the loops that every load and every flush runs through.

The codec knows bytes and values, `durable` knows objects; here a record becomes the state of a ghost, and a batch of
new objects becomes records. Anything out of the ordinary is left to methods of the owner.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError, PyDict_Size
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from perdure.kernel.codec cimport _Extender
from perdure.kernel.durable cimport Durable, Layout, Owner, get_field, new_ghost, put_field
from perdure.kernel.embedded cimport is_plain, load_view, view_set
from perdure.kernel.seeking cimport Seeker

from perdure.errors import CorruptRecordError
from perdure.kernel.codec import Reference, decode_values, encode_record, list_references
from perdure.kernel.durable import restore_fields
from perdure.kernel.keys import encode_uint

cdef enum:
    _PART = 11           # extension codes, see `embedding`
    _PART_SET = 12
    _PART_DICT = 13
    _PART_LINK = 14
    _GHOST = 0
    _CLEAN = 1
    _DIRTY = 3
    _FIRST_FREE_ID = 64
    _REFERENCE = 0xC5        # the tag of a reference, see `codec`
    _OBJECT_BYTES = 280      # cost of a loaded object besides its record, as measured with three fields
    _GHOST_BYTES = 120       # for each object made for a record: half of what it takes, for most are loaded and charged

OBJECT_BYTES = _OBJECT_BYTES
GHOST_BYTES = _GHOST_BYTES

include "records_peek.pxi"

cdef tuple NO_OBJECTS = ()
cdef bytes PACKED_START = b"\xe1\x0f"     # an extension with the code `embedding.PACKED`
cdef uint64_t WIDE = 1ULL << 63


cdef class Shape:
    """A class with the names of its fields; `cls` is its Python type here, once an object of it was loaded."""

    def __init__(self, uint64_t shape_id, entry, tuple names):
        self.shape_id = shape_id
        self.entry = entry
        self.names = names

    cdef int take(self, object obj) except -1:
        """Learn where the fields are in objects of the class of `obj`."""
        self.positions = [(<Durable?>obj).layout.position(name) for name in self.names]
        self.cls = type(obj)
        return 0


cdef int read_varint(bytes data, Py_ssize_t* position, uint64_t* result) except -1:
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef uint64_t value = 0
    cdef unsigned int byte
    cdef int shift = 0
    while position[0] < size:
        byte = start[position[0]]
        position[0] += 1
        if shift == 63 and byte > 1:
            break
        value |= <uint64_t>(byte & 0x7F) << shift
        if byte < 0x80:
            result[0] = value
            return 0
        shift += 7
    raise CorruptRecordError("damaged record: its header is cut short or has a number too long")


cdef object resolve(Owner owner, uint64_t oid, uint64_t class_and_weak):
    cdef uint64_t class_id = class_and_weak >> 1
    if class_and_weak & 1:
        return owner.weak(Reference(oid, class_id, True))
    cdef PyObject* cls = PyDict_GetItemWithError(owner.classes, class_id)
    if cls == NULL:
        return owner.ghost(oid, owner.class_of(class_id))
    return owner.ghost(oid, <object>cls)


def shape_id_of(bytes data not None):
    """The shape id of a record."""
    cdef Py_ssize_t position = 0
    cdef uint64_t shape_id
    read_varint(data, &position, &shape_id)
    return shape_id


def fetch(Owner owner, uint64_t oid, bytes data not None, dict shapes, extend):
    """The object of a record that was read, from the identity map or made and loaded now."""
    cdef object found = fetch_one(owner, oid, data, shapes, extend)
    owner.make_room()
    return found


def fetch_newest(Owner owner, uint64_t oid, Seeker seeker not None, bytes suffix not None, dict shapes, extend):
    """`fetch` of the record that the state of `suffix` has; None when there is none."""
    cdef object data = seeker.find(encode_uint(oid), suffix, None)
    return None if data is None else fetch(owner, oid, data, shapes, extend)


def fetch_many(Owner owner, list oids, read, dict shapes, extend):
    """The objects of `oids` that exist, in order; `read(keys)` gives the records of those not loaded."""
    cdef list wanted = [], wanted_keys = [], found = []
    cdef Py_ssize_t index
    cdef PyObject* item
    for oid in oids:
        item = PyDict_GetItemWithError(owner.objects, oid)
        if item == NULL or (<Durable>item).state == _GHOST:
            wanted.append(oid)
            wanted_keys.append(encode_uint(oid))
    if wanted:
        read_values = read(wanted_keys)
        for index in range(len(wanted)):
            if read_values[index] is not None:
                fetch_one(owner, wanted[index], read_values[index], shapes, extend)
    for oid in oids:
        item = PyDict_GetItemWithError(owner.objects, oid)
        if item != NULL and (<Durable>item).state > _GHOST:
            (<Durable>item).touched = 1
            found.append(<object>item)
    return found


cdef object fetch_one(Owner owner, uint64_t oid, bytes data, dict shapes, object extend):
    cdef Py_ssize_t position = 0
    cdef uint64_t shape_id
    cdef PyObject* found
    cdef object cls = None
    cdef Durable obj
    read_varint(data, &position, &shape_id)
    if shape_id >= _FIRST_FREE_ID:
        found = PyDict_GetItemWithError(shapes, shape_id)
        if found != NULL:
            cls = (<Shape?><object>found).cls
    if cls is None:
        cls = owner.class_of_shape(shape_id)
    obj = <Durable>owner.ghost(oid, cls)
    if obj.state == _GHOST:
        restore_from(owner, obj, data, position, shape_id, shapes, extend)
    return obj


def restore(Owner owner, Durable obj, bytes data not None, dict shapes, extend):
    """Make a ghost the object of a record. A damaged record leaves it a ghost."""
    cdef Py_ssize_t position = 0
    cdef uint64_t shape_id
    read_varint(data, &position, &shape_id)
    restore_from(owner, obj, data, position, shape_id, shapes, extend)


cdef int restore_from(
    Owner owner, Durable obj, bytes data, Py_ssize_t position, uint64_t shape_id, dict shapes, object extend
) except -1:
    cdef Py_ssize_t index, size = PyBytes_GET_SIZE(data)
    cdef uint64_t count, step, class_and_weak, oid = 0
    cdef bint weak = False
    cdef object objects = NO_OBJECTS
    read_varint(data, &position, &count)
    if count > <uint64_t>size:
        raise CorruptRecordError("damaged record: its reference table is cut short")
    cdef Py_ssize_t known = PyDict_Size(owner.objects)
    if count:
        objects = []
        for index in range(<Py_ssize_t>count):
            read_varint(data, &position, &step)
            read_varint(data, &position, &class_and_weak)
            oid += <uint64_t>(<int64_t>(step >> 1) ^ -<int64_t>(step & 1))
            weak |= class_and_weak & 1
            (<list>objects).append(resolve(owner, oid, class_and_weak))
    cdef Py_ssize_t met = PyDict_Size(owner.objects) - known
    cdef _PartReader reader = None
    if obj.layout.frozen:
        reader = _PartReader(owner, obj.oid, shapes, extend, weak)
        if data[position:position + 2] == PACKED_START:
            data = owner.unpack(data[position:])
            position, size = 0, size + len(data)
    cdef list values = decode_values(data, position, objects, extend if reader is None else reader)
    if reader is not None:
        reader.check_links()
        obj.parts = reader.count
        values = [load_view(value) for value in values]
    if shape_id < _FIRST_FREE_ID:
        obj._perdure_restore_(values)
    else:
        restore_shape(owner, obj, shape_id, values, weak, shapes)
    set_charge(owner, obj, _OBJECT_BYTES + 3 * size + _GHOST_BYTES * met)
    obj.referring = count != 0
    obj.touched = 1
    obj.state = _CLEAN
    return 0


cdef int restore_shape(Owner owner, Durable obj, uint64_t shape_id, list values, bint weak, dict shapes) except -1:
    cdef PyObject* found = PyDict_GetItemWithError(shapes, shape_id)
    cdef Shape shape = <Shape?>(<object>found if found != NULL else owner.shape_of_id(shape_id))
    cdef Py_ssize_t index
    cdef int position
    if shape.cls is not type(obj):
        shape.take(obj)
    if len(values) != len(shape.names):
        raise CorruptRecordError(
            f"damaged record of object #{obj.oid}: {len(values)} values for the {len(shape.names)} fields of its shape"
        )
    if weak or obj.weakly:
        owner.unwrap_weak(obj, shape.names, values)
    for index in range(len(values)):
        position = shape.positions[index]
        if position < 0:
            restore_fields(obj, shape.names, values)
            return 0
        put_field(obj, position, values[index])
    return 0


include "records_parts.pxi"


def store_new(Owner owner, list fresh, list ids, dict types, dict records, dict holders, set created, refer):
    """Encode the new objects of `fresh` from the last to the first, taking each from the list when it is done.

    `ids` has an object id for each, taken from its end by those that have none yet.
    `types` maps Python types to (mask → Shape, ids of typed instances or None). An object of a type or mask that is not
    there, a wide one, or one with weak fields is left to `owner.store_one`.
    """
    cdef Durable obj
    cdef PyObject* shape_found
    cdef PyObject* typed
    cdef bytes data
    while fresh:
        obj = <Durable>fresh[len(fresh) - 1]
        shape_found = find_shape(obj, types, &typed)
        if shape_found == NULL:
            owner.store_one(obj)
            fresh.pop()
            continue
        if obj.oid == 0:
            identity = ids.pop()
            obj.oid = identity
            obj.owner = owner
            owner.objects[identity] = obj
            created.add(identity)
            holders[identity] = -1
        data = encode(obj, <Shape>shape_found, refer)
        records[encode_uint(obj.oid)] = data
        obj.referring = hold_references(data, holders)
        if <object>typed is not None:
            (<list>typed).append(obj.oid)
        charge(owner, obj, data)
        fresh.pop()


def store_changed(Owner owner, list changed, dict types, dict records, dict holders, set touched, refer):
    """Encode the changed objects of `changed` from the last to the first, taking each from the list when it is done.

    Those whose stored record has references to release, and those that `store_new` would leave to the owner, are
    left to `owner.store_changed_one`.
    """
    cdef Durable obj
    cdef PyObject* shape_found
    cdef PyObject* typed
    cdef bytes data
    while changed:
        obj = <Durable>changed[len(changed) - 1]
        if obj.state == _DIRTY:
            shape_found = NULL if obj.referring else find_shape(obj, types, &typed)
            if shape_found == NULL:
                owner.store_changed_one(obj)
            else:
                data = encode(obj, <Shape>shape_found, refer)
                records[encode_uint(obj.oid)] = data
                obj.referring = hold_references(data, holders)
                touched.add(obj.oid)
                charge(owner, obj, data)
        changed.pop()


cdef PyObject* find_shape(Durable obj, dict types, PyObject** typed) except? NULL:
    """The shape of an object among `types`, with its list of typed instances (or None); NULL when not there."""
    cdef PyObject* found = PyDict_GetItemWithError(types, type(obj))
    if found == NULL or obj.mask & WIDE or obj.weakly or obj.building:
        return NULL
    typed[0] = <PyObject*>(<tuple>found)[1]
    return PyDict_GetItemWithError(<dict>(<tuple>found)[0], obj.mask)


cdef bytes encode(Durable obj, Shape shape, refer):
    """The record of an object, which is clean from here on: what another thread changes meanwhile registers it."""
    cdef int index, state = obj.state
    cdef list values = []
    for index in range(obj.layout.count):
        if obj.mask & (1ULL << index):
            values.append(get_field(obj, index))
    obj.state = _CLEAN
    try:
        return encode_record(shape.shape_id, values, refer)
    except:
        obj.state = state
        raise


cdef int charge(Owner owner, Durable obj, bytes data) except -1:
    set_charge(owner, obj, _OBJECT_BYTES + 3 * PyBytes_GET_SIZE(data))
    obj.touched = 1
    return 0


cdef inline void set_charge(Owner owner, Durable obj, Py_ssize_t size) noexcept:
    owner.cached_bytes += size - <Py_ssize_t>obj.size
    obj.size = <unsigned int>size


cdef bint hold_references(bytes data, dict holders) except -1:
    """Count what a record refers to; whether it refers to anything."""
    if not has_table(data):
        return False
    for reference in list_references(data):
        if not reference.weak:
            hold(holders, reference.oid)
    return True


cdef int hold(dict holders, object oid) except -1:
    cdef PyObject* found = PyDict_GetItemWithError(holders, oid)
    if found == NULL:
        holders[oid] = 1
    elif <object>found == -1:
        del holders[oid]
    else:
        holders[oid] = <object>found + 1
    return 0


cdef bint has_table(bytes data) except -1:
    cdef Py_ssize_t position = 0
    cdef uint64_t number
    read_varint(data, &position, &number)
    read_varint(data, &position, &number)
    return number != 0
