"""What sample values look like, and whether they fit a field. Pure."""

import re
from collections.abc import Callable, Sequence

from destinations.contract import Field, Kind
from syncs.engine import addresses
from syncs.forms.sync_vocabulary import meaning_of, words, words_of

MOSTLY = 0.8  # of the samples: exports hold a stray value now and then
TOLD = {
    Kind.EMAIL: "Its values are e-mail addresses.",
    Kind.PHONE: "Its values look like phone numbers.",
    Kind.DOMAIN: "Its values are domains.",
    Kind.BOOLEAN: "Its values are yes or no.",
    Kind.NUMBER: "Its values are numbers.",
    Kind.DATE: "Its values are dates.",
    Kind.DATETIME: "Its values are times.",
}
LOOKED_FOR = {
    Kind.EMAIL: ("email",),
    Kind.PHONE: ("phone",),
    Kind.DOMAIN: ("domain", "url"),
    Kind.BOOLEAN: ("boolean",),
    Kind.NUMBER: ("number",),
    Kind.DATE: ("date",),
    Kind.DATETIME: ("date",),
}
_YES_NO = words("true false yes no y n t f 0 1 on off ja nein oui non")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}( .*)?")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?")
_ZONE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z_/+-]+|UTC|GMT|[A-Z]{3,4}")
# ISO 3166-1, as of November 2026.
_COUNTRIES = words(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS "
    "BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE "
    "EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM "
    "HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC "
    "LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA "
    "NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW "
    "SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO "
    "TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)


def _is_phone(text: str) -> bool:
    digits = sum(sign.isdigit() for sign in text)
    return 6 <= digits <= 16 and re.fullmatch(r"[+(]?[\d\s()./+x-]+(ext\.? ?\d+)?", text) is not None


def _is_domain(text: str) -> bool:
    return "@" not in text and " " not in text and addresses.domain(text) is not None


LOOKS: dict[str, Callable[[str], bool]] = {
    "email": lambda text: addresses.email(text) is not None,
    "linkedin": lambda text: "linkedin.com/" in text.casefold(),
    "url": lambda text: re.match(r"https?://|www\.", text, re.IGNORECASE) is not None,
    "domain": _is_domain,
    "phone": _is_phone,
    "number": lambda text: _NUMBER.fullmatch(text) is not None,
    "boolean": lambda text: text.casefold() in _YES_NO,
    "date": lambda text: _DATE.fullmatch(text) is not None,
    "zone": lambda text: _ZONE.fullmatch(text) is not None,
    "country code": lambda text: text in _COUNTRIES,
    "coded": lambda text: re.fullmatch(r"[0-9a-fA-F-]{24,}", text) is not None,
}


def looks_like(values: Sequence[str], *looks: str) -> bool:
    """Whether at least four of five values look like one of these; no values look like nothing."""
    least = MOSTLY * len(values)
    return bool(values) and any(sum(map(LOOKS[look], values)) >= least for look in looks)


def fits(field: Field, type: str, values: Sequence[str]) -> str | None:
    """What the values say for the field, as a sentence or ""; None where they speak against it.

    `type` is the column's, in a word: all that is known where there are no values.
    """
    if field.kind is Kind.PICKLIST and field.options:
        return _fits_choices(field, values)
    if not values:
        return None if _is_another_type(field.kind, type) else ""
    if (wanted := LOOKED_FOR.get(field.kind)) is not None:
        is_yes_or_no = field.kind is Kind.NUMBER and type == "boolean"
        return TOLD[field.kind] if looks_like(values, *wanted) and not is_yes_or_no else None
    return _fits_text(field, values) if field.kind is Kind.TEXT else ""


def _fits_choices(field: Field, values: Sequence[str]) -> str | None:
    if not values:
        return ""
    exact = {option.value for option in field.options}
    known = {
        word.strip().casefold() for one in field.options for word in (one.value, one.label, *one.aliases)
    }
    taken = {word.strip().casefold() for option in field.options for word in option.aliases}
    if sum(value.strip().casefold() in known for value in values) < MOSTLY * len(values):
        return None
    if all(value in exact or value.strip().casefold() in taken for value in values):
        return "Its values are among the field’s choices."
    return "Its values are the field’s choices, some written in another way: map those."


def _fits_text(field: Field, values: Sequence[str]) -> str | None:
    """A text takes everything: what its name promises must be there."""
    meaning = meaning_of(tuple(words_of(field.label or field.key)))
    if looks_like(values, "coded") and "id" not in meaning:
        return None
    if "country" in meaning and looks_like(values, "country code"):
        return "Its values are country codes."
    if "linkedin" in meaning:
        return "Its values are profiles on LinkedIn." if looks_like(values, "linkedin") else None
    if meaning & {"company website", "website"}:
        return "Its values are addresses of websites." if looks_like(values, "url", "domain") else None
    if "timezone" in meaning:
        return "Its values are time zones." if looks_like(values, "zone") else None
    is_a_name = meaning & {"firstname", "lastname", "name", "title", "company name", "city"}
    return None if is_a_name and looks_like(values, "email", "number", "boolean", "date", "url") else ""


def _is_another_type(kind: Kind, type: str) -> bool:
    """Whether a column of the type can hardly hold such values; without samples nothing else is known."""
    if type == "boolean":
        return kind not in (Kind.BOOLEAN, Kind.TEXT, Kind.PICKLIST)
    if type in ("date", "datetime", "time"):
        return kind in (Kind.EMAIL, Kind.DOMAIN, Kind.PHONE, Kind.NUMBER, Kind.BOOLEAN, Kind.PICKLIST)
    return False
