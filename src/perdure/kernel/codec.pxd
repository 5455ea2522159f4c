from libc.stdint cimport uint64_t


cdef bytes encode_entry(uint64_t shape_id, object value, object refer, bint* refers)
