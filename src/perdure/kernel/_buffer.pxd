# A growable byte buffer on the C stack, shared by the encoders; it moves to the heap only when it outgrows `local`.

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    LOCAL = 256

cdef struct Buffer:
    unsigned char* data
    Py_ssize_t size
    Py_ssize_t capacity
    unsigned char local[LOCAL]


cdef inline void buffer_init(Buffer* buffer) noexcept:
    buffer.data = buffer.local
    buffer.size = 0
    buffer.capacity = LOCAL


cdef inline void buffer_free(Buffer* buffer) noexcept:
    if buffer.data != buffer.local:
        PyMem_Free(buffer.data)
        buffer.data = buffer.local


cdef inline int buffer_grow(Buffer* buffer, Py_ssize_t extra) except -1:
    cdef Py_ssize_t capacity = buffer.size + extra + buffer.capacity
    cdef unsigned char* data
    if buffer.data == buffer.local:
        data = <unsigned char*> PyMem_Malloc(capacity)
        if data == NULL:
            raise MemoryError()
        memcpy(data, buffer.local, buffer.size)
    else:
        data = <unsigned char*> PyMem_Realloc(buffer.data, capacity)
        if data == NULL:
            raise MemoryError()
    buffer.data = data
    buffer.capacity = capacity
    return 0


cdef inline int reserve(Buffer* buffer, Py_ssize_t extra) except -1:
    if buffer.capacity - buffer.size < extra:
        buffer_grow(buffer, extra)
    return 0


cdef inline int put_byte(Buffer* buffer, unsigned int byte) except -1:
    reserve(buffer, 1)
    buffer.data[buffer.size] = <unsigned char> byte
    buffer.size += 1
    return 0


cdef inline int put_bytes(Buffer* buffer, const void* source, Py_ssize_t size) except -1:
    reserve(buffer, size)
    memcpy(buffer.data + buffer.size, source, size)
    buffer.size += size
    return 0


cdef inline int put_varint(Buffer* buffer, uint64_t value) except -1:
    reserve(buffer, 10)
    while value > 0x7F:
        buffer.data[buffer.size] = <unsigned char> ((value & 0x7F) | 0x80)
        buffer.size += 1
        value >>= 7
    buffer.data[buffer.size] = <unsigned char> value
    buffer.size += 1
    return 0


cdef inline int put_little(Buffer* buffer, uint64_t value, int size) except -1:
    cdef int index
    reserve(buffer, 8)
    for index in range(size):
        buffer.data[buffer.size + index] = <unsigned char> (value >> (8 * index))
    buffer.size += size
    return 0


cdef inline int put_big(Buffer* buffer, uint64_t value, int size) except -1:
    cdef int index
    reserve(buffer, 8)
    for index in range(size):
        buffer.data[buffer.size + index] = <unsigned char> (value >> (8 * (size - 1 - index)))
    buffer.size += size
    return 0


cdef inline uint64_t zigzag(int64_t value) noexcept:
    return (<uint64_t> value << 1) ^ <uint64_t> (value >> 63)


cdef inline int64_t unzigzag(uint64_t value) noexcept:
    return <int64_t> (value >> 1) ^ -<int64_t> (value & 1)


cdef inline bytes buffer_bytes(Buffer* buffer):
    return PyBytes_FromStringAndSize(<char*> buffer.data, buffer.size)
