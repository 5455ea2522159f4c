from perdure.kernel.durable cimport Durable


cdef class Node(Durable):
    cdef public object _perdure_items_
    cdef public list _perdure_ends_


cdef class HotSequence(Node):
    cdef public Py_ssize_t _perdure_length_
    cdef public unsigned long long _perdure_version_
    cdef public Node _perdure_tail_
    cdef Node locate(self, Py_ssize_t index, Py_ssize_t* offset)


cdef class HotList(HotSequence):
    pass


cdef class SequenceIterator:
    cdef HotSequence sequence
    cdef Node node
    cdef object items
    cdef Py_ssize_t index
    cdef Py_ssize_t offset
    cdef unsigned long long version
    cdef bint advance(self) except -1
