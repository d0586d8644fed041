"""The mapping form: a row a field, kept as it was typed; and what checks find, put at its row. Pure."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from destinations.contract import JSON, Field, Kind
from syncs.configuration.checks import DEFAULT, LEAVE, Fault, Filling
from syncs.forms.field_words import quoted, steps_told
from syncs.forms.sync_words import sentence
from syncs.models import FieldMapping

COLUMN, FIELD = "column:", "field:"  # what a select's value begins with; the rest is the name as it is
KEPT = "kept:"  # a template, or the first of several columns, from elsewhere: the rest is it as JSON
FIXED, NAMED = "value", "name"  # a fixed value instead of a column; a field by its typed name
TYPED = "typed"  # a column by its typed name, where there are too many to choose from in every row
MOST_ROWS = 1_000
LONGEST_TOLD = 200  # signs of a template, in words
PARTS = ("source", "value", "field", "name", "empty", "default", "steps")
PLACES = dict.fromkeys(("column", "first_of", "template", "variable", "steps"), "source") | {
    "value": "value",
    "empty": "empty",
}


@dataclasses.dataclass(slots=True)
class Row:
    """One row as it was typed. `steps` are transformations from elsewhere, as JSON: they are kept.

    `reason` is why a proposed row is proposed, a sentence; "" where a person filled it.
    """

    source: str = ""
    value: str = ""
    field: str = ""
    name: str = ""
    empty: str = LEAVE
    default: str = ""
    steps: str = ""
    errors: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    reason: str = ""

    @property
    def key(self) -> str:
        """The field's name on the wire; empty where none is chosen."""
        return self.name.strip() if self.field == NAMED else self.field.removeprefix(FIELD)

    @property
    def column(self) -> str | None:
        return self.source.removeprefix(COLUMN) if self.source.startswith(COLUMN) else None

    @property
    def kept(self) -> dict[str, Any]:
        """The `template`, `first_of` or `variable` that fills it and cannot be edited here; else empty."""
        loaded = parsed(self.source.removeprefix(KEPT)) if self.source.startswith(KEPT) else None
        if not isinstance(loaded, dict) or len(loaded) != 1:
            return {}
        template, first_of = loaded.get("template"), loaded.get("first_of")
        if isinstance(template, str):
            return {"template": template}
        if isinstance(loaded.get("variable"), str):
            return {"variable": loaded["variable"]}
        names = isinstance(first_of, list) and all(isinstance(one, str) and one for one in first_of)
        return {"first_of": tuple(first_of)} if names and first_of else {}

    @property
    def kept_told(self) -> str:
        """What is kept, for people: `the first of work_email, email that is not empty`."""
        kept = self.kept
        if "template" in kept:
            return f"the template {quoted(kept['template'], longest=LONGEST_TOLD)}"
        if "variable" in kept:
            return f"the run variable {kept['variable']}"
        return f"the first of {', '.join(kept['first_of'])} that is not empty" if kept else ""

    @property
    def may_differ(self) -> bool:
        """Whether its value may differ from row to row, so that it can be empty."""
        return self.column is not None or bool(self.kept)

    @property
    def is_blank(self) -> bool:
        return not (self.source or self.key or self.field or self.value.strip())

    @property
    def steps_told(self) -> str:
        """The transformations for people: `Trim blanks; Lower case`."""
        return "; ".join(steps_told(parsed(self.steps)))

    def wrong(self, part: str, message: str) -> None:
        self.errors.setdefault(part, []).append(message)


def read_rows(data: Mapping[str, Any]) -> list[Row]:
    """The rows of a submitted form, in their order, blank ones too."""
    told = str(data.get("rows", ""))
    count = min(int(told), MOST_ROWS) if told.isascii() and told.isdigit() and len(told) < 9 else 0
    return [_row(_parts(data, f"row-{at}-")) for at in range(count)]


def _parts(data: Mapping[str, Any], place: str) -> dict[str, str]:
    """A row of the form as it is kept: what was typed into `column` and `to` is what is chosen elsewhere."""
    parts = {part: str(data.get(place + part, "")) for part in PARTS}
    if parts["source"] == TYPED:
        column = str(data.get(f"{place}column", ""))
        parts["source"] = COLUMN + column if column.strip() else ""
    if f"{place}to" in data:
        parts["name"] = str(data[f"{place}to"]).strip()
        parts["field"] = NAMED if parts["name"] else ""
    return parts


def choose_known(rows: Iterable[Row], known: Iterable[str]) -> None:
    """Where a field that the form can offer was typed by its name, it counts as chosen."""
    names = set(known)
    for row in rows:
        if row.field == NAMED and row.key in names:
            row.field, row.name = FIELD + row.key, ""


def stored_rows(rows: Iterable[Row]) -> list[dict[str, str]]:
    """The rows as a draft keeps them."""
    return [
        {part: text for part, text in dataclasses.asdict(row).items() if part in PARTS and text}
        for row in rows
    ]


def restored_rows(kept: Iterable[Mapping[str, str]]) -> list[Row]:
    return [_row(row) for row in kept]


def _row(parts: Mapping[str, Any]) -> Row:
    row = Row()
    for part in PARTS:
        setattr(row, part, str(parts.get(part) or getattr(row, part)))
    return row


def rows_of(fillings: Iterable[Filling], known: Iterable[str]) -> list[Row]:
    """A stored mapping as rows. `known` are the fields that the form can offer."""
    names = set(known)
    return [
        Row(
            source=_source(one),
            value=shown(one.value) if one.is_fixed else "",
            field=FIELD + one.field if one.field in names else NAMED,
            name="" if one.field in names else one.field,
            empty=one.empty,
            default=shown(one.default) if one.empty == DEFAULT else "",
            steps=orjson.dumps(list(one.steps)).decode() if one.steps else "",
        )
        for one in fillings
    ]


def _source(one: Filling) -> str:
    if one.variable is not None:
        return KEPT + orjson.dumps({"variable": one.variable}).decode()
    if one.template is not None or one.first_of:
        kept = {"first_of": one.first_of} if one.template is None else {"template": one.template}
        return KEPT + orjson.dumps(kept).decode()
    return FIXED if one.column is None else COLUMN + one.column


def fillings(
    rows: Sequence[Row], fields: Sequence[Field] | None, before: Sequence[Filling] = ()
) -> tuple[Filling, ...]:
    """What the rows that are complete say; what is missing in others is told in their `errors`.

    `before` is the stored mapping: a value that reads as it did is kept with its type.
    """
    kinds = {one.key: one.kind for one in fields or ()}
    old = {one.field: one for one in before}
    found = []
    for row in rows:
        if row.is_blank:
            continue
        _demand_whole(row)
        if row.errors:
            continue
        was, kind = old.get(row.key), kinds.get(row.key, Kind.TEXT)
        steps = parsed(row.steps)
        is_default = row.may_differ and row.empty == DEFAULT
        found.append(
            Filling(
                row.key,
                column=row.column,
                value=None if row.may_differ else _typed(row.value, kind, was.value if was else None),
                steps=tuple(steps) if row.may_differ and isinstance(steps, list) else (),
                empty=row.empty if row.may_differ else LEAVE,
                default=_typed(row.default, kind, was.default if was else None) if is_default else None,
                **row.kept,
            )
        )
    return tuple(found)


def put_faults(rows: Sequence[Row], faults: Iterable[Fault]) -> list[str]:
    """Put each fault at its row. Returns those that belong to no row."""
    rest = []
    for fault in faults:
        name = fault.at[1] if len(fault.at) > 1 else ""
        at = [row for row in rows if row.key == name and not row.is_blank] if name else []
        for row in at:
            row.wrong(
                PLACES.get(fault.at[2], "field") if len(fault.at) > 2 else "field", sentence(fault.message)
            )
        if not at:
            rest.append(sentence(fault.message))
    return rest


def shown(value: JSON) -> str:
    """A fixed value as it stands in its input."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _demand_whole(row: Row) -> None:
    if not row.key:
        row.wrong("field", "Type the field's name." if row.field == NAMED else "Choose the field to fill.")
    if not row.source:
        row.wrong("source", "Choose the column that fills it, or a fixed value.")
    elif row.source == FIXED and not row.value.strip():
        row.wrong("value", "Type the value that every row gets.")
    elif row.source != FIXED and not row.may_differ:
        row.wrong("source", "Choose one of the columns.")
    if row.may_differ and row.empty not in FieldMapping.Empty.values:
        row.wrong("empty", "Choose what an empty value means.")
    elif row.may_differ and row.empty == DEFAULT and not row.default.strip():
        row.wrong("empty", "Type the default that stands for an empty value.")


def _typed(text: str, kind: Kind, was: JSON) -> JSON:
    """The text as JSON: as it was before where it reads the same, else by the field's kind."""
    if was is not None and shown(was) == text:
        return was
    loaded = parsed(text)
    fits = {
        Kind.NUMBER: isinstance(loaded, int | float) and not isinstance(loaded, bool),
        Kind.BOOLEAN: isinstance(loaded, bool),
        Kind.TEXT_LIST: isinstance(loaded, list) and all(isinstance(item, str) for item in loaded),
    }
    return loaded if fits.get(kind) else text


def parsed(text: str) -> JSON:
    """The text as JSON; None where it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
