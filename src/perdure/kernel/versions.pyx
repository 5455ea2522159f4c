"""Physical keys, checksums, and the loops that turn stored versions into values.

A versioned key is stored as `key ‖ suffix(state)`. The suffix is the complement of an ordered integer code,
so the newest version sorts first; it can be read from both ends, so the key needs no terminator of its own:

    first byte   1 nnn vvvv    nnn = complement of (length - 1), vvvv = complement of the four highest bits
    others       0 vvvvvvv     complement of seven bits each

A stored value is `crc32 ‖ kind ‖ value`; the checksum covers the physical key, the kind and the value, and
starts from the number of the space, so that bytes that strayed into another space are damage too. Keys of
one versioned space must be prefix-free, as `keys.encode` makes them; otherwise versions of two keys would
interleave.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Next
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memcpy

from perdure.kernel._buffer cimport Buffer, buffer_bytes, buffer_free, buffer_init, put_varint

from perdure.errors import CorruptRecordError

cdef extern from *:
    """
    #define PERDURE_BYTES(key) PyBytes_AS_STRING(key)
    #define PERDURE_SIZE(key) PyBytes_GET_SIZE(key)
    """
    const char* PERDURE_BYTES(PyObject* key) nogil
    Py_ssize_t PERDURE_SIZE(PyObject* key) nogil
    const Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    _HEAD = 5  # bytes before the value: checksum and kind
    _SUFFIX_MAX = 8
    _STEPS = 16  # entries stepped over before seeking is quicker
    _SCAN_FACTOR = 64  # versions looked at for each item asked for, before a scan pauses

FULL = 0
TOMBSTONE = 1
DELTA = 2
STATE_MAX = (1 << 53) - 1

cdef int64_t _COUNTER_END = (<int64_t> 1) << 62
cdef uint64_t _STATE_MAX = ((<uint64_t> 1) << 53) - 1
cdef uint32_t _table[8][256]


cdef void _fill_tables() noexcept:
    cdef uint32_t n, bit, value
    for n in range(256):
        value = n
        for bit in range(8):
            value = (value >> 1) ^ (<uint32_t> 0xEDB88320 if value & 1 else 0)
        _table[0][n] = value
    for n in range(256):
        value = _table[0][n]
        for bit in range(1, 8):
            value = _table[0][value & 0xFF] ^ (value >> 8)
            _table[bit][n] = value


_fill_tables()


cdef uint32_t _crc(uint32_t start, const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """zlib.crc32(data, start), eight bytes a step."""
    cdef uint32_t crc = ~start
    while size >= 8:
        crc ^= (<uint32_t> data[0] | (<uint32_t> data[1] << 8) | (<uint32_t> data[2] << 16)
                | (<uint32_t> data[3] << 24))
        crc = (_table[7][crc & 0xFF] ^ _table[6][(crc >> 8) & 0xFF]
               ^ _table[5][(crc >> 16) & 0xFF] ^ _table[4][crc >> 24]
               ^ _table[3][data[4]] ^ _table[2][data[5]] ^ _table[1][data[6]] ^ _table[0][data[7]])
        data += 8
        size -= 8
    while size > 0:
        crc = (crc >> 8) ^ _table[0][(crc ^ data[0]) & 0xFF]
        data += 1
        size -= 1
    return ~crc


cdef int _write_suffix(uint64_t state, uint8_t* out) noexcept nogil:
    """Write the suffix of `state`; its length."""
    cdef int size = 1, index
    while size < _SUFFIX_MAX and state >> (4 + 7 * (size - 1)):
        size += 1
    out[0] = <uint8_t> (~(((size - 1) << 4) | (state >> (7 * (size - 1)))) & 0xFF)
    for index in range(1, size):
        out[index] = <uint8_t> (~(state >> (7 * (size - 1 - index))) & 0x7F)
    return size


cdef Py_ssize_t _key_size(const uint8_t* data, Py_ssize_t size, uint64_t* state) noexcept nogil:
    """Length of the key in a physical key, and its state; -1 if there is no suffix at the end."""
    cdef Py_ssize_t start = size - 1, index
    cdef uint64_t value
    while start >= 0 and size - start <= _SUFFIX_MAX and not data[start] & 0x80:
        start -= 1
    if start < 0 or size - start > _SUFFIX_MAX:
        return -1
    if ((~data[start] >> 4) & 7) != size - start - 1:
        return -1
    value = ~data[start] & 0x0F
    for index in range(start + 1, size):
        value = (value << 7) | (~data[index] & 0x7F)
    state[0] = value
    return start


cdef inline const uint8_t* _data(bytes text) noexcept:
    return <const uint8_t*> PyBytes_AS_STRING(text)


cdef inline uint32_t _sum(int space, bytes physical, const uint8_t* rest, Py_ssize_t size) noexcept:
    return _crc(_crc(<uint32_t> space, _data(physical), PyBytes_GET_SIZE(physical)), rest, size)


cdef bytes _stored(int space, bytes physical, int kind, bytes value):
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size + _HEAD)
    cdef uint8_t* data = <uint8_t*> PyBytes_AS_STRING(out)
    data[4] = <uint8_t> kind
    memcpy(data + _HEAD, _data(value), size)
    cdef uint32_t crc = _sum(space, physical, data + 4, size + 1)
    data[0] = <uint8_t> (crc >> 24)
    data[1] = <uint8_t> (crc >> 16)
    data[2] = <uint8_t> (crc >> 8)
    data[3] = <uint8_t> crc
    return out


cdef int _check(int space, bytes physical, bytes stored) except -1:
    """The kind of a stored value whose checksum holds."""
    cdef const uint8_t* data = _data(stored)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(stored)
    if size < _HEAD:
        raise _damage(space, physical, "is cut short")
    cdef uint32_t crc = ((<uint32_t> data[0] << 24) | (<uint32_t> data[1] << 16)
                         | (<uint32_t> data[2] << 8) | <uint32_t> data[3])
    if crc != _sum(space, physical, data + 4, size - 4):
        raise _damage(space, physical, "fails its checksum")
    if data[4] > 2:
        raise _damage(space, physical, "has an unknown kind")
    return data[4]


cdef inline bytes _value(bytes stored):
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(stored) + _HEAD, PyBytes_GET_SIZE(stored) - _HEAD)


def _damage(space, physical, what):
    return CorruptRecordError(f"damaged database: the entry 0x{physical.hex()} of space {space} {what}")


cdef uint64_t _state(object state) except? 0:
    if not 0 <= state <= _STATE_MAX:
        raise ValueError(f"state out of range: {state}")
    return <uint64_t> state


def crc32(data, start=0):
    """The checksum of `data` continued from `start`; the same as `zlib.crc32`."""
    cdef const uint8_t[::1] view = data
    if view.shape[0] == 0:
        return start & 0xFFFFFFFF
    return _crc(<uint32_t> (start & 0xFFFFFFFF), &view[0], view.shape[0])


def suffix(state):
    """What follows the key in the physical key of version `state`."""
    cdef uint8_t buffer[_SUFFIX_MAX]
    cdef int size = _write_suffix(_state(state), buffer)
    return PyBytes_FromStringAndSize(<char*> buffer, size)


def split(bytes physical):
    """The key and the state of a physical key; CorruptRecordError if it has no valid suffix."""
    cdef uint64_t state = 0
    cdef Py_ssize_t size = _key_size(_data(physical), PyBytes_GET_SIZE(physical), &state)
    if size < 0:
        raise CorruptRecordError(f"damaged database: the key 0x{physical.hex()} has no version")
    return physical[:size], state


def seal(bytes key, state, int kind, bytes value, int space=0):
    """The physical key and the stored value of one version."""
    cdef bytes physical = key + suffix(state)
    return physical, _stored(space, physical, kind, value)


include "versions_seal.pxi"


def add_counters(list keys, list stored, list changes, int space=0):
    """New values of the counters under `keys` of a space without versions: `{key: value, or None for 0}`.

    `stored` has what is stored under each key, or None for 0; `changes` has the number to add to it. A counter's
    value is zigzag, seven bits a byte, low bits first. Counters that keep their value are left out.
    """
    cdef dict out = {}
    cdef bytes key, old
    cdef object item
    cdef int64_t before, amount, after
    cdef Py_ssize_t index
    if len(keys) != len(stored) or len(keys) != len(changes):
        raise ValueError("there must be one stored value, or None, and one change for each key")
    for index in range(len(keys)):
        key = keys[index]
        item = stored[index]
        amount = changes[index]
        before = 0
        if item is not None:
            old = item
            _check(space, key, old)
            before = _read_counter(key, old, space)
        after = before + amount if -_COUNTER_END <= amount < _COUNTER_END else _COUNTER_END
        if not -_COUNTER_END <= after < _COUNTER_END:
            raise OverflowError("a counter goes beyond 62 bits")
        if after != before:
            out[key] = _counter(after) if after else None
    return out


cdef int64_t _read_counter(bytes key, bytes stored, int space) except? -1:
    cdef const uint8_t* data = _data(stored)
    cdef Py_ssize_t position = _HEAD, size = PyBytes_GET_SIZE(stored)
    cdef uint64_t number = 0
    cdef int shift = 0
    while position < size and shift < 63:
        number |= (<uint64_t> (data[position] & 0x7F)) << shift
        if data[position] < 0x80:
            return <int64_t> ((number >> 1) ^ (~(number & 1) + 1))
        position += 1
        shift += 7
    raise _damage(space, key, "is no counter")


cdef bytes _counter(int64_t value):
    cdef uint8_t buffer[10]
    cdef uint64_t number = ((<uint64_t> value) << 1) ^ (<uint64_t> (value >> 63))
    cdef int size = 0
    while number > 0x7F:
        buffer[size] = <uint8_t> (number & 0x7F | 0x80)
        number >>= 7
        size += 1
    buffer[size] = <uint8_t> number
    return PyBytes_FromStringAndSize(<char*> buffer, size + 1)


include "versions_read.pxi"


cdef Py_ssize_t _read_uint(const uint8_t* data, Py_ssize_t size, uint64_t* out) noexcept nogil:
    """Length of the `keys.encode_uint` number at the start of `data`; 0 if there is none."""
    cdef Py_ssize_t more, index
    cdef uint64_t value, first
    if size == 0:
        return 0
    if data[0] < 0x80:
        out[0] = data[0]
        return 1
    if data[0] < 0xC0:
        more, first, value = 1, 0x80, data[0] & 0x3F
    elif data[0] < 0xE0:
        more, first, value = 2, 0x4080, data[0] & 0x1F
    elif data[0] < 0xF0:
        more, first, value = 3, 0x204080, data[0] & 0x0F
    elif data[0] < 0xF8:
        more, first, value = 4, 0x10204080, data[0] & 0x07
    elif data[0] <= 0xFB:
        more, first, value = data[0] - 0xF3, 0, 0
    else:
        return 0
    if size <= more:
        return 0
    for index in range(1, more + 1):
        value = (value << 8) | data[index]
    out[0] = first + value
    return more + 1


include "versions_runs.pxi"
