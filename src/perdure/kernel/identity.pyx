# cython: language_level=3, boundscheck=False, wraparound=False
"""The text form of uuids: 24 characters of `A-Z2-7`, five bits each, of which 64 name the database and 56 the object."""

from cpython.unicode cimport PyUnicode_DATA, PyUnicode_GET_LENGTH
from libc.stdint cimport uint64_t

cdef extern from "Python.h":
    object PyUnicode_FromKindAndData(int kind, const void* buffer, Py_ssize_t size)
    bint PyUnicode_IS_ASCII(object text)

cdef enum:
    _LENGTH = 24
    _OID_BITS = 56

cdef const char* ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
cdef uint64_t OID_MASK = (1ULL << _OID_BITS) - 1
cdef signed char digits[128]


cdef void fill_digits() noexcept:
    cdef int index
    for index in range(128):
        digits[index] = -1
    for index in range(32):
        digits[<unsigned char>ALPHABET[index]] = <signed char>index


fill_digits()


def uuid_text(uint64_t database, uint64_t oid):
    """The text of the object `oid`, below 2**56, of a database."""
    cdef char text[_LENGTH]
    cdef uint64_t halves[2]
    cdef int index
    if oid > OID_MASK:
        raise OverflowError(f"the object id {oid} is too large for a uuid")
    halves[0] = database >> 4
    halves[1] = (database & 0xF) << _OID_BITS | oid
    for index in range(_LENGTH):
        text[index] = ALPHABET[halves[index // 12] >> (55 - 5 * (index % 12)) & 31]
    return PyUnicode_FromKindAndData(1, text, _LENGTH)


def parse_uuid(str text not None):
    """Database and object id of a text, or None when it is no uuid."""
    cdef uint64_t high = 0, low = 0
    cdef int index, wrong = 0
    cdef const unsigned char* characters
    if PyUnicode_GET_LENGTH(text) != _LENGTH or not PyUnicode_IS_ASCII(text):
        return None
    characters = <const unsigned char*>PyUnicode_DATA(text)
    for index in range(_LENGTH // 2):
        wrong |= digits[characters[index]] | digits[characters[index + _LENGTH // 2]]
        high = high << 5 | <uint64_t>(digits[characters[index]] & 31)
        low = low << 5 | <uint64_t>(digits[characters[index + _LENGTH // 2]] & 31)
    if wrong < 0:
        return None
    return high << 4 | low >> _OID_BITS, low & OID_MASK
