# The runs of object ids in the entries of the log. Part of versions.pyx.

def encode_runs(list keys):
    """The runs of the object ids that the sorted `keys` start with: how many, then for each run the gap before it and
    its length, all variable-length numbers."""
    cdef Buffer runs
    cdef bytes key, head
    cdef uint64_t number = 0, first = 0, last = 0, end = 0, count = 0
    buffer_init(&runs)
    try:
        for key in keys:
            if _read_uint(_data(key), PyBytes_GET_SIZE(key), &number) == 0:
                raise ValueError(f"the key 0x{key.hex()} does not start with an object id")
            if count and number == last:
                continue
            if not count or number != last + 1:
                if count:
                    put_varint(&runs, last - first + 1)
                    end = last + 1
                put_varint(&runs, number - end)
                first = number
                count += 1
            last = number
        if count:
            put_varint(&runs, last - first + 1)
        head = buffer_bytes(&runs)
        runs.size = 0
        put_varint(&runs, count)
        return buffer_bytes(&runs) + head
    finally:
        buffer_free(&runs)


def decode_runs(bytes data not None, Py_ssize_t position):
    """What `encode_runs` wrote into `data` at `position`: pairs of first id and length, and where they end."""
    cdef const uint8_t* start = _data(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef uint64_t count = 0, gap = 0, length = 0, first, end = 0
    cdef bint over = False
    cdef list runs = []
    if position < 0:
        raise ValueError(f"position out of range: {position}")
    _take_varint(start, size, &position, &count)
    while count:
        _take_varint(start, size, &position, &gap)
        _take_varint(start, size, &position, &length)
        if over or gap > _ID_MAX - end or (length and length - 1 > _ID_MAX - end - gap):
            raise CorruptRecordError("damaged database: the log names an object id that is too large")
        first = end + gap
        end = first + length
        over = end < first
        runs.append((first, length))
        count -= 1
    return runs, position


cdef uint64_t _ID_MAX = ~(<uint64_t> 0)


cdef int _take_varint(const uint8_t* data, Py_ssize_t size, Py_ssize_t* position, uint64_t* out) except -1:
    cdef uint64_t number = 0
    cdef int shift = 0
    cdef uint8_t byte
    while position[0] < size:
        byte = data[position[0]]
        position[0] += 1
        if shift == 63 and byte > 1:
            break
        number |= (<uint64_t> (byte & 0x7F)) << shift
        if byte < 0x80:
            out[0] = number
            return 0
        shift += 7
    raise CorruptRecordError("damaged database: a number is cut short or too large")
