"""What a mapping opens with, and what is suggested for one that stands there. Pure."""

from collections.abc import Iterable, Sequence

from destinations.contract import Field, Mode, ObjectType
from syncs.forms.sync_rows import COLUMN, FIELD, NAMED, Row
from syncs.forms.sync_suggestions import Candidate, Suggestion, suggestions

BLANK_ROWS = 2


def opening_rows(
    target: ObjectType,
    mode: Mode,
    upsert_key: str,
    fields: Sequence[Field],
    columns: Sequence[Candidate],
) -> list[Row]:
    """What the mapping opens with: required fields, seeds, fields that a column fits by its name, blanks.

    A seed that no column fits stands there all the same, to be filled or left empty. Fields of a companion
    are offered, never proposed: what they change is more than one record. Nor are those that people must
    know something of first.
    """
    known = {field.key: field for field in fields}
    required = [*_required(target, mode, upsert_key), *(field.key for field in fields if field.required)]
    seeds = [key for key in target.seeds if key in known]
    first = list(dict.fromkeys([*required, *seeds]))
    found = _by_field(suggestions(columns, [known[key] for key in first if key in known]))
    names = {one.name for one in columns}
    rows = []
    for key in first:
        row = Row(field=FIELD + key) if key in known else Row(field=NAMED, name=key)
        if key in found:
            propose(row, found[key])
        elif key not in known and key in names:
            row.source, row.reason = COLUMN + key, "It has the same name."
        rows.append(row)
    prefix = target.companion.prefix if target.companion is not None else None
    others = [
        one
        for one in fields
        if one.key not in first and not one.help and not (prefix and one.key.startswith(prefix))
    ]
    taken = [row.column for row in rows if row.column is not None]
    for one in suggestions(columns, others, taken_columns=taken):
        row = Row(field=FIELD + one.field.key)
        propose(row, one)
        rows.append(row)
    return [*rows, *(Row() for _ in range(BLANK_ROWS))]


def suggested_for(
    rows: Iterable[Row], target: ObjectType, fields: Sequence[Field], columns: Sequence[Candidate]
) -> list[Suggestion]:
    """What can be added to the rows as they stand: for fields that nothing fills yet, from free columns."""
    filled = [row for row in rows if row.key and row.source]
    taken = [row.column for row in filled if row.column is not None]
    return suggestions(
        columns,
        fields,
        companion=target.companion,
        taken_columns=taken,
        taken_fields=[row.key for row in filled],
    )


def accept(rows: list[Row], accepted: Iterable[Suggestion]) -> None:
    """Put suggestions into the rows: into the field's own where nothing fills it, else a blank, a new one."""
    for one in accepted:
        row = next((row for row in rows if row.key == one.field.key and not row.source), None)
        row = row or next((row for row in rows if row.is_blank), None)
        if row is None:
            rows.append(row := Row())
        row.field, row.name = FIELD + one.field.key, ""
        propose(row, one)


def propose(row: Row, one: Suggestion) -> None:
    row.source, row.reason = COLUMN + one.column, one.reason


def left_empty(row: Row, target: ObjectType, mode: Mode, upsert_key: str) -> bool:
    """Whether the row is one of a seed that nobody filled, and nobody must."""
    is_required = row.key in _required(target, mode, upsert_key)
    return row.key in target.seeds and not is_required and not row.source and not row.value.strip()


def _required(target: ObjectType, mode: Mode, upsert_key: str) -> tuple[str, ...]:
    return (upsert_key, *target.required.get((mode, upsert_key), ()))


def _by_field(found: Iterable[Suggestion]) -> dict[str, Suggestion]:
    return {one.field.key: one for one in found}
