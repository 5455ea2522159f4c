# cython: language_level=3, boundscheck=False, wraparound=False
"""Ordered keys (compiled; the twin is `_pure.keys`, the format is in docs/format.md).

The common kinds are written and read here; Decimals, huge numbers, dates and times by the modules that both share.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint64_t
from libc.math cimport floor
from libc.string cimport memchr, memcpy

from perdure.kernel._buffer cimport Buffer, buffer_bytes, buffer_free, buffer_init, put_big, put_byte, put_bytes, reserve

import hashlib
from datetime import date, time, timedelta
from decimal import Decimal

from perdure.errors import CorruptRecordError
from perdure.kernel._keycanonical import canonical as canonical_other
from perdure.kernel._keynumbers import decode_number, encode_number
from perdure.kernel._keyparts import EnumKey, ObjectId
from perdure.kernel._keytimes import decode_moment, encode_moment

cdef extern from "Python.h":
    bint PyUnicode_CheckExact(object)
    bint PyUnicode_IS_ASCII(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    void* PyUnicode_DATA(object)
    bint PyLong_CheckExact(object)
    bint PyFloat_CheckExact(object)
    double PyFloat_AS_DOUBLE(object)
    bint PyBytes_CheckExact(object)
    bint PyTuple_CheckExact(object)

cdef enum:
    END = 0x00
    NONE = 0x10
    NAN_KIND = 0x20
    NEGATIVE_FIRST = 0x41
    NEGATIVE_LAST = 0x7D
    POSITIVE = 0x82
    INFINITE = 0xBE
    COMPLEX = 0xC0
    STR = 0xC4
    BYTES = 0xC8
    DATE = 0xCC
    TIMEDELTA = 0xD6
    UUID_KIND = 0xD8
    ENUM = 0xDC
    OBJECT = 0xE0
    TUPLE = 0xE4

cdef enum:
    T_BOOL = 0x02
    T_FLOAT = 0x03
    FRACTION = 0x08
    DEPTH_LIMIT = 200
    HASH_SIZE = 16

include "uuids.pxi"

cdef type ObjectIdType = ObjectId
cdef type EnumKeyType = EnumKey
cdef type DecimalType = Decimal
cdef frozenset OTHER_MOMENTS = frozenset({time, timedelta})
cdef frozenset STABLE = frozenset({ObjectId, EnumKey, UUID, date, timedelta})

include "keys_write.pxi"
include "keys_read.pxi"
include "keys_times.pxi"


cdef bint is_canonical(object value):
    if PyDateTime_CheckExact(value):
        return datetime_fold(value) == 0 and (datetime_tzinfo(value) is None or datetime_tzinfo(value) is UTC)
    return (PyUnicode_CheckExact(value) or PyLong_CheckExact(value) or PyBytes_CheckExact(value) or value is None
            or (PyFloat_CheckExact(value) and PyFloat_AS_DOUBLE(value) != floor(PyFloat_AS_DOUBLE(value)))
            or type(value) in STABLE)


def canonical(value):
    if is_canonical(value):
        return value
    if PyTuple_CheckExact(value):
        for item in <tuple> value:
            if not is_canonical(item):
                return canonical_other(value)
        return value
    return canonical_other(value)


def shorten(bytes key not None, Py_ssize_t limit):
    if limit < 2 * HASH_SIZE:
        raise ValueError(f"limit must be at least {2 * HASH_SIZE}")
    if PyBytes_GET_SIZE(key) <= limit - HASH_SIZE:
        return key
    return key[:limit - HASH_SIZE] + hashlib.blake2b(key, digest_size=HASH_SIZE).digest()
