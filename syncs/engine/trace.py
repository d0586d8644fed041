"""One field of a few rows, step by step: what a run does, told on the way. Pure.

Nothing is worked out here: the mapping's own `Mapper` makes the first value and the last, the chain of the
first steps each one between. So what people are shown is what a run sends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from destinations.contract import JSON, Field, Kind
from syncs.engine.mapping import CLEAR, Flaw, Mapper, Rule, Shape
from syncs.engine.plain import Misfit
from syncs.engine.steps import compile_steps

_KEY = Rule(Field("\0key", "Key", Kind.TEXT), value="-")  # stands in where another field tells records apart


@dataclass(frozen=True, slots=True)
class Traced:
    """A row on its way. `source` is what fills the field, `after` the value after each step.

    `sent` is the record's value: None where nothing is sent, or where `policy` clears the field.
    `flaws` say why the row cannot be sent.
    """

    source: Any
    after: tuple[Any, ...]
    sent: JSON
    flaws: tuple[Flaw, ...]
    policy: str

    @property
    def is_cleared(self) -> bool:
        return self.sent is None and not self.flaws and self.policy == CLEAR

    @property
    def last(self) -> Any:
        """What is cast to the field's kind."""
        return self.after[-1] if self.after else self.source


def trace(
    rule: Rule,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    primary_key: Sequence[str],
    zone: tzinfo,
    is_key: bool = False,
) -> list[Traced]:
    """The field in each row, from its source to what is sent. `is_key`: records are known by this field.

    MappingBroken where the rule does not fit the columns, ValueError where its steps are wrong. Never raises
    for what a row holds.
    """
    mapper = _mapper(rule, columns, primary_key, zone, is_key=is_key)
    if not rows:
        return []
    mapped = mapper.map(rows)
    at = 2 + mapper.shape.row_layout.fields.index(rule.field.key)
    if rule.is_fixed:
        source, stages = [rule.value] * len(rows), []
    else:
        by_column = [list(column) for column in zip(*rows, strict=True)]
        source = mapper.cells(rule, by_column, len(rows))
        stages = [
            compile_steps(rule.steps[:number], zone)(list(source)) for number in range(1, len(rule.steps) + 1)
        ]
    return [
        Traced(
            source[row],
            tuple(stage[row] for stage in stages),
            mapped.records[row][at],
            _flaws_of(rule, mapped.flaws.get(row, ())),
            rule.empty,
        )
        for row in range(len(rows))
    ]


def misread(value: object) -> str:
    """Why a step could not read the value, to go on after it; "" where it could."""
    return value.says if isinstance(value, Misfit) else ""


def _mapper(
    rule: Rule, columns: Sequence[str], primary_key: Sequence[str], zone: tzinfo, *, is_key: bool
) -> Mapper:
    rules = (rule,) if is_key else (_KEY, rule)
    return Mapper(Shape(rules, tuple(primary_key), rules[0].field.key), columns, zone)


def _flaws_of(rule: Rule, flaws: Sequence[Flaw]) -> tuple[Flaw, ...]:
    """Those of the field: a row without a primary key is told of elsewhere."""
    return tuple(flaw for flaw in flaws if flaw.field == rule.field.key and flaw.code != "no_primary_key")
