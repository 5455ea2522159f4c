"""`canonical`: equal dictionary keys become one value, shared by both `keys`."""

from __future__ import annotations

import math
from datetime import datetime, time
from decimal import Decimal

from perdure.kernel._keynumbers import DIGIT_LIMIT, digits_text
from perdure.kernel._keyparts import MAX_DEPTH
from perdure.kernel._keytimes import canonical_moment

__all__ = ["canonical"]


def canonical(value: object) -> object:
    """See `perdure.kernel.keys.canonical`."""
    return _canonical(value, 0)


def _canonical(value: object, depth: int) -> object:
    kind = type(value)
    if kind is bool:
        return int(value)  # type: ignore[call-overload]
    if kind is float:
        return _canonical_float(value)  # type: ignore[arg-type]
    if kind is Decimal:
        return _canonical_decimal(value)  # type: ignore[arg-type]
    if kind is complex:
        return _canonical_complex(value)  # type: ignore[arg-type]
    if kind is datetime or kind is time:
        return canonical_moment(value)  # type: ignore[arg-type]
    if kind is tuple:
        if depth >= MAX_DEPTH:
            raise ValueError(f"tuples are nested more than {MAX_DEPTH} deep")
        return tuple([_canonical(item, depth + 1) for item in value])  # type: ignore[attr-defined]
    return value


def _canonical_float(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _canonical_complex(value: complex) -> int | float | complex:
    if value.imag == 0:
        return _canonical_float(value.real)
    return complex(0.0, value.imag) if value.real == 0 else value


def _canonical_decimal(value: Decimal) -> int | float | Decimal:
    if value.is_nan():
        return value
    if value.is_infinite():
        return -math.inf if value.is_signed() else math.inf
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = digits_text(digits)
    stripped = text.rstrip("0")
    if not stripped:
        return 0
    exponent += len(text) - len(stripped)
    shortest = Decimal(f"{'-' * sign}{stripped}E{exponent}")
    if exponent >= 0:
        return int(shortest) if exponent + len(stripped) <= DIGIT_LIMIT else shortest
    if value.adjusted() >= -330:
        double = float(shortest)
        if math.isfinite(double) and double.as_integer_ratio() == shortest.as_integer_ratio():
            return double
    return shortest
