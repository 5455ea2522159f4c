from cpython.pythread cimport PyThread_type_lock


cdef class RecursiveLock:
    cdef PyThread_type_lock _real
    cdef unsigned long _owner
    cdef Py_ssize_t _count
    cdef Py_ssize_t _waiting
    cdef Py_ssize_t _waited
    cdef bint _taken
    cdef bint take(self) except -1
    cdef bint _wait(self, unsigned long thread, double seconds) except -1
    cdef int give(self) except -1
