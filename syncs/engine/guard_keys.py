"""The keys of suppression lists, as digests: small, quick to look up, and no list of people to read. Pure.

A digest is 64 bits of BLAKE2b over an e-mail address in its one form, or over any other text without blanks
around it and in lower case. Among 100,000 keys, one of 10^14 other keys is taken for one of them.
"""

from array import array
from collections.abc import Iterable
from hashlib import blake2b

from syncs.engine import addresses

MOST_PASTED = 100_000
MOST_OF_MODEL = 500_000
LONGEST_KEY = 1_000
_BYTES = 8


def digest(key: str) -> int:
    """The digest of a key as it is compared: `tidied`."""
    packed = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_BYTES, person=b"guard-key").digest()
    return int.from_bytes(packed, "big")


def tidied(key: str) -> str:
    """A key in the form in which it is compared; "" where there is none."""
    text = key.strip()
    if "@" in text and len(text) <= LONGEST_KEY and (email := addresses.email(text)) is not None:
        return email
    return text.casefold()


def digests(keys: Iterable[str]) -> frozenset[int]:
    """The digests of the keys; blank ones are left out."""
    return frozenset(digest(text) for text in map(tidied, keys) if text)


def packed(found: Iterable[int]) -> bytes:
    """Digests as they are stored: sorted, 8 bytes each, so that equal lists are equal bytes."""
    numbers = array("Q", sorted(set(found)))
    return numbers.tobytes() if _IS_LITTLE else _swapped(numbers)


def unpacked(stored: bytes) -> frozenset[int]:
    """What `packed` stored."""
    numbers = array("Q", bytes(stored))
    if not _IS_LITTLE:
        numbers.byteswap()
    return frozenset(numbers)


def written(stored: bytes) -> str:
    """Stored digests as text: 16 hexadecimal digits a line."""
    return "\n".join(f"{number:016x}" for number in sorted(unpacked(stored)))


def read(text: str) -> bytes | None:
    """What `written` wrote, as it is stored; None where it is something else."""
    lines = text.split()
    if not all(len(line) == 2 * _BYTES and set(line) <= set("0123456789abcdef") for line in lines):
        return None
    return packed(int(line, 16) for line in lines)


def name_of(stored: bytes) -> str:
    """The name of a stored list: it is that of its content, 32 hexadecimal digits."""
    return blake2b(stored, digest_size=16, person=b"guard-list").hexdigest()


def _swapped(numbers: "array[int]") -> bytes:
    numbers.byteswap()
    return numbers.tobytes()


_IS_LITTLE = array("Q", [1]).tobytes()[0] == 1
