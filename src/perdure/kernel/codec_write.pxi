# Encoding. A Writer lives on the stack of the entry function, which frees it whatever happens.

cdef int add_reference(Writer* writer, Reference reference) except -1:
    cdef TableEntry* table
    cdef Py_ssize_t capacity
    if writer.plain:
        raise TypeError("a plain value cannot hold a reference; encode a record")
    if writer.table_size == writer.table_capacity:
        capacity = writer.table_capacity * 2 + 8
        table = <TableEntry*> PyMem_Realloc(writer.table, capacity * sizeof(TableEntry))
        if table == NULL:
            raise MemoryError()
        writer.table = table
        writer.table_capacity = capacity
    writer.table[writer.table_size].oid = reference.oid
    writer.table[writer.table_size].class_id = reference.class_id
    writer.table[writer.table_size].weak = reference.weak
    writer.table_size += 1
    return put_byte(&writer.out, REFERENCE)


cdef inline int write_int(Writer* writer, object value) except -1:
    cdef int overflow = 0
    cdef int size = 1
    cdef int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow)
    cdef int64_t rest
    if overflow:
        return write_long(writer, value)
    if 0 <= number < 64:
        return put_byte(&writer.out, <unsigned int> number)
    if -16 <= number < 0:
        return put_byte(&writer.out, <unsigned int> (INT_NEGATIVE - 1 - number))
    rest = number >> 7
    while rest != 0 and rest != -1:
        rest >>= 8
        size += 1
    put_byte(&writer.out, INT + size - 1)
    return put_little(&writer.out, <uint64_t> number, size)


cdef int write_long(Writer* writer, object value) except -1:
    cdef bytes body = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return write_body(writer, INT_LONG, body)


cdef int write_body(Writer* writer, unsigned int tag, bytes body) except -1:
    put_byte(&writer.out, tag)
    put_varint(&writer.out, PyBytes_GET_SIZE(body))
    return put_bytes(&writer.out, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))


cdef inline int write_chunk(Writer* writer, unsigned int short_tag, Py_ssize_t short_sizes, unsigned int tag,
                            const void* data, Py_ssize_t size) except -1:
    if size < short_sizes:
        put_byte(&writer.out, short_tag + <unsigned int> size)
    else:
        put_byte(&writer.out, tag)
        put_varint(&writer.out, size)
    return put_bytes(&writer.out, data, size)


cdef inline int write_str(Writer* writer, object value) except -1:
    if PyUnicode_IS_ASCII(value):
        return write_chunk(writer, STR_SHORT, 64, STR, PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value))
    return write_wide_str(writer, value)


cdef int write_wide_str(Writer* writer, str value) except -1:
    cdef bytes body
    try:
        body = value.encode("utf-8")
    except UnicodeEncodeError:
        return write_body(writer, STR_SURROGATES, value.encode("utf-8", "surrogatepass"))
    return write_chunk(writer, STR_SHORT, 64, STR, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))


cdef inline int write_double(Writer* writer, double value) except -1:
    cdef char[8] raw
    PyFloat_Pack8(value, raw, 1)
    return put_bytes(&writer.out, raw, 8)


cdef inline int write_float(Writer* writer, double value) except -1:
    cdef char[4] raw
    if <double> (<float> value) == value and value - value == 0:
        put_byte(&writer.out, FLOAT_SHORT)
        PyFloat_Pack4(value, raw, 1)
        return put_bytes(&writer.out, raw, 4)
    put_byte(&writer.out, FLOAT)
    return write_double(writer, value)


cdef inline int check_depth(int depth) except -1:
    if depth >= DEPTH_LIMIT:
        raise ValueError(f"values are nested more than {DEPTH_LIMIT} deep (or contain themselves)")
    return 0


cdef int write_value(Writer* writer, object value, object refer, int depth) except -1:
    if PyUnicode_CheckExact(value):
        return write_str(writer, value)
    if PyLong_CheckExact(value):
        return write_int(writer, value)
    if value is None:
        return put_byte(&writer.out, NONE)
    if value is True:
        return put_byte(&writer.out, TRUE)
    if value is False:
        return put_byte(&writer.out, FALSE)
    if PyFloat_CheckExact(value):
        return write_float(writer, PyFloat_AS_DOUBLE(value))
    if PyBytes_CheckExact(value):
        return write_chunk(writer, BYTES_SHORT, 32, BYTES, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
    if write_container(writer, value, refer, depth) or write_scalar(writer, value):
        return 0
    return write_referred(writer, value, refer, depth)


cdef int write_referred(Writer* writer, object value, object refer, int depth) except -1:
    cdef object answer = value
    cdef Extension extension
    if type(value) is not Reference and type(value) is not Extension:
        if refer is None:
            raise TypeError(f"a {type(value).__qualname__} cannot be stored as a plain value")
        answer = refer(value)
    if type(answer) is Reference:
        return add_reference(writer, <Reference> answer)
    if type(answer) is not Extension:
        raise TypeError(f"refer must return a Reference or an Extension, not {type(answer).__qualname__}")
    extension = <Extension> answer
    begin_extension(writer, extension.code, depth)
    return write_value(writer, extension.payload, refer, depth + 1)


cdef int begin_extension(Writer* writer, uint64_t code, int depth) except -1:
    """An extension up to its payload, which is one level deeper."""
    check_depth(depth)
    put_byte(&writer.out, EXTENSION)
    return put_varint(&writer.out, code)


cdef int begin_tuple(Writer* writer, Py_ssize_t count, int depth) except -1:
    """A tuple up to its items, which are one level deeper."""
    check_depth(depth)
    if count < 16:
        return put_byte(&writer.out, TUPLE_SHORT + <unsigned int> count)
    return write_count(writer, TUPLE, count)


cdef int begin_list(Writer* writer, Py_ssize_t count, int depth) except -1:
    """A list up to its items, which are one level deeper."""
    check_depth(depth)
    return write_count(writer, LIST, count)


cdef int begin_dict(Writer* writer, Py_ssize_t count, int depth) except -1:
    """A dict up to its keys and values, which are one level deeper."""
    check_depth(depth)
    return write_count(writer, DICT, count)


cdef int write_container(Writer* writer, object value, object refer, int depth) except -1:
    """Whether the value is a container; if so it was written."""
    if PyTuple_CheckExact(value):
        begin_tuple(writer, len(<tuple> value), depth)
        for item in <tuple> value:
            write_value(writer, item, refer, depth + 1)
    elif PyList_CheckExact(value):
        check_depth(depth)
        write_list(writer, <list> value, refer, depth + 1)
    elif PyDict_CheckExact(value):
        check_depth(depth)
        write_dict(writer, <dict> value, refer, depth + 1)
    elif PySet_CheckExact(value) or PyFrozenSet_CheckExact(value):
        check_depth(depth)
        write_count(writer, SET if PySet_CheckExact(value) else FROZENSET, len(value))
        write_members(writer, value, refer, depth + 1)
    else:
        return 0
    return 1


cdef int write_count(Writer* writer, unsigned int tag, Py_ssize_t count) except -1:
    put_byte(&writer.out, tag)
    return put_varint(&writer.out, count)


cdef int write_list(Writer* writer, list value, object refer, int depth) except -1:
    cdef Py_ssize_t count = len(value)
    write_count(writer, LIST, count)
    for item in value:
        write_value(writer, item, refer, depth)
        count -= 1
    return check_unchanged(count)


cdef int write_dict(Writer* writer, dict value, object refer, int depth) except -1:
    cdef Py_ssize_t count = len(value)
    write_count(writer, DICT, count)
    for key, item in value.items():
        write_value(writer, key, refer, depth)
        write_value(writer, item, refer, depth)
        count -= 1
    return check_unchanged(count)


cdef int check_unchanged(Py_ssize_t count) except -1:
    if count:
        raise RuntimeError("a container changed size while it was encoded")
    return 0


cdef int write_members(Writer* writer, object value, object refer, int depth) except -1:
    """The members sorted by their bytes, then their references, so that equal sets are equal bytes."""
    cdef Py_ssize_t start = writer.out.size, before = writer.out.size
    cdef Py_ssize_t references, table_start = writer.table_size
    cdef Py_ssize_t count = len(value)
    cdef list members = []
    for item in value:
        references = writer.table_size
        write_value(writer, item, refer, depth)
        members.append((PyBytes_FromStringAndSize(<char*> writer.out.data + before, writer.out.size - before),
                        table_part(writer, references)))
        before = writer.out.size
        count -= 1
    check_unchanged(count)
    members.sort()
    writer.out.size = start
    for body, entries in members:
        put_bytes(&writer.out, PyBytes_AS_STRING(<bytes?> body), PyBytes_GET_SIZE(<bytes?> body))
        for oid, class_id, weak in entries:
            writer.table[table_start].oid = oid
            writer.table[table_start].class_id = class_id
            writer.table[table_start].weak = weak
            table_start += 1
    return 0


cdef list table_part(Writer* writer, Py_ssize_t start):
    """The entries of the table from `start`, as tuples that sort."""
    cdef TableEntry* entry
    cdef Py_ssize_t index
    cdef list entries = []
    for index in range(start, writer.table_size):
        entry = writer.table + index
        entries.append((entry.oid, entry.class_id, entry.weak))
    return entries


cdef int write_scalar(Writer* writer, object value) except -1:
    """Whether the value is of one of the rarer scalar types; if so it was written."""
    if PyDateTime_CheckExact(value):
        return write_datetime(writer, value)
    if PyDate_CheckExact(value):
        put_byte(&writer.out, DATE)
        put_little(&writer.out, pack_date(date_year(value), date_month(value), date_day(value)), 3)
    elif PyTime_CheckExact(value):
        return write_time(writer, value)
    elif PyDelta_CheckExact(value):
        put_byte(&writer.out, TIMEDELTA)
        put_varint(&writer.out, zigzag(timedelta_days(value)))
        put_varint(&writer.out, timedelta_seconds(value))
        put_varint(&writer.out, timedelta_microseconds(value))
    elif type(value) is DecimalType:
        # A context with capitals=0 would print the exponent's letter small.
        write_body(writer, DECIMAL, str(value).replace("e", "E").encode("ascii") if value.is_finite() else str(value).encode("ascii"))
    elif type(value) is UUIDType:
        put_byte(&writer.out, UUID_TAG)
        put_bytes(&writer.out, PyBytes_AS_STRING(<bytes?> value.bytes), 16)
    elif PyComplex_CheckExact(value):
        put_byte(&writer.out, COMPLEX)
        write_double(writer, value.real)
        write_double(writer, value.imag)
    elif PyByteArray_CheckExact(value):
        write_body(writer, BYTEARRAY, bytes(value))
    elif type(value) is range:
        put_byte(&writer.out, RANGE)
        write_int(writer, value.start)
        write_int(writer, value.stop)
        write_int(writer, value.step)
    else:
        return 0
    return 1


cdef inline uint64_t pack_date(int year, int month, int day) noexcept:
    return <uint64_t> (year << 9 | month << 5 | day)


cdef inline uint64_t pack_time(int hour, int minute, int second, int microsecond, int fold, int zone) noexcept:
    return (((((<uint64_t> hour << 6 | minute) << 6 | second) << 20 | microsecond) << 1 | fold) << 2) | zone


cdef int zone_kind(object zone) except -1:
    if zone is None:
        return ZONE_NONE
    if zone is UTC:
        return ZONE_UTC
    if type(zone) is Zone:
        return ZONE_FIXED
    if type(zone) is NamedZone and type(zone.key) is str:
        return ZONE_NAMED
    return ZONE_UNKNOWN


cdef int write_zone(Writer* writer, object zone, int kind) except -1:
    cdef tuple arguments
    cdef int64_t offset
    if kind == ZONE_NAMED:
        return write_str(writer, zone.key)
    if kind == ZONE_FIXED:
        arguments = zone.__getinitargs__()
        offset = arguments[0] // MICROSECOND
        put_varint(&writer.out, zigzag(offset) << 1 | (len(arguments) > 1))
        if len(arguments) > 1:
            return write_str(writer, arguments[1])
    return 0


cdef int write_datetime(Writer* writer, object value) except -1:
    cdef object zone = datetime_tzinfo(value)
    cdef int kind = zone_kind(zone)
    if kind == ZONE_UNKNOWN:
        return 0
    put_byte(&writer.out, DATETIME)
    put_little(&writer.out, pack_date(datetime_year(value), datetime_month(value), datetime_day(value)), 3)
    put_little(&writer.out, pack_time(datetime_hour(value), datetime_minute(value), datetime_second(value),
                                      datetime_microsecond(value), datetime_fold(value), kind), 5)
    write_zone(writer, zone, kind)
    return 1


cdef int write_time(Writer* writer, object value) except -1:
    cdef object zone = time_tzinfo(value)
    cdef int kind = zone_kind(zone)
    if kind == ZONE_UNKNOWN:
        return 0
    put_byte(&writer.out, TIME)
    put_little(&writer.out, pack_time(time_hour(value), time_minute(value), time_second(value),
                                      time_microsecond(value), time_fold(value), kind), 5)
    write_zone(writer, zone, kind)
    return 1
