# Decoding. Every read checks the bytes left; a length is believed only when that many bytes are there.

cdef class _Extender:
    cdef object take(self, uint64_t code, object payload):
        raise NotImplementedError


cdef struct Reader:
    const unsigned char* data
    Py_ssize_t position
    Py_ssize_t size
    Py_ssize_t next_reference


cdef int damaged(Reader* reader, str what) except -1:
    raise CorruptRecordError(f"damaged record at byte {reader.position}: {what}")


cdef inline void reader_init(Reader* reader, bytes data, Py_ssize_t position) noexcept:
    reader.data = <const unsigned char*> PyBytes_AS_STRING(data)
    reader.position = position
    reader.size = PyBytes_GET_SIZE(data)
    reader.next_reference = 0


cdef inline const unsigned char* take(Reader* reader, uint64_t size) except NULL:
    cdef const unsigned char* start = reader.data + reader.position
    if size > <uint64_t> (reader.size - reader.position):
        damaged(reader, "cut short")
    reader.position += <Py_ssize_t> size
    return start


cdef inline int read_varint(Reader* reader, uint64_t* result) except -1:
    cdef uint64_t value = 0
    cdef unsigned int byte
    cdef int shift = 0
    while True:
        if reader.position >= reader.size:
            damaged(reader, "cut short in a number")
        byte = reader.data[reader.position]
        reader.position += 1
        if shift == 63 and byte > 1:
            damaged(reader, "number too long")
        value |= <uint64_t> (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                damaged(reader, "number not in its shortest form")
            result[0] = value
            return 0
        shift += 7


cdef inline uint64_t read_little(Reader* reader, int size) except? 0xFFFFFFFFFFFFFFFF:
    cdef const unsigned char* start = take(reader, size)
    cdef uint64_t value = 0
    cdef int index
    for index in range(size):
        value |= <uint64_t> start[index] << (8 * index)
    return value


cdef inline object read_int(Reader* reader, int size):
    cdef uint64_t value = read_little(reader, size)
    cdef int shift = 64 - 8 * size
    return <int64_t> (value << shift) >> shift


cdef object read_text(Reader* reader, uint64_t size, const char* errors):
    cdef const char* start = <const char*> take(reader, size)
    try:
        return PyUnicode_DecodeUTF8(start, <Py_ssize_t> size, errors)
    except UnicodeDecodeError:
        damaged(reader, "text is not UTF-8")


cdef inline object read_short_text(Reader* reader, unsigned int size):
    return read_text(reader, size, NULL)


cdef inline bytes read_chunk(Reader* reader, uint64_t size):
    cdef const char* start = <const char*> take(reader, size)
    return PyBytes_FromStringAndSize(start, <Py_ssize_t> size)


cdef object read_value(Reader* reader, object objects, object extend, int depth):
    cdef unsigned int tag
    if reader.position >= reader.size:
        damaged(reader, "cut short")
    tag = reader.data[reader.position]
    reader.position += 1
    if tag < STR_SHORT:
        return <long> tag
    if tag < BYTES_SHORT:
        return read_short_text(reader, tag - STR_SHORT)
    if tag < TUPLE_SHORT:
        return read_chunk(reader, tag - BYTES_SHORT)
    if tag < INT_NEGATIVE:
        return read_short_tuple(reader, tag - TUPLE_SHORT, objects, extend, depth)
    if tag < NONE:
        return <long> INT_NEGATIVE - 1 - <long> tag
    if INT <= tag < INT_LONG:
        return read_int(reader, tag - INT + 1)
    if tag == NONE:
        return None
    if tag == TRUE:
        return True
    if tag == FALSE:
        return False
    if tag == FLOAT_SHORT:
        return PyFloat_Unpack4(<const char*> take(reader, 4), 1)
    if tag == FLOAT:
        return PyFloat_Unpack8(<const char*> take(reader, 8), 1)
    if tag == REFERENCE:
        return read_reference(reader, objects)
    return read_other(reader, tag, objects, extend, depth)


cdef object read_reference(Reader* reader, object objects):
    cdef Py_ssize_t index = reader.next_reference
    if objects is None or index >= len(objects):
        damaged(reader, "more references than the table has")
    reader.next_reference += 1
    return objects[index]


cdef object read_other(Reader* reader, unsigned int tag, object objects, object extend, int depth):
    cdef uint64_t count
    if TUPLE <= tag <= FROZENSET:
        read_varint(reader, &count)
        return read_container(reader, tag, count, objects, extend, depth)
    if tag == EXTENSION:
        return read_extension(reader, objects, extend, depth)
    if INT_LONG <= tag <= BYTEARRAY or tag == DECIMAL:
        read_varint(reader, &count)
        return read_sized(reader, tag, count)
    if tag == COMPLEX:
        return complex(PyFloat_Unpack8(<const char*> take(reader, 8), 1), PyFloat_Unpack8(<const char*> take(reader, 8), 1))
    if tag == UUID_TAG:
        return make_uuid(read_chunk(reader, 16))
    if tag == RANGE:
        return read_range(reader)
    if DATE <= tag <= TIMEDELTA:
        try:
            return read_moment(reader, tag)
        except (ValueError, OverflowError) as error:
            if isinstance(error, CorruptRecordError):
                raise
            damaged(reader, str(error))
    damaged(reader, f"unknown tag {tag:#04x}")


cdef object read_sized(Reader* reader, unsigned int tag, uint64_t size):
    if tag == STR:
        return read_text(reader, size, NULL)
    if tag == STR_SURROGATES:
        return read_text(reader, size, "surrogatepass")
    if tag == BYTES:
        return read_chunk(reader, size)
    if tag == BYTEARRAY:
        return bytearray(read_chunk(reader, size))
    if tag == INT_LONG:
        return int.from_bytes(read_chunk(reader, size), "little", signed=True)
    return read_decimal(reader, read_chunk(reader, size))


cdef object read_decimal(Reader* reader, bytes body):
    try:
        text = body.decode("ascii")
        value = DecimalType(text)
        if str(value).upper() == text.upper():
            return value
    except (ArithmeticError, ValueError):
        pass
    damaged(reader, "not a decimal number")


cdef object read_range(Reader* reader):
    cdef object start = read_plain(reader, False)
    cdef object stop = read_plain(reader, False)
    cdef object step = read_plain(reader, False)
    if not step:
        damaged(reader, "a range without a step")
    return range(start, stop, step)


cdef object read_plain(Reader* reader, bint text):
    """A str or else an int; checked before it is read, so that nothing nests here."""
    cdef unsigned int tag = take(reader, 1)[0]
    reader.position -= 1
    if text and not (STR_SHORT <= tag < BYTES_SHORT or tag == STR or tag == STR_SURROGATES):
        damaged(reader, "not a name")
    if not text and not (tag < STR_SHORT or INT_NEGATIVE <= tag < NONE or INT <= tag <= INT_LONG):
        damaged(reader, "not an integer")
    return read_value(reader, None, None, 0)


cdef object read_extension(Reader* reader, object objects, object extend, int depth):
    cdef uint64_t code
    if depth >= DEPTH_LIMIT:
        damaged(reader, "nested too deep")
    read_varint(reader, &code)
    if extend is None:
        damaged(reader, f"extension {code} where plain values are expected")
    if isinstance(extend, _Extender):
        return (<_Extender>extend).take(code, read_value(reader, objects, extend, depth + 1))
    return extend(code, read_value(reader, objects, extend, depth + 1))


cdef tuple read_short_tuple(Reader* reader, unsigned int count, object objects, object extend, int depth):
    cdef tuple items
    cdef unsigned int index
    if depth >= DEPTH_LIMIT:
        damaged(reader, "nested too deep")
    if count > <uint64_t> (reader.size - reader.position):
        damaged(reader, "cut short")
    items = PyTuple_New(count)
    for index in range(count):
        value = read_value(reader, objects, extend, depth + 1)
        Py_INCREF(value)
        PyTuple_SET_ITEM(items, index, value)
    return items


cdef list read_items(Reader* reader, uint64_t count, object objects, object extend, int depth):
    cdef list items = []
    if depth >= DEPTH_LIMIT:
        damaged(reader, "nested too deep")
    if count > <uint64_t> (reader.size - reader.position):
        damaged(reader, "cut short")
    while count:
        items.append(read_value(reader, objects, extend, depth + 1))
        count -= 1
    return items


cdef object read_container(Reader* reader, unsigned int tag, uint64_t count, object objects, object extend, int depth):
    cdef list items
    if tag == DICT:
        return read_dict(reader, count, objects, extend, depth)
    items = read_items(reader, count, objects, extend, depth)
    if tag == LIST:
        return items
    if tag == TUPLE:
        return tuple(items)
    try:
        members = set(items) if tag == SET else frozenset(items)
    except TypeError:
        damaged(reader, "a set member cannot be hashed")
    if <uint64_t> len(members) != count:
        damaged(reader, "a set member comes twice")
    return members


cdef dict read_dict(Reader* reader, uint64_t count, object objects, object extend, int depth):
    cdef dict result = {}
    cdef uint64_t left = count
    if depth >= DEPTH_LIMIT:
        damaged(reader, "nested too deep")
    if count > <uint64_t> (reader.size - reader.position) // 2:
        damaged(reader, "cut short")
    while left:
        key = read_value(reader, objects, extend, depth + 1)
        item = read_value(reader, objects, extend, depth + 1)
        try:
            result[key] = item
        except TypeError:
            damaged(reader, "a dictionary key cannot be hashed")
        left -= 1
    if <uint64_t> len(result) != count:
        damaged(reader, "a dictionary key comes twice")
    return result


cdef object read_moment(Reader* reader, unsigned int tag):
    cdef uint64_t days, seconds, microseconds
    if tag == TIMEDELTA:
        read_varint(reader, &days)
        read_varint(reader, &seconds)
        read_varint(reader, &microseconds)
        if not -999_999_999 <= unzigzag(days) <= 999_999_999 or seconds >= 86400 or microseconds >= 1_000_000:
            damaged(reader, "not a time span")
        return timedelta_new(<int> unzigzag(days), <int> seconds, <int> microseconds)
    if tag == DATE:
        days = read_little(reader, 3)
        return date_new(<int> (days >> 9), <int> (days >> 5 & 15), <int> (days & 31))
    if tag == TIME:
        microseconds = read_little(reader, 5)
        zone = read_zone(reader, microseconds & 3)
        return time_new(<int> (microseconds >> 35), <int> (microseconds >> 29 & 63), <int> (microseconds >> 23 & 63),
                        <int> (microseconds >> 3 & 0xFFFFF), zone, <int> (microseconds >> 2 & 1))
    days = read_little(reader, 3)
    microseconds = read_little(reader, 5)
    zone = read_zone(reader, microseconds & 3)
    return datetime_new(<int> (days >> 9), <int> (days >> 5 & 15), <int> (days & 31),
                        <int> (microseconds >> 35), <int> (microseconds >> 29 & 63), <int> (microseconds >> 23 & 63),
                        <int> (microseconds >> 3 & 0xFFFFF), zone, <int> (microseconds >> 2 & 1))


cdef object read_zone(Reader* reader, unsigned int kind):
    cdef uint64_t packed
    cdef int64_t offset
    if kind == ZONE_NONE:
        return None
    if kind == ZONE_UTC:
        return UTC
    if kind == ZONE_NAMED:
        key = read_plain(reader, True)
        try:
            return NamedZone(key)
        except Exception:
            damaged(reader, f"time zone {key!r} is not known on this machine (is its time zone database installed?)")
    read_varint(reader, &packed)
    offset = unzigzag(packed >> 1)
    if not -86_400_000_000 < offset < 86_400_000_000:
        damaged(reader, "time zone offset out of range")
    if packed & 1:
        return Zone(offset * MICROSECOND, read_plain(reader, True))
    return Zone(offset * MICROSECOND)


cdef uint64_t read_head(Reader* reader, uint64_t* shape_id) except? 0xFFFFFFFFFFFFFFFF:
    cdef uint64_t count
    read_varint(reader, shape_id)
    read_varint(reader, &count)
    if count > <uint64_t> (reader.size - reader.position) // 2:
        damaged(reader, "reference table cut short")
    return count


cdef list read_table(Reader* reader, uint64_t count):
    cdef list references = []
    cdef Reference reference
    cdef uint64_t oid = 0, difference, packed
    while count:
        read_varint(reader, &difference)
        read_varint(reader, &packed)
        oid += <uint64_t> unzigzag(difference)
        reference = Reference.__new__(Reference)
        reference.oid = oid
        reference.class_id = packed >> 1
        reference.weak = packed & 1
        references.append(reference)
        count -= 1
    return references


def decode_header(bytes data not None):
    cdef Reader reader
    cdef uint64_t shape_id = 0
    reader_init(&reader, data, 0)
    references = read_table(&reader, read_head(&reader, &shape_id))
    return shape_id, references, reader.position


def list_references(bytes data not None):
    cdef Reader reader
    cdef uint64_t shape_id = 0
    reader_init(&reader, data, 0)
    return read_table(&reader, read_head(&reader, &shape_id))


def reference_count(bytes data not None):
    cdef Reader reader
    cdef uint64_t shape_id = 0
    reader_init(&reader, data, 0)
    return read_head(&reader, &shape_id)


def decode_values(bytes data not None, Py_ssize_t offset, objects, extend):
    cdef Reader reader
    cdef list values = []
    if offset < 0 or offset > len(data):
        raise CorruptRecordError(f"damaged record: values at byte {offset} of {len(data)}")
    reader_init(&reader, data, offset)
    while reader.position < reader.size:
        values.append(read_value(&reader, objects, extend, 0))
    if reader.next_reference != len(objects):
        damaged(&reader, "fewer references than the table has")
    return values


def decode_value(bytes data not None, extend=None):
    cdef Reader reader
    reader_init(&reader, data, 0)
    value = read_value(&reader, None, extend, 0)
    if reader.position != reader.size:
        damaged(&reader, "bytes left over after the value")
    return value
