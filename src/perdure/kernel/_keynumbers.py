"""Key forms of numbers: one exact order over bool, int, float and Decimal, reversible to value and type.

The compiled `keys` has its own code for small ints and floats; everything rarer comes here from both `keys`.
docs/format.md, "Keys", describes the forms: whole part and a bit for "exactly an int"; else a suffix with
the largest double that is not above the value, and, where that is not the value itself, its decimal digits.
"""

from __future__ import annotations

import math
import struct
import sys
from decimal import Decimal

from perdure.errors import CorruptRecordError
from perdure.kernel._keyparts import COMPLEMENT, NAN, POSITIVE, Taker, damaged, encode_uint, unzigzag, zigzag

__all__ = ["DIGIT_LIMIT", "decode_number", "digits_text", "encode_number"]

DIGIT_LIMIT = 100_000
"""Digits of the longest int or Decimal that a key can hold, written out in full."""

_LONG = 32 + 0x1000 + 0x40000  # first doubled whole part that is written with a length in the lead byte
_SIZED, _WIDE, _BIG, _INFINITE = 52, 58, 59, 60
_INT, _BOOL, _FLOAT, _DECIMAL, _DIGITS = 0x01, 0x02, 0x03, 0x04, 0x08
_FRACTION = 0x08


def encode_number(value: bool | int | float | Decimal) -> bytes:
    """The key of one number; ValueError if it has more than `DIGIT_LIMIT` digits."""
    if isinstance(value, Decimal):
        if value.is_nan():
            return _encode_nan(value)
        negative = value.is_signed()
        body = _decimal_form(value.copy_abs())
    elif isinstance(value, float):
        if math.isnan(value):
            return _encode_nan(value)
        negative = math.copysign(1.0, value) < 0
        body = _float_form(abs(value))
    else:
        negative = value < 0
        body = _int_form(abs(value), type(value) is bool)
    return body.translate(COMPLEMENT) if negative else body


def _encode_nan(value: object) -> bytes:
    if isinstance(value, float):
        return bytes([NAN, _FLOAT]) + struct.pack(">d", value)
    return bytes([NAN, _DECIMAL]) + str(value).encode("ascii") + b"\0"


def _whole_form(whole: int, integer: bool) -> bytes:
    """The whole part below 2**64; `integer` tells that the value is exactly this and an int."""
    if whole >> 63:
        return bytes([POSITIVE + _WIDE]) + whole.to_bytes(8, "big") + (b"\0" if integer else b"\1")
    doubled = whole * 2 + (not integer)
    if doubled < 32:
        return bytes([POSITIVE + doubled])
    if doubled < 32 + 0x1000:
        return ((POSITIVE + 32 << 8) + doubled - 32).to_bytes(2, "big")
    if doubled < _LONG:
        return ((POSITIVE + 48 << 16) + doubled - 32 - 0x1000).to_bytes(3, "big")
    size = (doubled.bit_length() + 7) // 8
    return bytes([POSITIVE + _SIZED - 3 + size]) + doubled.to_bytes(size, "big")


def _int_form(value: int, boolean: bool) -> bytes:
    if boolean:
        return _whole_form(int(value), False) + bytes([_BOOL])
    if value < 2**64:
        return _whole_form(value, True)
    if value.bit_length() > DIGIT_LIMIT * 3.32:
        raise ValueError(f"an int key can have at most {DIGIT_LIMIT} digits")
    try:
        floor = float(value)
    except OverflowError:
        floor = sys.float_info.max
    if int(floor) > value:
        floor = math.nextafter(floor, 0.0)
    if int(floor) == value:
        return _big_form(floor) + bytes([_INT])
    return _big_form(floor) + bytes([_DIGITS]) + _digits_form(str(Decimal(value)), 0) + bytes([_INT])


def _float_form(value: float) -> bytes:
    if math.isinf(value):
        return bytes([POSITIVE + _INFINITE, _FLOAT])
    if value >= 2**64:
        return _big_form(value) + bytes([_FLOAT])
    whole = int(value)
    if whole == value:
        return _whole_form(whole, False) + bytes([_FLOAT])
    return _whole_form(whole, False) + _fraction_form(value) + bytes([_FLOAT])


def _decimal_form(value: Decimal) -> bytes:
    if value.is_infinite():
        return bytes([POSITIVE + _INFINITE, _DECIMAL])
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if len(digits) > DIGIT_LIMIT:
        raise ValueError(f"a Decimal key can have at most {DIGIT_LIMIT} digits")
    form = b"\x04" + encode_uint(zigzag(exponent))
    big = bool(value) and (value.adjusted() > 20 or value >= 2**64)
    whole = int(value) if value and not big else 0
    if not big and whole == value:
        return _whole_form(whole, False) + form
    floor, same = _floor_double(value)
    start = _big_form(floor) if big else _whole_form(whole, False) + _fraction_form(floor)
    return start + form if same else start + b"\x08" + _digits_form(digits_text(digits), exponent) + form


def digits_text(digits: tuple[int, ...]) -> str:
    """The digits of `Decimal.as_tuple` as text."""
    return bytes(digits).translate(_TO_TEXT).decode()


_TO_TEXT = b"0123456789" + bytes(246)


def _floor_double(value: Decimal) -> tuple[float, bool]:
    """The largest finite double not above the positive `value`, and whether it is the value."""
    if value.adjusted() > 309:
        return sys.float_info.max, False
    if value.adjusted() < -330:
        return 0.0, False
    floor = min(float(value), sys.float_info.max)
    numerator, denominator = value.as_integer_ratio()
    above, below = floor.as_integer_ratio()
    difference = above * denominator - numerator * below
    return math.nextafter(floor, 0.0) if difference > 0 else floor, difference == 0


def _big_form(floor: float) -> bytes:
    return bytes([POSITIVE + _BIG]) + struct.pack(">d", floor)


def _fraction_form(floor: float) -> bytes:
    raw = struct.pack(">d", floor)
    return bytes([raw[0] + _FRACTION]) + raw[1:]


def _digits_form(digits: str, exponent: int) -> bytes:
    """Decimal exponent of the first digit, then the digits in pairs, without zeros at the end."""
    adjusted = exponent + len(digits) - 1
    head = (
        b"\1" + encode_uint(adjusted)
        if adjusted >= 0
        else b"\0" + encode_uint(~adjusted).translate(COMPLEMENT)
    )
    digits = digits.rstrip("0")
    digits += "0" * (len(digits) % 2)
    return head + bytes([_PAIRS[digits[at : at + 2]] for at in range(0, len(digits), 2)]) + b"\0"


_PAIRS = {f"{pair:02}": pair + 1 for pair in range(100)}


def decode_number(data: bytes, position: int) -> tuple[bool | int | float | Decimal, int]:
    """The number whose lead byte is at `position`, and the position after it."""
    lead = data[position]
    if lead == NAN:
        return _decode_nan(Taker(data, position + 1))
    negative = lead < POSITIVE
    taker = Taker(data, position + 1, 0xFF if negative else 0)
    try:
        value = _decode_magnitude(taker, (lead ^ taker.mask) - POSITIVE)
        if negative:
            value = value.copy_negate() if isinstance(value, Decimal) else -value
        again = encode_number(value)
    except CorruptRecordError:
        raise
    except (ArithmeticError, ValueError) as error:
        damaged(position, str(error))
    if again != data[position : taker.position]:
        damaged(position, "a number not in its only form")
    return value, taker.position


def _decode_nan(taker: Taker) -> tuple[float | Decimal, int]:
    kind = taker.byte()
    value: float | Decimal
    start = taker.position
    if kind == _FLOAT:
        value = struct.unpack(">d", taker.take(8))[0]
        if not math.isnan(value):
            damaged(start, "not a NaN")
        return value, taker.position
    end = taker.data.find(b"\0", start, start + DIGIT_LIMIT)
    text = taker.data[start:end].decode("latin-1") if kind == _DECIMAL and end >= 0 else ""
    try:
        value = Decimal(text)
    except ArithmeticError:
        damaged(start, "not a NaN")
    if not value.is_nan() or str(value) != text:
        damaged(start, "not a NaN")
    return value, end + 1


def _decode_whole(taker: Taker, form: int) -> tuple[int, bool]:
    """Whole part, and whether that is all of an int."""
    if form == _WIDE:
        return taker.number(8), taker.byte() == 0
    if form < 32:
        doubled = form
    elif form < 48:
        doubled = 32 + (form - 32 << 8) + taker.number(1)
    elif form < _SIZED:
        doubled = 32 + 0x1000 + (form - 48 << 16) + taker.number(2)
    else:
        doubled = taker.number(form - _SIZED + 3)
    return doubled >> 1, not doubled & 1


def _decode_magnitude(taker: Taker, form: int) -> bool | int | float | Decimal:
    if form == _INFINITE:
        return math.inf if taker.byte() == _FLOAT else Decimal("Infinity")
    if form == _BIG:
        return _decode_rest(taker, taker.take(8), big=True)
    whole, integer = _decode_whole(taker, form)
    if integer:
        return whole
    kind = taker.byte()
    if kind == _BOOL:
        return bool(whole)
    if kind == _FLOAT:
        return float(whole)
    if kind == _DECIMAL:
        return _restate(str(whole), 0, unzigzag(taker.uint()))
    if kind < _FRACTION:
        raise ValueError("unknown form of a number")
    return _decode_rest(taker, bytes([kind - _FRACTION]) + taker.take(7), big=False)


def _decode_rest(taker: Taker, raw: bytes, big: bool) -> int | float | Decimal:
    """What follows the whole part: the largest double not above the value, and the difference from it."""
    floor: float = struct.unpack(">d", raw)[0]
    kind = taker.byte()
    if kind == _DIGITS:
        digits, exponent = _decode_digits(taker)
        kind = taker.byte()
        if kind == _INT and big:
            return int(_restate(digits, exponent, 0))
    elif kind == _INT and big:
        return int(floor)
    elif kind == _FLOAT:
        return floor
    else:
        exact = Decimal.from_float(floor).as_tuple()
        if not isinstance(exact.exponent, int):
            raise ValueError("not a finite number")
        digits, exponent = digits_text(exact.digits), exact.exponent
    if kind != _DECIMAL:
        raise ValueError("unknown form of a number")
    return _restate(digits, exponent, unzigzag(taker.uint()))


def _decode_digits(taker: Taker) -> tuple[str, int]:
    """The inverse of `_digits_form`: digits and the exponent of the last of them."""
    sign = taker.byte()
    if sign == 0:
        taker.mask ^= 0xFF
    adjusted = taker.uint()
    if sign == 0:
        taker.mask ^= 0xFF
        adjusted = ~adjusted
    pairs: list[str] = []
    while pair := taker.byte():
        if pair > 100 or len(pairs) * 2 > DIGIT_LIMIT:
            raise ValueError("not decimal digits")
        pairs.append(f"{pair - 1:02}")
    digits = "".join(pairs).rstrip("0")
    return digits, adjusted - len(digits) + 1


def _restate(digits: str, exponent: int, wanted: int) -> Decimal:
    """The number `digits` * 10**`exponent` as a Decimal with the exponent `wanted`."""
    if not digits.strip("0"):
        digits = "0"
    elif wanted <= exponent:
        if len(digits) + exponent - wanted > DIGIT_LIMIT:
            raise ValueError("too many digits")
        digits += "0" * (exponent - wanted)
    else:
        cut = wanted - exponent
        if digits[-cut:].strip("0"):
            raise ValueError("not a number of that exponent")
        digits = digits[:-cut]
    value = Decimal(f"{digits}E{wanted}")
    if not value.is_finite():
        raise ValueError("exponent out of range")
    return value
