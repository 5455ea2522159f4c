cdef bytes encode_after(bytes prefix, object value)
