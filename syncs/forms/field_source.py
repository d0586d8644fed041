"""What fills one field, as its page asks for it: every kind keeps what was typed, chosen or not. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from syncs.engine.variables import VARIABLES
from syncs.forms.sync_rows import COLUMN, FIXED, KEPT, Row

A_COLUMN, FIRST_OF, TEMPLATE, VALUE, VARIABLE = "column", "first_of", "template", "value", "variable"
KINDS = {
    A_COLUMN: ("A column", ""),
    FIRST_OF: ("The first of several columns", "The first that is not empty, in the order that you give."),
    TEMPLATE: ("A template", "A text put together of columns, in Liquid."),
    VALUE: ("A fixed value", "The same for every row."),
    VARIABLE: ("The run itself", "What a run tells: its number, its start, and the like."),
}
WITH_STEPS = (A_COLUMN, FIRST_OF, TEMPLATE)
MOST_COLUMNS = 50
_RESERVED = frozenset(("true", "false", "nil", "null", "empty", "blank", "and", "or", "not", "contains"))


@dataclass(slots=True)
class Source:
    """What stands in the inputs of each kind. `kind` is the chosen one."""

    kind: str = A_COLUMN
    column: str = ""
    first_of: list[str] = field(default_factory=list)
    template: str = ""
    value: str = ""
    variable: str = ""

    @property
    def stored(self) -> str:
        """As a row of the mapping has it."""
        match self.kind:
            case "column":
                return COLUMN + self.column if self.column else ""
            case "value":
                return FIXED
            case _:
                return KEPT + orjson.dumps({self.kind: getattr(self, self.kind)}).decode()

    @property
    def aside(self) -> dict[str, Any]:
        """What was typed for kinds that are not chosen now; the fixed value has a place of its own."""
        return {
            name: typed
            for name, typed in asdict(self).items()
            if typed and name not in ("kind", "value", self.kind)
        }

    @property
    def has_steps(self) -> bool:
        """Whether its values differ from row to row, so that they can be transformed, and be empty."""
        return self.kind in WITH_STEPS


def source_of(row: Row, aside: Mapping[str, Any]) -> Source:
    """The source of a row, with what is put aside for it."""
    source = Source(value=row.value)
    for name, typed in aside.items():
        if name == FIRST_OF and isinstance(typed, list):
            source.first_of = [str(one) for one in typed]
        elif name in (A_COLUMN, TEMPLATE, VARIABLE) and isinstance(typed, str):
            setattr(source, name, typed)
    if row.column is not None:
        source.kind, source.column = A_COLUMN, row.column
    elif row.source == FIXED:
        source.kind = VALUE
    elif row.source.startswith(KEPT):
        _take_kept(source, row.source.removeprefix(KEPT))
    return source


def _take_kept(source: Source, text: str) -> None:
    try:
        kept = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    if not isinstance(kept, dict) or len(kept) != 1:
        return
    ((kind, typed),) = kept.items()
    if kind == FIRST_OF and isinstance(typed, list):
        source.kind, source.first_of = kind, [str(one) for one in typed]
    elif kind in (TEMPLATE, VARIABLE) and isinstance(typed, str):
        source.kind = kind
        setattr(source, kind, typed)


def read_source(data: Mapping[str, str]) -> Source:
    """What was submitted. A column that was picked to be added is added."""
    kind = data.get("kind", "")
    count = data.get("first", "")
    given = (
        range(min(int(count), 10 * MOST_COLUMNS))
        if count.isascii() and count.isdigit() and len(count) < 9
        else ()
    )
    names = [data.get(f"first-{at}", "") for at in given]
    names.append(data.get("first-new", ""))
    return Source(
        kind if kind in KINDS else A_COLUMN,
        _line(data.get("column", "")),
        list(dict.fromkeys(name for name in map(_line, names) if name)),
        data.get("template", "").replace("\r\n", "\n").replace("\0", ""),
        data.get("value", "").replace("\0", ""),
        data.get("variable", "") if data.get("variable", "") in VARIABLES else "",
    )


def _line(text: str) -> str:
    return text.replace("\0", "")


def moved(items: Sequence[Any], at: int, by: int) -> list[Any]:
    """The items with one of them a place further on or back; as they are where there is no such place."""
    found = list(items)
    if 0 <= at < len(found) and 0 <= at + by < len(found):
        found.insert(at + by, found.pop(at))
    return found


def without(items: Sequence[Any], at: int) -> list[Any]:
    return [item for place, item in enumerate(items) if place != at]


def snippet(name: str) -> str:
    """The column as a template writes it: one whose name is no word in quotes."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name not in _RESERVED:
        return f"{{{{ {name} }}}}"
    quote = "'" if '"' in name else '"'
    return f"{{{{ [{quote}{name}{quote}] }}}}"
