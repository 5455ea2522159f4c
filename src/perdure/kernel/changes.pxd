from perdure.kernel.durable cimport Durable


cdef class Changes:
    cdef list objects
    cdef list values
    cdef list hows
    cdef int append(self, Durable obj, object value, object how) except -1


cdef class Tagger:
    cdef readonly tuple _targets
    cdef readonly bint _passive


cdef class Filing(Durable):
    cdef public object _perdure_changes_
    cdef public int _perdure_kind_
