"""Pure-Python twin of `kernel/identity.pyx`."""

from __future__ import annotations

__all__ = ["parse_uuid", "uuid_text"]

_LENGTH = 24
_OID_BITS = 56
_OID_MASK = (1 << _OID_BITS) - 1
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_DIGITS = {character: digit for digit, character in enumerate(_ALPHABET)}


def uuid_text(database: int, oid: int) -> str:
    """The text of the object `oid`, below 2**56, of a database."""
    if not (0 <= oid <= _OID_MASK and 0 <= database < 1 << 64):
        raise OverflowError(f"the object id {oid} or the database {database} is too large for a uuid")
    number = database << _OID_BITS | oid
    return "".join([_ALPHABET[number >> shift & 31] for shift in range(5 * _LENGTH - 5, -5, -5)])


def parse_uuid(text: str) -> tuple[int, int] | None:
    """Database and object id of a text, or None when it is no uuid."""
    if len(text) != _LENGTH:
        return None
    number = 0
    for character in text:
        digit = _DIGITS.get(character)
        if digit is None:
            return None
        number = number << 5 | digit
    return number >> _OID_BITS, number & _OID_MASK
