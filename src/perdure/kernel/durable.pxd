from cpython.object cimport PyObject

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()

cdef extern from *:
    """
    #ifndef PERDURE_FIELD
    /* field0 to field5 lie one after the other. */
    #define PERDURE_FIELD(self, index) (((PyObject**)&(self)->field0)[index])
    static inline PyObject* perdure_taken(PyObject* value) { Py_INCREF(value); return value; }
    #endif
    """
    PyObject* PERDURE_FIELD(Durable self, int index)
    object perdure_taken(PyObject* value)

cdef enum:
    _INLINE = 6          # fields in the struct


cdef class Layout:
    cdef readonly object cls
    cdef readonly list names
    cdef dict positions
    cdef set descriptors
    cdef PyObject* slots[63]
    cdef int count
    cdef int inline_count
    cdef readonly bint frozen
    cdef readonly bint interned
    cdef bint linked                # whether objects were given members that are not stored when they were complete
    cdef dict shape_types           # what the shape of objects with one mask was last found in: see `embedding`
    cdef unsigned long long shape_mask
    cdef object shape
    cdef readonly bint watched      # whether each access to a field is asked for: see durable_watched.pxi
    cdef readonly bint restricted   # whether the objects are looked at when they are given out
    cdef int position(self, str name) except -2


cdef class Owner:
    cdef public dict objects
    cdef public dict classes
    cdef public list created
    cdef public list dirty
    cdef public bint writable
    cdef public object gate
    cdef public unsigned long gate_thread
    cdef public Py_ssize_t cached_bytes
    cdef public Py_ssize_t unfreed
    cdef public Py_ssize_t budget
    cpdef int make_room(self) except -1
    cpdef object ghost(self, unsigned long long oid, object cls)


cdef class Durable:
    cdef signed char state
    cdef unsigned char touched
    cdef unsigned char volatile
    cdef unsigned char referring
    cdef unsigned char weakly
    cdef unsigned char building
    cdef unsigned int size
    cdef unsigned int parts
    cdef unsigned long long oid
    cdef unsigned long long root
    cdef unsigned long long mask
    cdef Owner owner
    cdef Layout layout
    cdef object field0, field1, field2, field3, field4, field5
    cdef object __weakref__


cdef int guarded  # whether a guard is to be asked before a change


cdef int sifting  # whether values are to be looked at before they are given out
cdef int sift(object value) except -1
cdef int look_into(object kind) except -1


cdef inline object released(object value):
    """A value that is given out: an object of a restricted class, or something with it inside, only if it may be seen."""
    if sifting:
        sift(value)
    return value


cdef inline bint is_open(Owner owner):
    """Whether the calling thread may change objects of the owner without waiting at its gate."""
    return owner.gate is None or owner.gate_thread == PyThread_get_thread_ident()


cdef inline bint is_free(Durable self):
    """Whether the object may be changed as it is: it is registered for writing, nobody has the gate or a guard."""
    return self.state > 1 and not guarded and (self.owner is None or is_open(self.owner))


cdef object get_further_field(Durable self, int index)


cdef inline object get_field(Durable self, int index):
    """A field that the mask says is there."""
    if index < _INLINE:
        return perdure_taken(PERDURE_FIELD(self, index))
    return get_further_field(self, index)


ctypedef int (*Freezer)(Durable obj) except -1

cdef int set_freezer(Freezer function) except -1
cdef Durable new_ghost(Owner owner, object oid, object cls)
cdef int put_field(Durable self, int index, object value) except -1
cdef int ensure_loaded(Durable self) except -1
cdef int ensure_writable(Durable self) except -1
cdef int track(Durable obj) except -1
