"""Two people's changes of one sync, side by side: what differs, whose it is, and both put together. Pure.

A draft's content is compared part by part: each setting is one, and of the mapping each field. What nobody
decides on, and what only one of them changed, needs no choice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from syncs.forms.sync_rows import parsed, restored_rows

ASIDE = frozenset({"base", "base_version", "asides", "mapping_kept_at"})  # of the work, not of the sync
LABELS = {
    "model": "Model",
    "connection": "Destination",
    "object": "Object",
    "mode": "Mode",
    "upsert_key": "Records are known by",
    "name": "Name",
    "keep_records": "Keep what was last sent",
}

Content = Mapping[str, Any]
Row = Mapping[str, str]


class Whose(StrEnum):
    """Who changed a part since both began. Where that is unknown, both count as having done so."""

    YOURS = "yours"
    THEIRS = "theirs"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Difference:
    """A part that is not the same: `field` is its key in the mapping, "" for a setting, whose key is `name`.

    `yours` and `theirs` are its content; None where the part is not there.
    """

    name: str
    field: str
    whose: Whose
    yours: Any
    theirs: Any

    @property
    def id(self) -> str:
        """What a choice is kept by: unlike that of any other part."""
        return f"field:{self.field}" if self.field else f"setting:{self.name}"


def differences(base: Content | None, yours: Content, theirs: Content) -> list[Difference]:
    """What differs between two changes of one thing, settings first. `base`: as both found it, if known."""
    names = [name for name in dict.fromkeys((*LABELS, *yours, *theirs)) if name not in ASIDE | {"rows"}]
    found = [
        _difference(name, "", _at(base, name), yours.get(name), theirs.get(name), is_known=base is not None)
        for name in names
    ]
    mine, others = _by_field(yours.get("rows", ())), _by_field(theirs.get("rows", ()))
    before = _by_field(base.get("rows", ())) if base is not None else {}
    found += [
        _difference("rows", key, before.get(key), mine.get(key), others.get(key), is_known=base is not None)
        for key in dict.fromkeys((*mine, *others))
    ]
    return [one for one in found if one is not None]


def is_same(one: Content, other: Content) -> bool:
    """Whether both say the same of a sync."""
    return not differences(None, one, other)


def merged(
    yours: Content, theirs: Content, found: Iterable[Difference], chosen: Mapping[str, str]
) -> dict[str, Any]:
    """Your content with theirs where only they changed a part, or where you chose theirs.

    Rows that are not finished stay, as no part of them can be told from another's.
    """
    content = dict(yours)
    rows = [dict(row) for row in yours.get("rows", ())]
    for one in found:
        side = chosen.get(one.id, "") if one.whose is Whose.BOTH else one.whose.value
        if side != Whose.THEIRS.value:
            continue
        if one.field:
            rows = _with(rows, one)
        elif one.theirs is None:
            content.pop(one.name, None)
        else:
            content[one.name] = one.theirs
    return content | {"rows": rows}


def _difference(
    name: str, field: str, base: Any, yours: Any, theirs: Any, *, is_known: bool
) -> Difference | None:
    mine, others, before = _meaning(yours), _meaning(theirs), _meaning(base)
    if mine == others:
        return None
    whose = Whose.BOTH
    if is_known and mine == before:
        whose = Whose.THEIRS
    elif is_known and others == before:
        whose = Whose.YOURS
    return Difference(name, field, whose, yours, theirs)


def _meaning(part: Any) -> Any:
    """Of a row what does not depend on how its field was chosen, nor on how its steps were written down."""
    if not isinstance(part, Mapping):
        return part
    rest = {name: text for name, text in part.items() if name not in ("field", "name")}
    return rest | ({"steps": parsed(rest["steps"])} if isinstance(rest.get("steps"), str) else {})


def _with(rows: Sequence[dict[str, str]], one: Difference) -> list[dict[str, str]]:
    """The rows with theirs in the field's place, or at the end; without the field if they have none."""
    found, is_there = [], False
    for row, key in zip(rows, _keys(rows), strict=True):
        if key != one.field:
            found.append(row)
        elif one.theirs is not None and not is_there:
            found.append(dict(one.theirs))
            is_there = True
    if one.theirs is not None and not is_there:
        found.append(dict(one.theirs))
    return found


def _by_field(rows: Iterable[Row]) -> dict[str, Row]:
    kept = list(rows)
    return {key: row for key, row in zip(_keys(kept), kept, strict=True) if key}


def _keys(rows: Sequence[Row]) -> list[str]:
    return [row.key for row in restored_rows(rows)]


def _at(content: Content | None, name: str) -> Any:
    return content.get(name) if content is not None else None
