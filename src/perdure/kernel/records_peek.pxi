# One object of a record, without those beside it. Part of records.pyx.

WHOLE = object()
"""What `peek` gives when a record has to be read as a whole."""


def peek(Owner owner, bytes data not None, Py_ssize_t place, int kind):
    """The object at `place` of a record of the small int `kind` and strong references, without the objects beside it.

    `WHOLE` when there are other values before it, and for a weak reference.
    """
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(data)
    cdef Py_ssize_t position = 0, number, table
    cdef uint64_t shape_id, count, step, class_and_weak = 0, oid = 0
    read_varint(data, &position, &shape_id)
    read_varint(data, &position, &count)
    table = position
    if place < 1 or <uint64_t>place > count:
        return WHOLE
    for number in range(<Py_ssize_t>count):
        read_varint(data, &position, &step)
        read_varint(data, &position, &class_and_weak)
    if position + place >= PyBytes_GET_SIZE(data) or start[position] != kind:
        return WHOLE
    for number in range(position + 1, position + place + 1):
        if start[number] != _REFERENCE:
            return WHOLE
    for number in range(place):
        read_varint(data, &table, &step)
        read_varint(data, &table, &class_and_weak)
        oid += <uint64_t>(<int64_t>(step >> 1) ^ -<int64_t>(step & 1))
    return WHOLE if class_and_weak & 1 else resolve(owner, oid, class_and_weak)
