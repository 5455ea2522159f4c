# Reading what is embedded in a record: parts, and containers with parts in them. Part of records.pyx.

cdef class _PartReader(_Extender):
    """Called for the extensions of a root's record: makes parts, leaves other values to `extend`."""

    cdef Owner owner
    cdef unsigned long long root
    cdef unsigned int count
    cdef unsigned int linked          # the highest number of a part that a link names
    cdef dict shapes
    cdef object extend
    cdef bint weak

    def __init__(self, owner, unsigned long long root, dict shapes, extend, bint weak):
        self.owner = owner
        self.root = root
        self.shapes = shapes
        self.extend = extend
        self.weak = weak
        self.count = self.linked = 0

    cdef object take(self, uint64_t code, object payload):
        if code == _PART:
            return self.make_part(self.checked(payload, 1))
        if code == _PART_SET:
            return self.make_set(self.checked(payload, 0))
        if code == _PART_DICT:
            return self.make_dict(self.checked(payload, 0))
        if code == _PART_LINK:
            return self.link(payload)
        return self.extend(code, payload)

    cdef int refuse(self, str what) except -1:
        raise CorruptRecordError(f"damaged record of object #{self.root}: {what}")

    cdef tuple checked(self, object payload, Py_ssize_t least):
        if type(payload) is not tuple or len(<tuple>payload) < least:
            self.refuse(f"{payload!r} in place of a part or container")
        return <tuple>payload

    cdef object make_set(self, tuple payload):
        try:
            found = view_set([load_view(item) for item in payload])
        except TypeError as error:
            self.refuse(f"a set member cannot be hashed: {error}")
        if len(found) != len(payload):
            self.refuse("a set member comes twice")
        return found

    cdef object make_dict(self, tuple payload):
        cdef dict found
        if len(payload) % 2:
            self.refuse("a dictionary key without a value")
        try:
            found = dict([(load_view(payload[at]), payload[at + 1]) for at in range(0, len(payload), 2)])
        except TypeError as error:
            self.refuse(f"a dictionary key cannot be hashed: {error}")
        if 2 * len(found) != len(payload):
            self.refuse("a dictionary key comes twice")
        return load_view(found)

    cdef object link(self, object payload):
        cdef object cls
        if type(payload) is not list or [type(one) for one in payload] != [int, int]:
            self.refuse(f"{payload!r} in place of a link")
        number, shape_id = payload
        if not 0 <= number < 1 << 31:
            self.refuse(f"a link to part {number}")
        self.linked = max(self.linked, number)
        return self.object_of(number, self.class_of(self.shape_of(shape_id)))

    def check_links(self):
        """Refuse links to parts that were not there."""
        if self.linked > self.count:
            self.refuse(f"a link to part {self.linked} of {self.count}")

    cdef Shape shape_of(self, object shape_id):
        cdef PyObject* found
        if type(shape_id) is not int or shape_id < 0:
            self.refuse(f"a part of shape {shape_id!r}")
        found = PyDict_GetItemWithError(self.shapes, shape_id)
        return <Shape?>(<object>found if found != NULL else self.owner.shape_of_id(shape_id))

    cdef object class_of(self, Shape shape):
        return shape.cls if shape.cls is not None else self.owner.class_of_shape(shape.shape_id)

    cdef Durable object_of(self, unsigned int number, object cls):
        """The root or a part of it, which must be of a write-once class."""
        cdef object oid = self.root + number
        cdef PyObject* known = PyDict_GetItemWithError(self.owner.objects, oid)
        cdef Durable found = <Durable>known if known != NULL else new_ghost(self.owner, oid, cls)
        if not found.layout.frozen:
            self.refuse(f"part {number} is of {cls.__qualname__}, which is not immutable")
        return found

    cdef object make_part(self, tuple payload):
        cdef Shape shape = self.shape_of(payload[0])
        cdef Durable part
        cdef object cls, value
        cdef Py_ssize_t index
        cdef list values
        if len(payload) != len(shape.names) + 1:
            self.refuse(f"{len(payload) - 1} values for the {len(shape.names)} fields of a part")
        self.count += 1
        cls = self.class_of(shape)
        part = self.object_of(self.count, cls)
        if shape.cls is None and type(part) is cls:
            shape.take(part)
        part.root = self.root
        part.touched = 1
        if self.weak or part.layout.count > 63 or shape.cls is not type(part):
            values = [load_view(value) for value in payload[1:]]
            if self.weak:
                self.owner.unwrap_weak(part, shape.names, values)
            restore_fields(part, shape.names, values)
        else:
            for index in range(len(shape.names)):
                value = payload[index + 1]
                if not is_plain(value):
                    value = load_view(value)
                if shape.positions[index] < 0:
                    restore_fields(part, (shape.names[index],), [value])
                else:
                    put_field(part, shape.positions[index], value)
        part.state = _CLEAN
        return part
