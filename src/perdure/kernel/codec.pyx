# cython: language_level=3, boundscheck=False, wraparound=False
"""Values and records as compact tagged bytes (compiled; the twin is `_pure.codec`, the format is in docs/format.md)."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    PyDate_CheckExact, PyDateTime_CheckExact, PyDelta_CheckExact, PyTime_CheckExact,
    date_day, date_month, date_new, date_year,
    datetime_day, datetime_fold, datetime_hour, datetime_microsecond, datetime_minute, datetime_month,
    datetime_new, datetime_second, datetime_tzinfo, datetime_year, import_datetime,
    time_fold, time_hour, time_microsecond, time_minute, time_new, time_second, time_tzinfo,
    timedelta_days, timedelta_microseconds, timedelta_new, timedelta_seconds,
)
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from perdure.kernel._buffer cimport (
    Buffer, buffer_bytes, buffer_free, buffer_init, put_byte, put_bytes, put_little, put_varint, unzigzag, zigzag,
)

from datetime import timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

from perdure.errors import CorruptRecordError

import_datetime()

cdef extern from "Python.h":
    bint PyUnicode_CheckExact(object)
    bint PyUnicode_IS_ASCII(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    void* PyUnicode_DATA(object)
    bint PyLong_CheckExact(object)
    bint PyFloat_CheckExact(object)
    double PyFloat_AS_DOUBLE(object)
    bint PyBytes_CheckExact(object)
    bint PyList_CheckExact(object)
    bint PyTuple_CheckExact(object)
    bint PyDict_CheckExact(object)
    bint PySet_CheckExact(object)
    bint PyFrozenSet_CheckExact(object)
    bint PyComplex_CheckExact(object)
    bint PyByteArray_CheckExact(object)
    int PyFloat_Pack8(double, char*, int) except -1
    double PyFloat_Unpack8(const char*, int) except? -1.0
    int PyFloat_Pack4(double, char*, int) except -1
    double PyFloat_Unpack4(const char*, int) except? -1.0

include "uuids.pxi"
include "codec_tags.pxi"
include "codec_write.pxi"
include "codec_records.pxi"
include "codec_read.pxi"


cdef bytes encode_entry(uint64_t shape_id, object value, object refer, bint* refers):
    """`encode_record(shape_id, (value,), refer)`, for compiled callers; `refers`: whether it has references."""
    cdef Writer writer
    cdef Py_ssize_t offset
    writer_init(&writer, False)
    try:
        write_value(&writer, value, refer, 0)
        refers[0] = writer.table_size != 0
        return finish_record(&writer, shape_id, &offset)
    finally:
        writer_free(&writer)
