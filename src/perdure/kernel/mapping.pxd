from perdure.kernel.durable cimport Durable


cdef class HotMapping(Durable):
    cdef public dict _perdure_hot_
    cdef public dict _perdure_pending_
    cdef public Py_ssize_t _perdure_count_
    cdef public Py_ssize_t _perdure_weight_
    cdef public Py_ssize_t _perdure_last_
    cdef public Py_ssize_t _perdure_misses_
    cdef public bint _perdure_complete_
    cdef public bint _perdure_special_
    cdef int place(self, object key, object value) except -1


cdef class HotDict(HotMapping):
    pass


cdef class HotSet(HotMapping):
    pass
