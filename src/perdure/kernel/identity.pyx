# cython: language_level=3, boundscheck=False, wraparound=False
"""The text form of uuids: 24 characters of `A-Z2-7`, five bits each, of which 64 name the database and 56 the object."""

from cpython.unicode cimport PyUnicode_GET_LENGTH, PyUnicode_READ_CHAR
from libc.stdint cimport uint64_t

cdef extern from "Python.h":
    object PyUnicode_FromKindAndData(int kind, const void* buffer, Py_ssize_t size)

cdef enum:
    _LENGTH = 24
    _OID_BITS = 56

cdef const char* ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
cdef uint64_t OID_MASK = (1ULL << _OID_BITS) - 1


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
    cdef uint64_t halves[2]
    cdef int index, digit
    cdef Py_UCS4 character
    if PyUnicode_GET_LENGTH(text) != _LENGTH:
        return None
    halves[0] = halves[1] = 0
    for index in range(_LENGTH):
        character = PyUnicode_READ_CHAR(text, index)
        if u"A" <= character <= u"Z":
            digit = <int>character - 65
        elif u"2" <= character <= u"7":
            digit = <int>character - 24
        else:
            return None
        halves[index // 12] = halves[index // 12] << 5 | <uint64_t>digit
    return halves[0] << 4 | halves[1] >> _OID_BITS, halves[1] & OID_MASK
