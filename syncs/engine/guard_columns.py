"""What guards look at: a chunk of rows in columns, as they came and as they would be sent. Pure and total.

A look is at a column of the model (`("column", "country")`) or at a field after mapping, where a value
that does not fit is none (`("field", "email")`). Each is taken out of the rows, and read as text, once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from syncs.engine import addresses
from syncs.engine.plain import canonical, is_empty

COLUMN, FIELD = "column", "field"
_DIGITS = frozenset("0123456789+-.eE")


class Look(NamedTuple):
    """What is looked at: the kind (column or field), and its name."""

    kind: str
    name: str


class Unreadable(Exception):
    """A value cannot be read as what it is compared with; the text goes on after "age is …"."""


class Chunk:
    """Rows of a chunk, side by side. `records` are as in `Mapped`: primary key, upsert key, then values.

    `columns` and `fields` say where each name stands in a row and in a record.
    """

    def __init__(
        self,
        rows: Sequence[tuple[Any, ...]],
        records: Sequence[tuple[Any, ...]],
        columns: Mapping[str, int],
        fields: Mapping[str, int],
    ) -> None:
        self.size = len(rows)
        self._rows = {COLUMN: rows, FIELD: records}
        self._places = {COLUMN: columns, FIELD: fields}
        self._cells: dict[Look, list[Any]] = {}
        self._texts: dict[Look, list[str]] = {}
        self._emails: dict[Look, list[str | None]] = {}
        self._domains: dict[Look, list[str]] = {}

    def cells(self, look: Look) -> list[Any]:
        """The values as they are."""
        if look not in self._cells:
            at = self._places[look.kind][look.name]
            self._cells[look] = [row[at] for row in self._rows[look.kind]]
        return self._cells[look]

    def texts(self, look: Look) -> list[str]:
        """The values as they are compared: `folded`; "" where there is none."""
        if look not in self._texts:
            cells = self.cells(look)
            if set(map(type, cells)) == {str}:
                self._texts[look] = [cell.strip().casefold() for cell in cells]
            else:
                self._texts[look] = [folded(cell) for cell in cells]
        return self._texts[look]

    def emails(self, look: Look) -> list[str | None]:
        """The values as e-mail addresses in their one form; None where they are none."""
        if look not in self._emails:
            plain = (cell if type(cell) is str else canonical(cell) or "" for cell in self.cells(look))
            self._emails[look] = addresses.emails(_bounded(plain))
        return self._emails[look]

    def domains(self, look: Look) -> list[str]:
        """The domains of e-mail addresses, or of what names a domain itself; "" where there is none."""
        if look not in self._domains:
            known: dict[str, str] = {}
            found = []
            for email, text in zip(self.emails(look), self.texts(look), strict=True):
                host = email.rpartition("@")[2] if email else text
                if host not in known:
                    known[host] = (addresses.domain(host) or "") if len(host) < 300 else ""
                found.append(known[host])
            self._domains[look] = found
        return self._domains[look]


def folded(value: object) -> str:
    """The plain text by which values are compared: without blanks around it, in one case; "" if empty."""
    if value is None:
        return ""
    return (canonical(value) or "").strip().casefold()


def number(value: object) -> int | float | Decimal | None:
    """The number that a value is or says; None where it is empty. Unreadable for anything else."""
    if is_empty(value):
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and _DIGITS.issuperset(text):
            try:
                return Decimal(text)
            except ArithmeticError:
                pass
    raise Unreadable("no number")


def day(value: object, zone: tzinfo) -> date | None:
    """The day of a date or a time, of a time with a zone the day in ours; None where it is empty."""
    moment = _date_or_time(value)
    if not isinstance(moment, datetime):
        return moment
    try:
        return (moment if moment.utcoffset() is None else moment.astimezone(zone)).date()
    except OverflowError:
        raise Unreadable("out of range") from None


def moment(value: object, zone: tzinfo) -> datetime | None:
    """The moment in UTC: of a day its first, without a zone it is in ours; None where it is empty."""
    found = _date_or_time(value)
    if found is None:
        return None
    if not isinstance(found, datetime):
        found = datetime.combine(found, time.min)
    try:
        return (found if found.utcoffset() is not None else found.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise Unreadable("out of range") from None


def _date_or_time(value: object) -> date | datetime | None:
    if is_empty(value):
        return None
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            raise Unreadable("no date") from None
    if isinstance(value, date):
        return value
    raise Unreadable("no date")


def _bounded(texts: Iterable[str]) -> list[str | None]:
    """The texts that may be addresses: nobody has one of a thousand signs."""
    return [text if "@" in text and len(text) < 1000 else None for text in texts]
