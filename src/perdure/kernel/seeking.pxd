from perdure.kernel.locks cimport RecursiveLock


cdef class Seeker:
    cdef readonly int space
    cdef RecursiveLock _guard
    cdef object _again
    cdef object _move
    cdef object _item
    cdef object find(self, bytes key, bytes suffix, object fold)
    cdef object _seek(self, bytes physical)
