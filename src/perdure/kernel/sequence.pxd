from perdure.kernel.durable cimport Durable


cdef class Node(Durable):
    cdef public object _perdure_items_
    cdef public list _perdure_ends_
    cdef unsigned char peeks


cdef class HotSequence(Node):
    cdef public Py_ssize_t _perdure_length_
    cdef public unsigned long long _perdure_version_
    cdef public Node _perdure_tail_
    cdef public bint _perdure_changing_
    cdef Node locate(self, Py_ssize_t index, Py_ssize_t* offset)
    cdef Node reach(self, Py_ssize_t index, Py_ssize_t* offset)
    cdef object peek(self, Node page, Py_ssize_t place)
    cdef Node locate_alone(self, Py_ssize_t index, Py_ssize_t* offset)
    cdef bint _is_still(self, unsigned long long version)
    cdef list ghosts_ahead(self, Py_ssize_t index)


cdef class HotList(HotSequence):
    pass


cdef class SequenceIterator:
    cdef HotSequence sequence
    cdef Node node
    cdef object items
    cdef Py_ssize_t index
    cdef Py_ssize_t offset
    cdef Py_ssize_t checkpoint
    cdef Py_ssize_t window
    cdef unsigned long long version
    cdef bint advance(self) except -1
    cdef int follow_use(self) except -1
    cdef int look_ahead(self) except -1
