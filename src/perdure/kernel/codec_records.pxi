# Whole records and values: what a Writer has written, with the table of references before it. Part of codec.pyx.

cdef int write_table(Buffer* header, Writer* writer) except -1:
    cdef uint64_t previous = 0
    cdef Py_ssize_t index
    put_varint(header, writer.table_size)
    for index in range(writer.table_size):
        put_varint(header, zigzag(<int64_t> (writer.table[index].oid - previous)))
        put_varint(header, writer.table[index].class_id << 1 | writer.table[index].weak)
        previous = writer.table[index].oid
    return 0


cdef void writer_init(Writer* writer, bint plain) noexcept:
    buffer_init(&writer.out)
    writer.table = NULL
    writer.table_size = 0
    writer.table_capacity = 0
    writer.plain = plain


cdef void writer_free(Writer* writer) noexcept:
    buffer_free(&writer.out)
    PyMem_Free(writer.table)
    writer.table = NULL


cdef bytes join(Buffer* header, Buffer* body):
    cdef bytes result = PyBytes_FromStringAndSize(NULL, header.size + body.size)
    memcpy(PyBytes_AS_STRING(result), header.data, header.size)
    memcpy(PyBytes_AS_STRING(result) + header.size, body.data, body.size)
    return result


cdef bytes finish_record(Writer* writer, uint64_t shape_id, Py_ssize_t* offset):
    """The record of what was written; `offset`: where its values begin."""
    cdef Buffer header
    buffer_init(&header)
    try:
        put_varint(&header, shape_id)
        write_table(&header, writer)
        offset[0] = header.size
        return join(&header, &writer.out)
    finally:
        buffer_free(&header)


def encode_record(uint64_t shape_id, values, refer):
    cdef Writer writer
    cdef Py_ssize_t offset
    writer_init(&writer, False)
    try:
        if type(values) is tuple:
            for value in <tuple> values:
                write_value(&writer, value, refer, 0)
        elif type(values) is list:
            for value in <list> values:
                write_value(&writer, value, refer, 0)
        else:
            for value in values:
                write_value(&writer, value, refer, 0)
        return finish_record(&writer, shape_id, &offset)
    finally:
        writer_free(&writer)


def encode_value(value, refer=None):
    cdef Writer writer
    writer_init(&writer, True)
    try:
        write_value(&writer, value, refer, 0)
        return buffer_bytes(&writer.out)
    finally:
        writer_free(&writer)
