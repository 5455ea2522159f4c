from libc.stdint cimport uint64_t


cdef class Shape:
    cdef readonly uint64_t shape_id
    cdef readonly object entry
    cdef readonly tuple names
    cdef public object cls
    cdef list positions
    cdef int take(self, object obj) except -1
