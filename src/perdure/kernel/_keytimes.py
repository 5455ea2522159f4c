"""Key forms of dates and times, shared by both `keys` (docs/format.md, "Keys").

Aware values are ordered by their instant, then by their offset from UTC; naive and aware ones are different
kinds.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from perdure.errors import CorruptRecordError
from perdure.kernel._keyparts import (
    DATE,
    DATETIME,
    DATETIME_AWARE,
    TIME,
    TIME_AWARE,
    TIMEDELTA,
    Taker,
    damaged,
    encode_uint,
)

__all__ = ["canonical_moment", "decode_moment", "encode_moment"]

_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000
_FIXED, _FIXED_NAMED, _ZONE = 0, 1, 2
_LAST_OFFSET = timedelta(days=1) - _MICROSECOND


def encode_moment(value: date | time | timedelta) -> bytes:
    """The key of one date, time, datetime or timedelta; TypeError for a tzinfo of a class of its own."""
    if type(value) is date:
        return bytes([DATE]) + _pack_date(value)
    if type(value) is timedelta:
        clock = value.seconds * 1_000_000 + value.microseconds
        return bytes([TIMEDELTA]) + (value.days + 10**9).to_bytes(4, "big") + clock.to_bytes(5, "big")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return bytes([DATETIME]) + _pack_date(value) + _pack_clock(value)
        return bytes([DATETIME_AWARE]) + _aware_form(
            value, value.toordinal() * _DAY + _microseconds(value), value.fold
        )
    assert isinstance(value, time)
    if value.tzinfo is None:
        return bytes([TIME]) + _pack_clock(value)
    return bytes([TIME_AWARE]) + _aware_form(value, _microseconds(value), value.fold)


def _pack_date(value: date) -> bytes:
    return (value.year << 9 | value.month << 5 | value.day).to_bytes(3, "big")


def _pack_clock(value: time | datetime) -> bytes:
    packed = ((value.hour << 6 | value.minute) << 6 | value.second) << 20 | value.microsecond
    return (packed << 1 | value.fold).to_bytes(5, "big")


def _microseconds(value: time | datetime) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


def _aware_form(value: time | datetime, local: int, fold: int) -> bytes:
    """Instant (one day added, so that it is never negative), offset (likewise), then the zone."""
    kind, name = _zone_name(value.tzinfo)
    offset = (value.utcoffset() or timedelta()) // _MICROSECOND
    instant = (local - offset + _DAY).to_bytes(8, "big")
    return instant + (offset + _DAY).to_bytes(5, "big") + bytes([kind << 1 | fold]) + name


def _zone_name(zone: tzinfo | None) -> tuple[int, bytes]:
    if type(zone) is timezone:
        name = zone.__getinitargs__()[1:]  # type: ignore[attr-defined]
        return (_FIXED_NAMED, _pack_name(name[0])) if name else (_FIXED, b"")
    if type(zone) is ZoneInfo and type(zone.key) is str:
        return _ZONE, _pack_name(zone.key)
    raise TypeError(f"a time zone of class {type(zone).__qualname__} cannot be part of a key")


def _pack_name(name: str) -> bytes:
    body = name.encode("utf-8", "surrogatepass")
    return encode_uint(len(body)) + body


def decode_moment(data: bytes, position: int) -> tuple[date | time | timedelta, int]:
    """The date or time whose kind byte is at `position`, and the position after it."""
    taker = Taker(data, position + 1)
    try:
        return _decode_kind(taker, data[position]), taker.position
    except CorruptRecordError:
        raise
    except (ValueError, OverflowError) as error:
        damaged(position, str(error))


def _decode_kind(taker: Taker, kind: int) -> date | time | timedelta:
    if kind == DATE:
        return date(*_unpack_date(taker))
    if kind == DATETIME:
        day = _unpack_date(taker)
        clock, fold = _unpack_clock(taker)
        return datetime(*day, *clock, fold=fold)
    if kind == TIME:
        clock, fold = _unpack_clock(taker)
        return time(*clock, fold=fold)
    if kind == TIMEDELTA:
        days, clock_part = taker.number(4) - 10**9, taker.number(5)
        if clock_part >= _DAY:
            taker.damaged("not a time span")
        return timedelta(days, microseconds=clock_part)
    return _decode_aware(taker, kind)


def _unpack_date(taker: Taker) -> tuple[int, int, int]:
    packed = taker.number(3)
    return packed >> 9, packed >> 5 & 15, packed & 31


def _unpack_clock(taker: Taker) -> tuple[tuple[int, int, int, int], int]:
    packed = taker.number(5)
    return (packed >> 33, packed >> 27 & 63, packed >> 21 & 63, packed >> 1 & 0xFFFFF), packed & 1


def _decode_aware(taker: Taker, kind: int) -> datetime | time:
    local = taker.number(8) - _DAY
    offset = taker.number(5) - _DAY
    local += offset
    flags = taker.byte()
    if not -_DAY < offset < _DAY or flags >> 1 > _ZONE:
        taker.damaged("not a time zone")
    zone = _decode_zone(taker, flags >> 1, offset)
    if kind == TIME_AWARE:
        if not 0 <= local < _DAY:
            taker.damaged("not a time of day")
        return (datetime.min + timedelta(microseconds=local)).time().replace(tzinfo=zone, fold=flags & 1)
    moment = datetime.min + timedelta(microseconds=local - _DAY)
    return moment.replace(tzinfo=zone, fold=flags & 1)


def _decode_zone(taker: Taker, kind: int, offset: int) -> tzinfo:
    if kind == _FIXED:
        return timezone(offset * _MICROSECOND)
    name = taker.take(taker.uint()).decode("utf-8", "surrogatepass")
    if kind == _FIXED_NAMED:
        return timezone(offset * _MICROSECOND, name)
    try:
        return ZoneInfo(name)
    except Exception:
        taker.damaged(
            f"time zone {name!r} is not known on this machine (is its time zone database installed?)"
        )


def canonical_moment(value: datetime | time) -> datetime | time:
    """The one value that stands for all datetimes or times equal to this one."""
    offset = value.utcoffset()
    if offset is None:
        return value.replace(fold=0) if isinstance(value, datetime) else value.replace(tzinfo=None, fold=0)
    if isinstance(value, time):
        return _canonical_time(value, offset)
    if offset != value.replace(fold=1 - value.fold).utcoffset():
        # Such a time, in the gap or fold of its zone, equals only times of the same zone.
        return value.replace(fold=0)
    naive = value.replace(tzinfo=None, fold=0)
    zone = UTC
    if offset > naive - datetime.min:
        zone = timezone(_LAST_OFFSET)
    elif -offset > datetime.max - naive:
        zone = timezone(-_LAST_OFFSET)
    # An instant that UTC cannot write is written in the zone furthest away, which can write all of them.
    return (naive + (zone.utcoffset(None) - offset)).replace(tzinfo=zone)


def _canonical_time(value: time, offset: timedelta) -> time:
    """Aware times are equal if second and microsecond are, each shifted by the seconds of its offset only."""
    shift, fraction = divmod(offset, timedelta(seconds=1))
    instant = _microseconds(value) // 1_000_000 - shift
    if instant < 0:
        shift = 86_399
    elif instant >= 86_400:
        shift = -86_400 if fraction else -86_399
    else:
        shift = 0
    minutes, second = divmod(instant + shift, 60)
    zone = timezone(timedelta(seconds=shift) + fraction)
    return time(minutes // 60, minutes % 60, second, value.microsecond, zone)
