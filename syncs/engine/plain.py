"""Source values as plain text and as JSON: one form each, whatever the driver's type. Pure.

Numbers have no exponent and no trailing zeros where that stays readable (3.0 is "3"), times are UTC in ISO
8601 with a Z, durations ISO 8601 too ("P1DT2H"), a UUID its usual text, lists and structures compact JSON.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any
from uuid import UUID

import orjson

from destinations.contract import JSON

SAFE_INTEGER = 2**53 - 1  # JSON numbers are doubles for most readers: beyond it integers are not exact

OUT_OF_RANGE = "is outside the years 1 to 9999 in the other time zone. Write a later or an earlier date."

_NETWORK = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
_BYTES = (bytes, bytearray, memoryview)
_DEEPEST = 64


class Unfit(ValueError):
    """A value has no such form. `code` is short and stable; `says` goes on after "Label: value ..."."""

    def __init__(self, code: str, says: str) -> None:
        super().__init__(says)
        self.code = code
        self.says = says


@dataclass(frozen=True, slots=True)
class Misfit:
    """Stands for a value that a transformation could not read: its row needs attention.

    `value` is what could not be read; `code` and `says` are as in `Unfit`. Nothing transforms it further.
    """

    value: object
    code: str
    says: str


def is_empty(value: object) -> bool:
    """Whether this is nothing: None, blank text, NaN, a list without items, no bytes."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, list | tuple | bytes | bytearray) and not value


def is_broken(text: str) -> bool:
    """Whether databases or UTF-8 cannot hold it: a NUL character or half a surrogate pair is in it."""
    if "\0" in text:
        return True
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def mended(text: str) -> str:
    """The text exactly; what no database could hold is written as an escape (`\\x00`, `\\ud800`)."""
    if not is_broken(text):
        return str.__str__(text)
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def plain_text(value: object, zone: tzinfo) -> str | None:
    """The text of any value, None where it is empty. A time without a zone is in `zone`.

    Text stays as it is, blanks around it included. Unfit: bytes, broken text, infinity, unknown types.
    """
    if is_empty(value):
        return None
    if isinstance(value, str):
        if is_broken(value):
            raise Unfit("broken_text", "holds a NUL or half a character. Remove it at the source.")
        return str.__str__(value)
    if isinstance(value, list | tuple | dict):
        return orjson.dumps(_json(value, zone, 0)).decode()
    return _scalar_text(value, zone)


def moment_text(value: datetime, zone: tzinfo) -> str:
    """The moment in UTC, such as 2026-11-21T03:00:00Z, with a fraction only where there is one."""
    return in_utc(value, zone).isoformat().removesuffix("+00:00") + "Z"


def in_utc(value: datetime, zone: tzinfo) -> datetime:
    """The moment in UTC. Unfit where that is before the year 1 or after 9999."""
    if value.tzinfo is UTC:
        return value
    try:
        return (value.replace(tzinfo=zone) if value.utcoffset() is None else value).astimezone(UTC)
    except OverflowError:
        raise Unfit("out_of_range", OUT_OF_RANGE) from None


def canonical(value: object) -> str | None:
    """The text that stands for a part of a primary key; None where there is none (None, "", NaN).

    One text for one key, whatever type the driver gives: 42, "42" and Decimal("42.0") are "42". Text is
    kept exactly, not trimmed. A time without a zone is in UTC; bytes are written `\\x0a1b`. Never raises.
    """
    try:
        if isinstance(value, str):
            return mended(value) or None
        if isinstance(value, _BYTES):
            return f"\\x{bytes(value).hex()}" if bytes(value) else None
        return plain_text(value, UTC)
    except Exception:  # a type nobody foresaw may raise anything
        return _last_resort(value)


def canonical_column(values: Sequence[Any]) -> list[str | None]:
    """`canonical` of each value; quick for a column of one of the types that keys usually have."""
    types = set(map(type, values))
    if types == {str} and all(values) and not is_broken("".join(values)):
        return list(values)
    if types in ({int}, {UUID}):
        try:
            return list(map(str, values))
        except ValueError:  # a number of thousands of digits
            pass
    if types == {Decimal}:
        texts = map(str, values)
        return [t if t.isdecimal() else canonical(v) for t, v in zip(texts, values, strict=True)]
    return list(map(canonical, values))


def jsonable(value: object) -> JSON:
    """Any value as JSON for people to read: dates in ISO 8601, bytes as "<12 bytes>". Never raises."""
    try:
        return _json(value, None, 0)
    except Exception:  # a type nobody foresaw may raise anything
        return _last_resort(value)


def _scalar_text(value: object, zone: tzinfo | None) -> str:
    """The text of a single value that is no text. Without a zone, a time without one gets none."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            try:
                return int.__repr__(value)
            except ValueError:
                raise Unfit("too_long", "has thousands of digits, which is no usable number.") from None
        case float() | Decimal():
            return _number_text(value)
        case datetime() if zone is not None or value.tzinfo is not None:
            return moment_text(value, zone or UTC)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return _duration_text(value)
        case UUID():
            return str(value)
        case bytes() | bytearray() | memoryview():
            raise Unfit(
                "binary", "is binary data, not text. Encode it in the model's SQL, or map another column."
            )
    if isinstance(value, _NETWORK):
        return str(value)
    raise Unfit(
        "unknown_type",
        f"is of the type {type(value).__name__}, which has no plain text. Cast it in the model's SQL.",
    )


def _number_text(value: float | Decimal) -> str:
    if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
        raise Unfit("not_finite", "is infinite. Write a number, or leave it empty.")
    if not value:
        return "0"
    if isinstance(value, float):
        text = float.__repr__(value)
        if "e" not in text:
            return text.removesuffix(".0")
        if not 1e-7 <= abs(value) < 1e21:  # as JavaScript does
            return text
        value = Decimal(text)
    elif abs(value.adjusted()) > 1000:
        return str(value)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _duration_text(value: timedelta) -> str:
    micros = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    seconds, fraction = divmod(abs(micros), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    second_text = f"{seconds}.{fraction:06}".rstrip("0") if fraction else str(seconds)
    clock = [(hours, "H"), (minutes, "M"), (second_text, "S")]
    told = "".join(f"{amount}{unit}" for amount, unit in clock if amount not in (0, "0"))
    text = (f"{days}D" if days else "") + (f"T{told}" if told else "")
    return ("-P" if micros < 0 else "P") + (text or "T0S")


def _json(value: object, zone: tzinfo | None, depth: int) -> JSON:
    """The value as orjson can write it.

    With a zone it is to be sent: Unfit if anything in it has no plain text. Without one it is for people:
    such a thing is described.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return mended(value) if zone is None else plain_text(value, zone) or str.__str__(value)
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return int.__int__(value)
    if isinstance(value, float | Decimal) and is_empty(value):
        return "NaN" if zone is None else None
    if isinstance(value, float) and math.isfinite(value):
        return float.__float__(value)
    if isinstance(value, Decimal) and value.is_finite():
        return _json_number(value)
    if isinstance(value, list | tuple | dict):
        if depth == _DEEPEST:
            if zone is None:
                return "<nested too deeply>"
            raise Unfit("too_deep", f"is nested over {_DEEPEST} levels deep. Flatten it in the model's SQL.")
        if isinstance(value, dict):
            return {canonical(key) or "": _json(item, zone, depth + 1) for key, item in value.items()}
        return [_json(item, zone, depth + 1) for item in value]
    if zone is not None:
        return _scalar_text(value, zone)
    if isinstance(value, _BYTES):
        return f"<{len(bytes(value))} bytes>"
    try:
        return _scalar_text(value, None)
    except Unfit:
        return _last_resort(value)


def _json_number(value: Decimal) -> int | float | str:
    """A JSON number where that keeps all digits, else text."""
    number = float(value)
    if not math.isfinite(number) or Decimal(float.__repr__(number)) != value:
        return _number_text(value)
    return int(number) if number.is_integer() and abs(number) <= SAFE_INTEGER else number


def _last_resort(value: object) -> str:
    try:
        return mended(str(value))
    except Exception:
        return f"<{type(value).__name__}>"
