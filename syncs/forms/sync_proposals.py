"""Which column probably fills which field: by name, and by the words that people use for the same. Pure."""

import re
from collections.abc import Iterator, Sequence

from destinations.contract import Field, Mode, ObjectType
from syncs.forms.sync_rows import COLUMN, FIELD, NAMED, Row

BLANK_ROWS = 2
SYNONYMS = (
    ("email", "emailaddress", "mail", "workemail", "businessemail", "primaryemail", "contactemail"),
    ("firstname", "givenname", "forename", "fname", "first"),
    ("lastname", "familyname", "surname", "lname", "last"),
    ("name", "fullname", "displayname", "contactname"),
    ("title", "jobtitle", "position", "jobposition", "role"),
    ("phone", "phonenumber", "telephone", "tel", "mobile", "mobilephone", "workphone"),
    ("companyname", "company", "organization", "organisation", "employer", "accountname"),
    ("domain", "companydomain", "webdomain", "emaildomain", "website", "web", "url", "homepage"),
    ("website", "web", "url", "homepage", "site", "domain"),
    ("industry", "sector"),
    ("country", "countryname"),
    ("city", "town"),
    ("state", "region", "province"),
    ("postalcode", "postcode", "zip", "zipcode"),
    ("employees", "employeecount", "numberofemployees", "headcount", "companysize"),
    ("revenue", "annualrevenue"),
    ("linkedin", "linkedinurl", "linkedinprofile"),
    ("score", "leadscore"),
    ("externalid", "id", "userid", "customerid"),
)


def best_column(field: Field, columns: Sequence[str], *, prefix: str = "") -> str | None:
    """The column that the field is probably filled from; None where no name comes near."""
    key = field.key.removeprefix(prefix) if prefix else field.key
    by_shape: dict[str, str] = {}
    for column in columns:
        by_shape.setdefault(_shape(column), column)
    if key in columns:
        return key
    return next((by_shape[shape] for shape in _shapes(field, key, prefix) if shape in by_shape), None)


def opening_rows(
    target: ObjectType, mode: Mode, upsert_key: str, fields: Sequence[Field], columns: Sequence[str]
) -> list[Row]:
    """What the mapping opens with: required fields, seeds, fields that a column's name fits, blanks.

    A seed that no column fits stands there all the same, to be filled or left empty. Fields of a companion
    are offered, never proposed: what they change is more than one record. Nor are those that people must
    know something of first.
    """
    known = {field.key: field for field in fields}
    required = [upsert_key, *target.required.get((mode, upsert_key), ())]
    required += [field.key for field in fields if field.required]
    seeds = [key for key in target.seeds if key in known]
    free = list(columns)
    rows = []
    for key in dict.fromkeys([*required, *seeds]):
        row = Row(field=FIELD + key) if key in known else Row(field=NAMED, name=key)
        field = known.get(key)
        _propose(row, best_column(field, free) if field is not None else key if key in free else None, free)
        rows.append(row)
    prefix = target.companion.prefix if target.companion is not None else None
    for field in fields:
        if field.key in required or field.key in seeds or field.help:
            continue
        if prefix is not None and field.key.startswith(prefix):
            continue
        if (column := best_column(field, free)) is not None:
            row = Row(field=FIELD + field.key)
            _propose(row, column, free)
            rows.append(row)
    return [*rows, *(Row() for _ in range(BLANK_ROWS))]


def left_empty(row: Row, target: ObjectType, mode: Mode, upsert_key: str) -> bool:
    """Whether the row is one of a seed that nobody filled, and nobody must."""
    required = (upsert_key, *target.required.get((mode, upsert_key), ()))
    return row.key in target.seeds and row.key not in required and not row.source and not row.value.strip()


def _propose(row: Row, column: str | None, free: list[str]) -> None:
    if column is not None:
        row.source, row.is_proposed = COLUMN + column, True
        free.remove(column)


def _shapes(field: Field, key: str, prefix: str) -> Iterator[str]:
    """The shapes to look for, the likeliest first."""
    own = [_shape(field.label)] if field.label else []
    own = list(dict.fromkeys([_shape(key), *own]))
    if prefix:
        own = [_shape(prefix) + shape for shape in own] + own
    yield from own
    for words in SYNONYMS:
        if words[0] in own:
            yield from words
    for words in SYNONYMS:
        if words[0] not in own and any(shape in words for shape in own):
            yield words[0]


def _shape(name: str) -> str:
    """What is left of a name when signs, case and the mark of a custom field do not count."""
    return "".join(sign for sign in re.sub(r"__c$", "", name).casefold() if sign.isalnum())
