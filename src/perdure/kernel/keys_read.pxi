# Decoding of keys. Every read checks the bytes left.

cdef struct Reader:
    const unsigned char* data
    Py_ssize_t position
    Py_ssize_t size


cdef int damaged(Reader* reader, str what) except -1:
    raise CorruptRecordError(f"damaged key at byte {reader.position}: {what}")


cdef inline uint64_t read_big(Reader* reader, int size) except? 0xFFFFFFFFFFFFFFFF:
    cdef uint64_t value = 0
    cdef int index
    if reader.size - reader.position < size:
        damaged(reader, "cut short")
    for index in range(size):
        value = value << 8 | reader.data[reader.position + index]
    reader.position += size
    return value


cdef inline uint64_t read_masked(Reader* reader, int size, unsigned int mask) except? 0xFFFFFFFFFFFFFFFF:
    cdef uint64_t value = read_big(reader, size)
    if mask:
        value = ~value & (0xFFFFFFFFFFFFFFFF >> (64 - 8 * size))
    return value


cdef uint64_t read_uint(Reader* reader) except? 0xFFFFFFFFFFFFFFFF:
    cdef unsigned int lead = <unsigned int> read_big(reader, 1)
    cdef uint64_t value
    if lead < 0x80:
        return lead
    if lead < 0xC0:
        return ((<uint64_t> lead - 0x80) << 8 | read_big(reader, 1)) + 0x80
    if lead < 0xE0:
        return ((<uint64_t> lead - 0xC0) << 16 | read_big(reader, 2)) + 0x4080
    if lead < 0xF0:
        return ((<uint64_t> lead - 0xE0) << 24 | read_big(reader, 3)) + 0x204080
    if lead < 0xF8:
        return ((<uint64_t> lead - 0xF0) << 32 | read_big(reader, 4)) + 0x10204080
    if lead > 0xFB:
        damaged(reader, "number not in its only form")
    value = read_big(reader, lead - 0xF3)
    if value < (<uint64_t> 0x810204080 if lead == 0xF8 else <uint64_t> 1 << (8 * (lead - 0xF4))):
        damaged(reader, "number not in its only form")
    return value


cdef object read_number(Reader* reader, bytes data, unsigned int lead):
    cdef unsigned int mask = 0xFF if lead < POSITIVE else 0
    cdef unsigned int form = (lead ^ mask) - POSITIVE
    cdef Py_ssize_t start = reader.position - 1
    cdef uint64_t doubled
    cdef int size
    if form < 32:
        doubled = form
    elif form < 48:
        doubled = 32 + (<uint64_t> (form - 32) << 8 | read_masked(reader, 1, mask))
    elif form < 52:
        doubled = 32 + 0x1000 + (<uint64_t> (form - 48) << 16 | read_masked(reader, 2, mask))
    elif form < 58:
        size = form - 49
        doubled = read_masked(reader, size, mask)
        if doubled < (<uint64_t> 32 + 0x1000 + 0x40000 if size == 3 else <uint64_t> 1 << (8 * (size - 1))):
            damaged(reader, "a number not in its only form")
    else:
        return read_python(reader, decode_number(data, start))
    if doubled & 1:
        return read_suffix(reader, data, start, doubled >> 1, mask)
    if mask:
        if doubled == 0:
            damaged(reader, "a number not in its only form")
        return -<int64_t> (doubled >> 1)
    return <int64_t> (doubled >> 1)


cdef object read_suffix(Reader* reader, bytes data, Py_ssize_t start, uint64_t whole, unsigned int mask):
    """What is not exactly an int: bools and floats here, all else by the shared module."""
    cdef unsigned int kind = <unsigned int> read_masked(reader, 1, mask)
    cdef uint64_t bits
    cdef double number
    if kind == T_BOOL and whole <= 1 and not mask:
        return whole == 1
    if kind == T_FLOAT and whole <= <uint64_t> 1 << 53:
        return -<double> whole if mask else <double> whole
    if FRACTION <= kind < 0x80 and reader.size - reader.position >= 8 and (reader.data[reader.position + 7] ^ mask) == T_FLOAT:
        bits = <uint64_t> (kind - FRACTION) << 56 | read_masked(reader, 7, mask)
        memcpy(&number, &bits, 8)
        if number < 9223372036854775808.0 and <uint64_t> number == whole and <double> whole != number:
            reader.position += 1
            return -number if mask else number
    return read_python(reader, decode_number(data, start))


cdef object read_python(Reader* reader, tuple answer):
    reader.position = answer[1]
    return answer[0]


cdef object read_escaped(Reader* reader, unsigned int kind):
    cdef const unsigned char* start = reader.data + reader.position
    cdef const unsigned char* end = <const unsigned char*> memchr(start, END, reader.size - reader.position)
    cdef bytes body
    if end == NULL:
        damaged(reader, "text without an end")
    if memchr(start, 1, end - start) != NULL:
        body = unescape(reader, start, end - start)
        start = <const unsigned char*> PyBytes_AS_STRING(body)
        reader.position += end + 1 - (reader.data + reader.position)
        return read_body(reader, kind, start, PyBytes_GET_SIZE(body))
    reader.position += end + 1 - start
    return read_body(reader, kind, start, end - start)


cdef object read_body(Reader* reader, unsigned int kind, const unsigned char* start, Py_ssize_t size):
    if kind == BYTES:
        return PyBytes_FromStringAndSize(<const char*> start, size)
    try:
        return PyUnicode_DecodeUTF8(<const char*> start, size, "surrogatepass")
    except UnicodeDecodeError:
        damaged(reader, "text is not UTF-8")


cdef bytes unescape(Reader* reader, const unsigned char* start, Py_ssize_t size):
    cdef bytearray out = bytearray()
    cdef Py_ssize_t index = 0
    cdef unsigned char byte
    while index < size:
        byte = start[index]
        if byte == 1:
            index += 1
            if index == size or not 1 <= start[index] <= 2:
                damaged(reader, "unknown escape")
            byte = start[index] - 1
        out.append(byte)
        index += 1
    return bytes(out)


cdef object read_value(Reader* reader, bytes data, int depth):
    cdef unsigned int kind = <unsigned int> read_big(reader, 1)
    if POSITIVE <= kind <= INFINITE or NEGATIVE_FIRST <= kind <= NEGATIVE_LAST:
        return read_number(reader, data, kind)
    if kind == STR or kind == BYTES:
        return read_escaped(reader, kind)
    if kind == OBJECT:
        return ObjectIdType(read_uint(reader))
    if kind == TUPLE:
        return read_tuple(reader, data, depth)
    if kind == NONE:
        return None
    if kind == ENUM:
        type_id = read_uint(reader)
        return EnumKeyType(type_id, read_uint(reader))
    if kind == UUID_KIND:
        return read_uuid(reader)
    if kind == COMPLEX:
        return complex(read_double(reader), read_double(reader))
    if kind == NAN_KIND:
        return read_python(reader, decode_number(data, reader.position - 1))
    if DATE <= kind <= TIMEDELTA and not kind & 1:
        return read_moment(reader, data, kind)
    reader.position -= 1
    damaged(reader, f"unknown kind {kind:#04x}")


cdef object read_uuid(Reader* reader):
    cdef Py_ssize_t start = reader.position
    if reader.size - start < 16:
        damaged(reader, "cut short")
    reader.position += 16
    return make_uuid(PyBytes_FromStringAndSize(<const char*> reader.data + start, 16))


cdef object read_double(Reader* reader):
    cdef uint64_t bits = read_big(reader, 8)
    cdef double value
    bits = bits & 0x7FFFFFFFFFFFFFFF if bits >> 63 else ~bits
    memcpy(&value, &bits, 8)
    return value


cdef tuple read_tuple(Reader* reader, bytes data, int depth):
    cdef list items = []
    if depth >= DEPTH_LIMIT:
        damaged(reader, "nested too deep")
    while True:
        if reader.position >= reader.size:
            damaged(reader, "cut short in a tuple")
        if reader.data[reader.position] == END:
            reader.position += 1
            return tuple(items)
        items.append(read_value(reader, data, depth + 1))


cdef int reader_init(Reader* reader, bytes data, Py_ssize_t position) except -1:
    reader.data = <const unsigned char*> PyBytes_AS_STRING(data)
    reader.size = PyBytes_GET_SIZE(data)
    reader.position = position
    if position < 0 or position > reader.size:
        raise CorruptRecordError(f"damaged key: position {position} of {reader.size} bytes")
    return 0


def decode(bytes data not None):
    cdef Reader reader
    cdef list values = []
    reader_init(&reader, data, 0)
    while reader.position < reader.size:
        values.append(read_value(&reader, data, 0))
    return tuple(values)


def decode_one(bytes data not None, Py_ssize_t position=0):
    cdef Reader reader
    reader_init(&reader, data, position)
    value = read_value(&reader, data, 0)
    return value, reader.position


def decode_uint(bytes data not None, Py_ssize_t position=0):
    cdef Reader reader
    reader_init(&reader, data, position)
    value = read_uint(&reader)
    return value, reader.position
