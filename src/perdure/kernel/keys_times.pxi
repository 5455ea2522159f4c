# Dates and naive or UTC datetimes, the common ones; all other moments by the shared module.

from datetime import datetime, timezone

from cpython.datetime cimport (
    PyDate_CheckExact, PyDateTime_CheckExact, date_day, date_month, date_new, date_year,
    datetime_day, datetime_fold, datetime_hour, datetime_microsecond, datetime_minute, datetime_month,
    datetime_new, datetime_second, datetime_tzinfo, datetime_year, import_datetime, timedelta_new,
)

import_datetime()

cdef enum:
    DATETIME = 0xCE
    DATETIME_AWARE = 0xD0

cdef object UTC = timezone.utc
cdef object ORIGIN = datetime.min.replace(tzinfo=timezone.utc)
cdef uint64_t DAY = 86_400_000_000
cdef int[13] DAYS_BEFORE = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]


cdef inline int put_date(Buffer* out, int year, int month, int day) except -1:
    return put_big(out, <uint64_t> (year << 9 | month << 5 | day), 3)


cdef uint64_t ordinal(int year, int month, int day) noexcept:
    """Days since 31 December of the year before year 1."""
    cdef int before = year - 1
    cdef bint leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return <uint64_t> (before * 365 + before // 4 - before // 100 + before // 400
                       + DAYS_BEFORE[month] + (leap and month > 2) + day)


cdef int put_datetime(Buffer* out, object value) except -1:
    cdef object zone = datetime_tzinfo(value)
    cdef uint64_t clock
    if zone is None:
        put_byte(out, DATETIME)
        put_date(out, datetime_year(value), datetime_month(value), datetime_day(value))
        clock = (<uint64_t> datetime_hour(value) << 6 | datetime_minute(value)) << 6 | datetime_second(value)
        return put_big(out, (clock << 20 | datetime_microsecond(value)) << 1 | datetime_fold(value), 5)
    if zone is not UTC:
        return put_python(out, encode_moment(value))
    put_byte(out, DATETIME_AWARE)
    clock = (<uint64_t> datetime_hour(value) * 60 + datetime_minute(value)) * 60 + datetime_second(value)
    put_big(out, (ordinal(datetime_year(value), datetime_month(value), datetime_day(value)) + 1) * DAY
            + clock * 1_000_000 + datetime_microsecond(value), 8)
    put_big(out, DAY, 5)
    return put_byte(out, datetime_fold(value))


cdef object read_moment(Reader* reader, bytes data, unsigned int kind):
    cdef Py_ssize_t start = reader.position - 1
    cdef const unsigned char* body = reader.data + reader.position
    cdef Py_ssize_t left = reader.size - reader.position
    cdef uint64_t days, clock
    try:
        if kind == DATE and left >= 3:
            days = read_big(reader, 3)
            return date_new(<int> (days >> 9), <int> (days >> 5 & 15), <int> (days & 31))
        if kind == DATETIME and left >= 8:
            days = read_big(reader, 3)
            clock = read_big(reader, 5)
            return datetime_new(<int> (days >> 9), <int> (days >> 5 & 15), <int> (days & 31), <int> (clock >> 33),
                                <int> (clock >> 27 & 63), <int> (clock >> 21 & 63), <int> (clock >> 1 & 0xFFFFF),
                                None, <int> (clock & 1))
    except ValueError as error:
        damaged(reader, str(error))
    if kind == DATETIME_AWARE and left >= 14 and body[13] == 0:
        clock = read_big(reader, 8)
        if read_big(reader, 5) == DAY and 2 * DAY <= clock < 3_652_061 * DAY:
            reader.position += 1
            clock -= 2 * DAY
            return ORIGIN + timedelta_new(<int> (clock // DAY), <int> (clock % DAY // 1_000_000),
                                          <int> (clock % 1_000_000))
    return read_python(reader, decode_moment(data, start))
