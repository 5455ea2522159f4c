# Reading the objects embedded in a record. Part of records.pyx.

cdef class _PartReader:
    """Called for the extensions of a root's record: makes parts, leaves other values to `extend`."""

    cdef Owner owner
    cdef unsigned long long root
    cdef unsigned int count
    cdef dict shapes
    cdef object extend
    cdef bint weak

    def __init__(self, owner, unsigned long long root, dict shapes, extend, bint weak):
        self.owner = owner
        self.root = root
        self.shapes = shapes
        self.extend = extend
        self.weak = weak
        self.count = 0

    def __call__(self, code, payload):
        cdef int number = code if code < 64 else 0
        if number == _PART:
            return self.make_part(<tuple?>payload)
        if number == _PART_SET:
            return view_set([load_view(item) for item in payload])
        if number == _PART_DICT:
            return load_view(dict([(load_view(payload[at]), payload[at + 1]) for at in range(0, len(payload), 2)]))
        if number == _PART_LINK:
            return self.owner.ghost(self.root + payload[0], self.owner.class_of_shape(payload[1]))
        return self.extend(code, payload)

    cdef object make_part(self, tuple payload):
        cdef PyObject* found
        cdef Shape shape
        cdef Durable part
        cdef object cls, value
        cdef Py_ssize_t index
        cdef list values
        if not payload:
            raise CorruptRecordError("a damaged record: a part without a shape")
        found = PyDict_GetItemWithError(self.shapes, payload[0])
        shape = <Shape?>(<object>found if found != NULL else self.owner.shape_of_id(payload[0]))
        if len(payload) != len(shape.names) + 1:
            raise CorruptRecordError(
                f"damaged record of object #{self.root}: {len(payload) - 1} values for the {len(shape.names)} "
                f"fields of a part"
            )
        cls = shape.cls if shape.cls is not None else self.owner.class_of_shape(payload[0])
        self.count += 1
        part = <Durable>self.owner.ghost(self.root + self.count, cls)
        if shape.cls is not type(part):
            shape.take(part)
        part.root = self.root
        part.touched = 1
        if self.weak or part.layout.count > 63:
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
