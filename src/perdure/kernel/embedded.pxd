cdef class EmbeddedDict:
    cdef dict content
    cdef object __weakref__


cdef object load_view(object value)
cdef object view_items(list items)
cdef object view_set(list members)
cdef int watch_again(object container) except -1


cdef inline bint is_plain(object value):
    """Values that nothing has to be done with."""
    cdef object kind = type(value)
    return kind is str or kind is int or kind is float or value is None or kind is bool or kind is bytes
