"""Transformations that read what a text means: phone numbers, dates, numbers, booleans. Pure.

What they cannot read becomes a `Misfit`: its row needs attention. Empty values stay. See `step_texts` for
what all promise.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers

from destinations.contract import JSON
from syncs.engine.plain import OUT_OF_RANGE, Misfit, Unfit, canonical, is_empty
from syncs.engine.step_texts import Chain, per_text

LONGEST_PHONE = 250
MOST_DIGITS = 15  # after the point
_LONGEST_NUMBER = 400
_EXACT = Context(prec=_LONGEST_NUMBER + MOST_DIGITS + 5, rounding=ROUND_HALF_UP)
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_PARSED = frozenset("aAbBdHIjmMpSfyYzZ%")
_WRITTEN = _PARSED
_TIMES = frozenset("HIMSfpzZ")
_YES, _NO = ("true", "yes", "y", "t", "on", "1"), ("false", "no", "n", "f", "off", "0")


def per_value(read: Callable[[Any], Any]) -> Chain:
    """Each value that is not empty; Unfit and any surprise make a Misfit."""

    def one(value: Any) -> Any:
        if isinstance(value, Misfit):
            return value
        try:
            return value if is_empty(value) else read(value)
        except Unfit as unfit:
            return Misfit(value, unfit.code, unfit.says)
        except Exception:  # a type nobody foresaw may raise anything
            return Misfit(value, "unreadable", "cannot be read. Cast it in the model's SQL.")

    return lambda values: list(map(one, values))


def make_phone(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """E.164, such as +4915112345678. Without a country, only numbers that begin with + can be read."""
    country = spec["phone"]

    def phone(value: Any) -> str:
        text = (canonical(value) or "").strip()
        try:
            if len(text) > LONGEST_PHONE:
                raise Unfit("not_a_phone", "is too long for a phone number.")
            number = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            where = f"read in {country}" if country else "and there is no country to read it in"
            raise Unfit(
                "not_a_phone", f"is not a phone number, {where}. Write it like +442079460018."
            ) from None
        if not phonenumbers.is_possible_number(number) or not phonenumbers.is_valid_number(number):
            raise Unfit("not_a_phone", "is not a phone number that any country gives out.")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    texts, others = per_text(lambda text: text if is_empty(text) else phone(text)), per_value(phone)
    return lambda values: [
        one if isinstance(value, str) else other
        for value, one, other in zip(values, texts(values), others(_but_texts(values)), strict=True)
    ]


def _but_texts(values: list[Any]) -> list[Any]:
    return [None if isinstance(value, str) else value for value in values]


def make_parse_date(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """A date, or a date with a time where the format has one, from text; the first format that fits."""
    formats = spec["parse_date"] if isinstance(spec["parse_date"], list | tuple) else [spec["parse_date"]]
    have_times = [any(sign in _TIMES for sign in _DIRECTIVE.findall(one)) for one in formats]

    def parse(text: str) -> Any:
        if is_empty(text):
            return text
        for form, has_time in zip(formats, have_times, strict=True):
            try:
                found = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - a zone comes with a step
            except ValueError:
                continue
            return found if has_time else found.date()
        raise Unfit("not_a_date", f"is not a date written as {' or '.join(formats)}.")

    return per_text(parse)


def make_from_zone(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """A time without a zone is in this one."""
    here = ZoneInfo(spec["from_zone"])

    def place(value: Any) -> Any:
        moment = _moment(value)
        return moment.replace(tzinfo=here) if moment.utcoffset() is None else moment

    return per_value(place)


def make_to_zone(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """The same moment as clocks in this zone show it."""
    there = ZoneInfo(spec["to_zone"])

    def move(value: Any) -> Any:
        moment = _moment(value)
        try:
            return (moment.replace(tzinfo=zone) if moment.utcoffset() is None else moment).astimezone(there)
        except (OverflowError, ValueError):
            raise Unfit("out_of_range", OUT_OF_RANGE) from None

    return per_value(move)


def make_day(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """The day that the time has in its own zone."""
    return per_value(lambda value: _moment(value).date())


def make_write_date(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    form = spec["write_date"]
    return per_value(lambda value: _moment(value).strftime(form))


def _moment(value: Any) -> datetime:
    """A time from a time, a day or their text in ISO 8601."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise Unfit(
                "not_a_date", "is not a date. Write it like 2026-11-21, or parse it by its format first."
            ) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - days have no zone
    if not isinstance(value, datetime):
        raise Unfit("not_a_date", "is not a date.")
    return value


def make_number(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """A number from text with other separators. Thousands must stand where they belong: 1.50 is not 150."""
    given = spec["number"] or {}
    thousands, decimal = given.get("thousands", ""), given.get("decimal", ".")
    groups = ""
    if thousands:
        sign = re.escape(thousands)
        groups = rf"[0-9]{{1,3}}(?:{sign}[0-9]{{3}})+|"
        if thousands == ",":  # India: 12,34,567
            groups += r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}|"
    shape = re.compile(rf"[+-]?(?:{groups}[0-9]+|(?={re.escape(decimal)}))(?:{re.escape(decimal)}[0-9]*)?")

    def number(text: str) -> Any:
        tidy = text.strip()
        if not tidy:
            return text
        if len(tidy) > _LONGEST_NUMBER or not shape.fullmatch(tidy) or not any(map(str.isdecimal, tidy)):
            example = f"1{thousands}234{decimal}5"
            raise Unfit("not_a_number", f"is not a number written like {example}.")
        if thousands:
            tidy = tidy.replace(thousands, "")
        return Decimal(tidy.replace(decimal, "."))

    return per_text(number)


def make_round(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """Halves go away from zero: 2.5 is 3. Text must be a plain number."""
    places = Decimal(1).scaleb(-spec["round"])

    def rounded(value: Any) -> Any:
        if isinstance(value, bool):
            raise Unfit("not_a_number", "is not a number.")
        if isinstance(value, str):
            if len(value) > _LONGEST_NUMBER or not _PLAIN.fullmatch(value.strip()):
                raise Unfit("not_a_number", "is not a number. Write it like 1234.5, or use `number` first.")
            value = Decimal(value.strip())
        elif isinstance(value, float):
            value = Decimal(repr(float(value)))  # what people see of it: 2.675 is not 2.67499
        elif isinstance(value, int):
            return value
        if not isinstance(value, Decimal):
            raise Unfit("not_a_number", "is not a number.")
        if not value.is_finite():
            raise Unfit("not_finite", "is infinite. Write a number, or leave it empty.")
        try:
            return value.quantize(places, context=_EXACT)
        except InvalidOperation:
            raise Unfit("number_too_large", "is too large to be rounded.") from None

    return per_value(rounded)


def make_boolean(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """True or false from words, whatever their case. The usual words hold unless others are given."""
    given = spec["boolean"] or {}
    words = {_fold(word): True for word in given.get("yes", _YES)}
    words |= {_fold(word): False for word in given.get("no", _NO)}

    def boolean(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        found = words.get(_fold(canonical(value) or ""))
        if found is None:
            raise Unfit("not_a_boolean", "is none of the words for true and false.")
        return found

    return per_value(boolean)


def _fold(word: str) -> str:
    return word.strip().casefold()


# What is wrong with a spec: a list of sentences


def phone_faults(spec: dict[str, JSON]) -> list[str]:
    country = spec["phone"]
    if country is None or (isinstance(country, str) and country in phonenumbers.SUPPORTED_REGIONS):
        return []
    return [
        f'There is no country "{country}" with phone numbers. '
        'Write its two letters, such as {"phone": "GB"}.'
    ]


def parse_date_faults(spec: dict[str, JSON]) -> list[str]:
    formats = spec["parse_date"]
    formats = formats if isinstance(formats, list | tuple) else [formats]
    return [fault for one in formats for fault in _format_faults(one, _PARSED)] or (
        [] if formats else ["A parse_date needs at least one format."]
    )


def write_date_faults(spec: dict[str, JSON]) -> list[str]:
    return _format_faults(spec["write_date"], _WRITTEN)


def _format_faults(form: JSON, known: frozenset[str]) -> list[str]:
    if not isinstance(form, str) or "%" not in form or len(form) > 100 or "\0" in form:
        return ['A date format looks like "%d.%m.%Y" or "%Y-%m-%d %H:%M", in at most 100 characters.']
    wrong = [sign for sign in _DIRECTIVE.findall(form) if sign not in known]
    if wrong:
        return [
            f'A date format cannot hold "%{wrong[0]}". There are %{", %".join(sorted(known - {"%"}))} and %%.'
        ]
    try:
        datetime.strptime(datetime(2026, 11, 21, 3, 4, 5).strftime(form), form)  # noqa: DTZ001, DTZ007
    except (ValueError, re.error):
        return [f'The date format "{form}" cannot be used: perhaps it says something twice.']
    return []


def zone_faults(name: str) -> Callable[[dict[str, JSON]], list[str]]:
    def faults(spec: dict[str, JSON]) -> list[str]:
        if isinstance(spec[name], str) and spec[name] in available_timezones():
            return []
        return [f'There is no time zone "{spec[name]}". Write one such as Europe/Berlin.']

    return faults


def number_faults(spec: dict[str, JSON]) -> list[str]:
    given = {} if spec["number"] is None else spec["number"]
    if not isinstance(given, dict) or not {*given} <= {"thousands", "decimal"}:
        return ['A number has separators: {"number": {"thousands": ".", "decimal": ","}}.']
    signs = [given.get("thousands", ""), given.get("decimal", ".")]
    if any(not isinstance(one, str) or len(one) > 1 or one.isalnum() or one in ("+", "-") for one in signs):
        return ["A separator of numbers is one sign in quotes, and no letter or digit."]
    if signs[0] == signs[1] or not signs[1]:
        return ["The thousands and the decimals of a number must have different separators."]
    return []


def round_faults(spec: dict[str, JSON]) -> list[str]:
    places = spec["round"]
    if isinstance(places, int) and not isinstance(places, bool) and 0 <= places <= MOST_DIGITS:
        return []
    return [f'A round needs the digits after the point, 0 to {MOST_DIGITS}. Write {{"round": 2}}.']


def boolean_faults(spec: dict[str, JSON]) -> list[str]:
    given = {} if spec["boolean"] is None else spec["boolean"]
    words = [given.get("yes", []), given.get("no", [])] if isinstance(given, dict) else []
    if not words or not {*given} <= {"yes", "no"} or not all(isinstance(one, list) for one in words):
        return ['Words of a boolean are lists: {"boolean": {"yes": ["ja"], "no": ["nein"]}}.']
    if not all(isinstance(word, str) and word.strip() for one in words for word in one):
        return ["The words of a boolean must be texts: put yes, no, on, off and numbers in quotes."]
    folded = [{_fold(word) for word in one} for one in words]
    twice = folded[0] & folded[1]
    return [f'The word "{min(twice)}" cannot be both yes and no.'] if twice else []
