"""Source values → values of the destination's kinds, cast once, a column at a time. Pure; never raises.

What comes out is None or what orjson can write: text, int, float, bool, a list of texts. Nothing (None,
blank text, NaN, an empty list) is None without a problem; a value that does not fit is None with a
`Problem`. Casting twice is casting once.

A column of one type goes through a quick way, which gives None wherever it is not sure; those cells, and
columns of mixed types, are then looked at one by one. Both ways agree.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from math import isinf
from types import NoneType
from typing import Any, NamedTuple, TypeAlias

import orjson

from destinations.contract import JSON, Field, Kind
from syncs.engine import addresses
from syncs.engine.picklist import Picklist
from syncs.engine.plain import (
    OUT_OF_RANGE,
    SAFE_INTEGER,
    Misfit,
    Unfit,
    canonical,
    canonical_column,
    in_utc,
    is_broken,
    is_empty,
    jsonable,
    moment_text,
    plain_text,
)

__all__ = ["Problem", "canonical", "canonical_column", "cast_column", "jsonable"]

Column: TypeAlias = list[Any]
Cell: TypeAlias = Callable[[Any, tzinfo], JSON]

_QUOTED_LENGTH = 80
_NO_OFFSET = timedelta(0)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLEANS = dict.fromkeys(("true", "yes", "y", "t", "on", "1"), True)
_BOOLEANS |= dict.fromkeys(("false", "no", "n", "f", "off", "0"), False)
_NOT_A_NUMBER = "is not a number. Write it like 1234.5, without thousands separators."
_TOO_LARGE = f"is too large: a JSON number is exact up to {SAFE_INTEGER}. Send it in a text field."
_NOT_A_DATE = "is not a date. Write it like 2026-11-21."
_NOT_A_TIME = "is not a date with a time. Write it like 2026-11-21T03:00:00Z."


class Problem(NamedTuple):
    """Why a value does not fit its field: a short stable code, and the sentence for people."""

    code: str
    message: str


def cast_column(values: Column, field: Field, *, zone: tzinfo) -> tuple[Column, dict[int, Problem]]:
    """The values as the field's kind, and a problem for each index whose value does not fit.

    Times without a zone are in `zone`. The list given is never changed; it may be the one given back.
    """
    out = _quickly(values, field, zone)
    if out is values or (out is not None and _nones(out) == _nones(values)):
        return out, {}
    out = [None] * len(values) if out is None else list(out)
    problems: dict[int, Problem] = {}
    picked = field.kind is Kind.PICKLIST and field.options
    cell = Picklist(field.options).cell if picked else _CELLS[field.kind]
    for index, value in enumerate(values):
        if value is None or out[index] is not None:
            continue
        if isinstance(value, Misfit):
            problems[index] = _problem(field, value.value, value.code, value.says)
            continue
        try:
            out[index] = None if is_empty(value) else cell(value, zone)
        except Unfit as unfit:
            problems[index] = _problem(field, value, unfit.code, unfit.says)
        except Exception:  # a type nobody foresaw may raise anything; it is this row's flaw, not ours
            problems[index] = _problem(
                field, value, "unreadable", "cannot be read. Cast it in the model's SQL."
            )
    return out, problems


def _nones(column: Column) -> int:
    return len([None for value in column if value is None])  # count() compares, which is slow for decimals


def _problem(field: Field, value: object, code: str, says: str) -> Problem:
    """Without a value, `says` is the whole sentence."""
    shown = "" if value is None else f"{_shown(value)} "
    return Problem(code, f"{field.label or field.key}: {shown}{says}")


def _shown(value: object) -> str:
    """At most 80 characters of the value; what cannot be seen (blanks that are none, controls) as escapes."""
    readable = jsonable(value)
    if isinstance(readable, list | dict):
        text = orjson.dumps(readable).decode()
    else:
        text = readable if isinstance(readable, str) else canonical(readable) or ""
    text = text if len(text) <= _QUOTED_LENGTH else text[: _QUOTED_LENGTH - 1] + "…"
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f'"{text}"' if isinstance(value, str) else text


def _number(value: object, zone: tzinfo) -> int | float:
    """Whole numbers as int. A float that is whole but too large to be exact stays a float."""
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value.strip()):
            raise Unfit("not_a_number", _NOT_A_NUMBER)
        try:
            value = Decimal(value.strip())
        except InvalidOperation:  # an exponent of dozens of digits
            raise Unfit("number_too_large", _TOO_LARGE) from None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unfit("not_a_number", _NOT_A_NUMBER)
    if isinstance(value, int):
        if abs(value) > SAFE_INTEGER:
            raise Unfit("number_too_large", _TOO_LARGE)
        return int.__int__(value)
    number = float(value)
    if abs(number) <= SAFE_INTEGER:
        return int(number) if number.is_integer() else number
    if isinf(number) and (isinstance(value, float) or value.is_infinite()):
        raise Unfit("not_finite", "is infinite. Write a number, or leave it empty.")
    if isinf(number) or (isinstance(value, Decimal) and value == value.to_integral_value()):
        raise Unfit("number_too_large", _TOO_LARGE)
    return number


def _boolean(value: object, zone: tzinfo) -> bool:
    found = None
    if isinstance(value, str):
        found = _BOOLEANS.get(value.strip().lower())
    elif isinstance(value, int | float | Decimal) and value in (0, 1):
        found = bool(value)
    if found is None:
        raise Unfit(
            "not_a_boolean", "is not true or false. Write true or false; yes/no, on/off and 1/0 will do."
        )
    return found


def _date(value: object, zone: tzinfo) -> str:
    """The day; of a moment with a zone, the day that it is in ours."""
    if isinstance(value, str):
        value = _parsed(value, "not_a_date", _NOT_A_DATE)
    if isinstance(value, datetime) and value.utcoffset() is not None:
        try:
            value = value.astimezone(zone)
        except OverflowError:
            raise Unfit("out_of_range", OUT_OF_RANGE) from None
    if isinstance(value, datetime):
        value = value.date()
    if not isinstance(value, date):
        raise Unfit("not_a_date", _NOT_A_DATE)
    return value.isoformat()


def _moment(value: object, zone: tzinfo) -> str:
    """The moment in UTC; of a day, its first moment in our zone."""
    if isinstance(value, str):
        value = _parsed(value, "not_a_time", _NOT_A_TIME)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    if not isinstance(value, datetime):
        raise Unfit("not_a_time", _NOT_A_TIME)
    return moment_text(value, zone)


def _parsed(text: str, code: str, says: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise Unfit(code, says) from None


def _email(value: object, zone: tzinfo) -> str:
    text = plain_text(value, zone) or ""
    try:
        return addresses.checked_email(text)
    except ValueError as error:
        raise Unfit("not_an_email", f"is not an e-mail address. {error}") from None


def _domain(value: object, zone: tzinfo) -> str:
    text = plain_text(value, zone) or ""
    found = addresses.domain(text)
    if found is None:
        what = "an e-mail address, not a domain" if addresses.email(text) else "not a domain"
        raise Unfit("not_a_domain", f"is {what}. Write it like acme.com.")
    return found


def _phone(value: object, zone: tzinfo) -> str:
    return (plain_text(value, zone) or "").strip()


def _text_list(value: object, zone: tzinfo) -> list[str] | None:
    """The texts that are not empty. JSON array text is read, any other text is one item."""
    items: Sequence[object] = value if isinstance(value, list | tuple) else [value]
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            items = json.loads(value, parse_float=Decimal)
        except (ValueError, RecursionError):
            items = [value]
    if any(isinstance(item, list | dict | tuple) for item in items):
        raise Unfit("not_a_list", "is not a plain list of texts. Flatten it in the model's SQL.")
    texts = [plain_text(item, zone) for item in items]
    return [text for text in texts if text is not None] or None


# Each gets a value that is not empty, and raises Unfit if it does not fit.
_CELLS: dict[Kind, Cell] = {
    Kind.TEXT: plain_text,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DATETIME: _moment,
    Kind.EMAIL: _email,
    Kind.DOMAIN: _domain,
    Kind.PHONE: _phone,
    Kind.PICKLIST: plain_text,
    Kind.TEXT_LIST: _text_list,
}


def _quickly(values: Column, field: Field, zone: tzinfo) -> Column | None:
    """The column where one look at it is enough; None where it must be looked at cell by cell."""
    types = set(map(type, values))
    types.discard(NoneType)
    if not types:
        return values
    kind = Kind.TEXT if field.kind is Kind.PICKLIST and not field.options else field.kind
    quick = _QUICK.get((kind, types.pop()))
    if types or quick is None:
        return None
    try:
        return quick(values, field, zone)
    except Exception:  # a cell that only a closer look can tell about
        return None


def _texts(values: Column, field: Field, zone: tzinfo) -> Column | None:
    texts = values if all(values) else list(filter(None, values))
    if is_broken("".join(texts)):
        return None
    if any(map(str.isspace, texts)):
        return [None if not value or value.isspace() else value for value in values]
    return values if "" not in values else [value or None for value in values]


def _phones(values: Column, field: Field, zone: tzinfo) -> Column | None:
    texts = _texts(values, field, zone)
    return texts and [value and value.strip() for value in texts]


def _options(values: Column, field: Field, zone: tzinfo) -> Column:
    allowed = {option.value for option in field.options if option.value.strip() and not option.closed}
    return [value if value in allowed else None for value in values]


def _int_texts(values: Column, field: Field, zone: tzinfo) -> Column:
    return [None if value is None else str(value) for value in values]


def _ints(values: Column, field: Field, zone: tzinfo) -> Column | None:
    low, high = min(filter(None, values), default=0), max(filter(None, values), default=0)
    return values if low >= -SAFE_INTEGER and high <= SAFE_INTEGER else None


def _floats(values: Column, field: Field, zone: tzinfo) -> Column:
    low, high = -float(SAFE_INTEGER), float(SAFE_INTEGER)  # floats compare with floats twice as fast
    return [
        None if value is None or not low <= value <= high else int(value) if value.is_integer() else value
        for value in values
    ]


def _decimals(values: Column, field: Field, zone: tzinfo) -> Column:
    """orjson reads a decimal's text twice as fast as float() does."""
    texts = ["null" if value is None else str(value) for value in values]
    numbers = orjson.loads(f"[{','.join(texts)}]")
    if set(map(type, numbers)) != {float}:
        numbers = [value if value is None else float(value) for value in numbers]
    return _floats(numbers, field, zone)


def _as_they_are(values: Column, field: Field, zone: tzinfo) -> Column:
    return values


def _booleans(values: Column, field: Field, zone: tzinfo) -> Column:
    return list(map(_BOOLEANS.get, values))


def _dates(values: Column, field: Field, zone: tzinfo) -> Column:
    """orjson writes dates five times as fast as isoformat."""
    return _written(values)


def _days(values: Column, field: Field, zone: tzinfo) -> Column:
    ours = [value if not value or value.utcoffset() is None else value.astimezone(zone) for value in values]
    return _written([value and value.date() for value in ours])


def _moments(values: Column, field: Field, zone: tzinfo) -> Column:
    """orjson writes times eight times as fast as isoformat."""
    zones = {value.tzinfo for value in values if value}
    if all(z is not None and z.utcoffset(None) == _NO_OFFSET for z in zones):
        return _written(values)
    return _written([value if not value or value.tzinfo is UTC else in_utc(value, zone) for value in values])


def _written(values: Column) -> Column:
    column: Column = orjson.loads(orjson.dumps(values, option=orjson.OPT_UTC_Z))
    return column


def _emails(values: Column, field: Field, zone: tzinfo) -> Column:
    return addresses.plain_emails(values)


def _domains(values: Column, field: Field, zone: tzinfo) -> Column:
    return addresses.domains(values)


# Each gets a column of this type and None. It gives the column itself where all is well, None where a cell is
# empty, does not fit or needs a closer look, and no column where all cells do.
_QUICK: dict[tuple[Kind, type], Callable[[Column, Field, tzinfo], Column | None]] = {
    (Kind.TEXT, str): _texts,
    (Kind.TEXT, int): _int_texts,
    (Kind.TEXT, date): _dates,
    (Kind.TEXT, datetime): _moments,
    (Kind.NUMBER, int): _ints,
    (Kind.NUMBER, float): _floats,
    (Kind.NUMBER, Decimal): _decimals,
    (Kind.BOOLEAN, bool): _as_they_are,
    (Kind.BOOLEAN, str): _booleans,
    (Kind.DATE, date): _dates,
    (Kind.DATE, datetime): _days,
    (Kind.DATETIME, datetime): _moments,
    (Kind.EMAIL, str): _emails,
    (Kind.DOMAIN, str): _domains,
    (Kind.PHONE, str): _phones,
    (Kind.PICKLIST, str): _options,
}
