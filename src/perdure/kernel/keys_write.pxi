# Encoding of keys. A negative number is the complement of its magnitude's bytes: `mask` is 0xFF for it, else 0.

cdef inline int put_masked(Buffer* out, uint64_t value, int size, unsigned int mask) except -1:
    return put_big(out, ~value if mask else value, size)


cdef int put_whole(Buffer* out, uint64_t doubled, unsigned int mask) except -1:
    """The form of a whole part below 2**63, doubled, plus one if the value is not exactly that int."""
    cdef int size = 3
    if doubled < 32:
        return put_masked(out, POSITIVE + doubled, 1, mask)
    if doubled < 32 + 0x1000:
        return put_masked(out, ((POSITIVE + 32) << 8) + doubled - 32, 2, mask)
    if doubled < 32 + 0x1000 + 0x40000:
        return put_masked(out, ((POSITIVE + 48) << 16) + doubled - 32 - 0x1000, 3, mask)
    while size < 8 and doubled >> (8 * size):
        size += 1
    put_masked(out, POSITIVE + 49 + size, 1, mask)
    return put_masked(out, doubled, size, mask)


cdef inline int put_int(Buffer* out, object value) except -1:
    cdef int overflow = 0
    cdef int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow or number == -9223372036854775807 - 1:
        return put_python(out, encode_number(value))
    if number < 0:
        return put_whole(out, <uint64_t> -number << 1, 0xFF)
    return put_whole(out, <uint64_t> number << 1, 0)


cdef int put_float(Buffer* out, object value) except -1:
    cdef double number = PyFloat_AS_DOUBLE(value)
    cdef unsigned int mask = 0
    cdef uint64_t bits, whole
    memcpy(&bits, &number, 8)
    if bits >> 63:
        mask = 0xFF
        number = -number
        bits &= 0x7FFFFFFFFFFFFFFF
    if not number < 9223372036854775808.0:
        return put_python(out, encode_number(value))
    whole = <uint64_t> number
    put_whole(out, whole << 1 | 1, mask)
    if <double> whole != number:
        put_masked(out, bits + (<uint64_t> FRACTION << 56), 8, mask)
    return put_masked(out, T_FLOAT, 1, mask)


cdef int put_python(Buffer* out, bytes body) except -1:
    return put_bytes(out, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))


cdef int put_escaped(Buffer* out, unsigned int kind, const unsigned char* body, Py_ssize_t size) except -1:
    cdef Py_ssize_t index
    cdef unsigned char byte
    cdef unsigned char* target
    reserve(out, 2 * size + 2)
    target = out.data + out.size
    target[0] = <unsigned char> kind
    target += 1
    for index in range(size):
        byte = body[index]
        if byte <= 1:
            target[0] = 1
            target[1] = byte + 1
            target += 2
        else:
            target[0] = byte
            target += 1
    target[0] = END
    out.size = target + 1 - out.data
    return 0


cdef int put_wide_str(Buffer* out, str value) except -1:
    cdef bytes body = value.encode("utf-8", "surrogatepass")
    return put_escaped(out, STR, <const unsigned char*> PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))


cdef inline int put_uint(Buffer* out, uint64_t value) except -1:
    cdef int size = 5
    if value < 0x80:
        return put_byte(out, <unsigned int> value)
    if value < 0x4080:
        return put_big(out, 0x8000 + value - 0x80, 2)
    if value < 0x204080:
        return put_big(out, 0xC00000 + value - 0x4080, 3)
    if value < 0x10204080:
        return put_big(out, 0xE0000000 + value - 0x204080, 4)
    if value < 0x810204080:
        return put_big(out, 0xF000000000 + value - 0x10204080, 5)
    while size < 8 and value >> (8 * size):
        size += 1
    put_byte(out, 0xF3 + size)
    return put_big(out, value, size)


cdef int put_double(Buffer* out, double value) except -1:
    cdef uint64_t bits
    memcpy(&bits, &value, 8)
    return put_big(out, ~bits if bits >> 63 else bits | <uint64_t> 1 << 63, 8)


cdef int put_value(Buffer* out, object value, int depth) except -1:
    if PyUnicode_CheckExact(value):
        if PyUnicode_IS_ASCII(value):
            return put_escaped(out, STR, <const unsigned char*> PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value))
        return put_wide_str(out, value)
    if PyLong_CheckExact(value):
        return put_int(out, value)
    if type(value) is ObjectIdType:
        put_byte(out, OBJECT)
        return put_uint(out, value)
    if PyTuple_CheckExact(value):
        return put_tuple(out, <tuple> value, depth)
    if PyFloat_CheckExact(value):
        return put_float(out, value)
    if value is None:
        return put_byte(out, NONE)
    if value is True or value is False:
        put_whole(out, 3 if value is True else 1, 0)
        return put_byte(out, T_BOOL)
    if PyBytes_CheckExact(value):
        return put_escaped(out, BYTES, <const unsigned char*> PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
    return put_other(out, value)


cdef int put_tuple(Buffer* out, tuple values, int depth) except -1:
    if depth >= DEPTH_LIMIT:
        raise ValueError(f"tuples are nested more than {DEPTH_LIMIT} deep")
    put_byte(out, TUPLE)
    for value in values:
        put_value(out, value, depth + 1)
    return put_byte(out, END)


cdef int put_other(Buffer* out, object value) except -1:
    cdef object kind = type(value)
    if kind is EnumKeyType:
        put_byte(out, ENUM)
        put_uint(out, value.type_id)
        return put_uint(out, value.index)
    if PyDate_CheckExact(value):
        put_byte(out, DATE)
        return put_date(out, date_year(value), date_month(value), date_day(value))
    if PyDateTime_CheckExact(value):
        return put_datetime(out, value)
    if kind in OTHER_MOMENTS:
        return put_python(out, encode_moment(value))
    if kind is UUIDType:
        put_byte(out, UUID_KIND)
        return put_python(out, value.bytes)
    if kind is DecimalType:
        return put_python(out, encode_number(value))
    if kind is complex:
        put_byte(out, COMPLEX)
        put_double(out, value.real)
        return put_double(out, value.imag)
    raise TypeError(f"a {kind.__qualname__} cannot be part of a key")


def encode(tuple values not None):
    cdef Buffer out
    buffer_init(&out)
    try:
        for value in values:
            put_value(&out, value, 0)
        return buffer_bytes(&out)
    finally:
        buffer_free(&out)


def encode_one(value):
    cdef Buffer out
    buffer_init(&out)
    try:
        put_value(&out, value, 0)
        return buffer_bytes(&out)
    finally:
        buffer_free(&out)


cdef bytes encode_after(bytes prefix, object value):
    """`prefix + encode_one(value)`, for compiled callers."""
    cdef Buffer out
    buffer_init(&out)
    try:
        put_python(&out, prefix)
        put_value(&out, value, 0)
        return buffer_bytes(&out)
    finally:
        buffer_free(&out)


def encode_uint(uint64_t n):
    cdef Buffer out
    buffer_init(&out)
    put_uint(&out, n)
    return buffer_bytes(&out)
