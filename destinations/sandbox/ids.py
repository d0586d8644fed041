"""Encoded ids: a row's number, scrambled so that nobody can count on it, and different for each kind."""

import hashlib

_BITS = 48
_FACTOR = 0x5DEECE66D  # odd, so that it has an inverse
_INVERSE = pow(_FACTOR, -1, 1 << _BITS)


def _mask(kind: str) -> int:
    return int.from_bytes(hashlib.blake2b(kind.encode(), digest_size=_BITS // 8).digest())


def encode(kind: str, number: int) -> str:
    """The public id of row `number` of this kind: twelve hexadecimal digits."""
    return f"{(number * _FACTOR) % (1 << _BITS) ^ _mask(kind):012x}"


def decode(kind: str, text: str) -> int | None:
    """The row number of an encoded id. None: it cannot be decoded."""
    if len(text) != 12 or not all(c in "0123456789abcdef" for c in text):
        return None
    return (int(text, 16) ^ _mask(kind)) * _INVERSE % (1 << _BITS)
