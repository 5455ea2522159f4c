from libc.stdint cimport uint64_t

from perdure.kernel._buffer cimport Buffer

cdef struct TableEntry:
    uint64_t oid
    uint64_t class_id
    bint weak

cdef struct Writer:
    Buffer out
    TableEntry* table
    Py_ssize_t table_size
    Py_ssize_t table_capacity
    bint plain


cdef class _Extender:
    """What extensions become, for compiled callers: given as `extend` to `decode_values`."""
    cdef object take(self, uint64_t code, object payload)


cdef bytes encode_entry(uint64_t shape_id, object value, object refer, bint* refers)

# What is written piece by piece: `writer_init`, values, `finish_record` or the bytes in `out`, `writer_free`.
cdef void writer_init(Writer* writer, bint plain) noexcept
cdef void writer_free(Writer* writer) noexcept
cdef int write_value(Writer* writer, object value, object refer, int depth) except -1
cdef int begin_extension(Writer* writer, uint64_t code, int depth) except -1
cdef int begin_tuple(Writer* writer, Py_ssize_t count, int depth) except -1
cdef int begin_list(Writer* writer, Py_ssize_t count, int depth) except -1
cdef int begin_dict(Writer* writer, Py_ssize_t count, int depth) except -1
cdef bytes finish_record(Writer* writer, uint64_t shape_id, Py_ssize_t* offset)
