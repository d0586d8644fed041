"""Rows → records: the sync's mapping, compiled once and applied column by column. Pure.

A chunk of rows is turned on its side, each field's chain runs over one whole column (that is what makes
it fast), and the records are the columns zipped again. A value that does not fit is a flaw of its row,
never an exception.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from operator import ne
from types import NoneType
from typing import Any, NamedTuple

import orjson

from destinations.contract import JSON, Companion, Field
from syncs.engine import addresses, values
from syncs.engine.keys import compound
from syncs.engine.patience import RunPatience, Share
from syncs.engine.plain import is_empty
from syncs.engine.steps import compile_steps
from syncs.engine.templates import Patience, Template, TemplateBroken, compiled

LEAVE, CLEAR, DEFAULT, ATTENTION = "leave", "clear", "default", "attention"


class MappingBroken(Exception):
    """The mapping does not fit the rows at all; the message says who must do what."""


class Flaw(NamedTuple):
    """Why a row cannot be sent: a short stable code, the field, and the sentence for people."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What fills one field from row to row: a column, the first of several that is not empty, a template, or
    a fixed value.

    All but a fixed value go through the steps. What the run itself fills is no rule: see `Shape.constants`.
    """

    field: Field
    column: str | None = None
    value: JSON = None
    steps: tuple[Any, ...] = ()
    empty: str = LEAVE
    default: JSON = None
    first_of: tuple[str, ...] = ()
    template: str | None = None

    @property
    def is_fixed(self) -> bool:
        return self.column is None and not self.first_of and self.template is None

    @property
    def columns(self) -> tuple[str, ...]:
        return columns_of(self.column, self.first_of, self.template)


def columns_of(column: str | None, first_of: Sequence[str] | None, template: str | None) -> tuple[str, ...]:
    """The columns that fill a field; none of a template that cannot be read."""
    if column is not None:
        return (column,)
    if template is None:
        return tuple(first_of or ())
    try:
        return compiled(template).columns
    except TemplateBroken:
        return ()


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a record in the order in which its values are written, and what None means there.

    `prefix` is cut from the keys on the wire (a companion's). `constants` are fields as on the wire that the
    run itself fills, the same in all its records: they go along with what is sent, and count for no change.
    """

    fields: tuple[str, ...]
    policies: tuple[str, ...]
    prefix: str = ""
    constants: Mapping[str, JSON] = field(default_factory=dict, hash=False)

    @property
    def wire_fields(self) -> tuple[str, ...]:
        return tuple(key.removeprefix(self.prefix) for key in self.fields)

    @property
    def cleared(self) -> tuple[str, ...]:
        """Fields (as on the wire) in which None is sent, to clear what is there."""
        return tuple(k for k, p in zip(self.wire_fields, self.policies, strict=True) if p == CLEAR)

    @property
    def constant_bytes(self) -> int:
        """About what the constants add to an operation on the wire."""
        return len(orjson.dumps(dict(self.constants))) if self.constants else 0


@dataclass(frozen=True, slots=True)
class Shape:
    """A sync's mapping with the facts of its fields.

    `rules` are what rows fill, `constants` what the run does: values by the field's key, cast.
    """

    rules: tuple[Rule, ...]
    primary_key: tuple[str, ...]
    upsert_key: str
    companion: Companion | None = None
    constants: Mapping[str, JSON] = field(default_factory=dict, hash=False)

    def of_companion(self, rule: Rule) -> bool:
        return self._is_companions(rule.field.key)

    def _is_companions(self, key: str) -> bool:
        return self.companion is not None and key.startswith(self.companion.prefix)

    @property
    def row_layout(self) -> Layout:
        constants = {key: value for key, value in self.constants.items() if not self._is_companions(key)}
        return _layout([r for r in self.rules if not self.of_companion(r)], constants)

    @property
    def companion_layout(self) -> Layout | None:
        rules = [r for r in self.rules if self.of_companion(r)]
        if self.companion is None or not rules:
            return None
        constants = {key: value for key, value in self.constants.items() if self._is_companions(key)}
        return _layout(rules, constants, self.companion.prefix)


@dataclass(slots=True)
class Mapped:
    """A chunk after mapping, in columns: index i is row i of the chunk.

    `records` holds primary key, upsert key, then the values in the row layout's order; `companions` the
    companion's upsert key twice, then its values. `companion_keys` is None where the row writes no
    companion. Rows in `flaws` must not be sent. `normalised_count` rows had their upsert key tidied,
    `keyless_count` rows have companion values but no key to write them by.
    """

    key_texts: list[str | None]
    match_keys: list[str | None]
    records: list[tuple[JSON, ...]]
    companion_keys: list[str | None]
    companions: list[tuple[JSON, ...]]
    flaws: dict[int, list[Flaw]]
    normalised_count: int
    keyless_count: int


class Mapper:
    """A mapping compiled for the columns of one source. MappingBroken where they do not fit."""

    def __init__(self, shape: Shape, columns: Sequence[str], zone: tzinfo) -> None:
        self._places = {name: at for at, name in enumerate(columns)}
        for rule in shape.rules:
            for name in rule.columns:
                if name not in self._places:
                    raise MappingBroken(
                        f"The model no longer returns the column “{name}”, which fills "
                        f"{rule.field.label}. Whoever edits the sync must map another column, "
                        "or bring it back."
                    )
        for name in shape.primary_key:
            if name not in self._places:
                raise MappingBroken(
                    f"The model no longer returns “{name}”, which is part of its primary key. "
                    "Whoever edits the model must bring it back, or choose another primary key."
                )
        self.shape = shape
        self._zone = zone
        self.patience = RunPatience()  # of all its patterns and templates together
        self._chains = {
            rule.field.key: compile_steps(rule.steps, zone, self.patience)
            for rule in shape.rules
            if rule.steps
        }
        self._templates = {
            rule.field.key: (_template(rule), Patience(share=Share(self.patience)))
            for rule in shape.rules
            if rule.template is not None
        }
        self._rows = _in_order([r for r in shape.rules if not shape.of_companion(r)])
        self._companions = _in_order([r for r in shape.rules if shape.of_companion(r)])
        names = [rule.field.key for rule in self._rows]
        self._upsert_at = names.index(shape.upsert_key)
        fallback = shape.companion.fallback_field if shape.companion else ""
        self._fallback_at = names.index(fallback) if fallback in names else None

    def map(self, chunk: Sequence[tuple[Any, ...]]) -> Mapped:
        """Map one chunk. Never raises for what a row holds."""
        columns = [list(column) for column in zip(*chunk, strict=True)]
        flaws: dict[int, list[Flaw]] = {}
        key_texts = self._key_texts(columns, flaws)
        filled = [self._fill(rule, columns, len(chunk), flaws) for rule in self._rows]
        match_keys = self._match_keys(filled[self._upsert_at], flaws)
        emails = filled[self._fallback_at] if self._fallback_at is not None else [None] * len(chunk)
        companion_keys, companions, keyless = self._map_companions(columns, len(chunk), emails, flaws)
        return Mapped(
            key_texts=key_texts,
            match_keys=match_keys,
            records=list(zip(key_texts, match_keys, *filled, strict=True)),
            companion_keys=companion_keys,
            companions=companions,
            flaws=flaws,
            normalised_count=self._normalised(columns, match_keys),
            keyless_count=keyless,
        )

    def source_values(self, row: tuple[Any, ...]) -> dict[str, JSON]:
        """The row's values in the columns that the mapping and the primary key use, for people to read."""
        names = dict.fromkeys(self.shape.primary_key)
        names |= dict.fromkeys(name for rule in self.shape.rules for name in rule.columns)
        return {name: values.jsonable(row[self._places[name]]) for name in names}

    def _key_texts(self, columns: list[list[Any]], flaws: dict[int, list[Flaw]]) -> list[str | None]:
        names = self.shape.primary_key
        parts = [values.canonical_column(columns[self._places[name]]) for name in names]
        for name, part in zip(names, parts, strict=True):
            if None in part:
                flaw = Flaw(
                    "no_primary_key",
                    name,
                    f"The primary key column “{name}” is empty. Whoever owns the source's data must fill it.",
                )
                for at, text in enumerate(part):
                    if text is None:
                        flaws.setdefault(at, []).append(flaw)
        if len(parts) == 1:
            return parts[0]
        return [None if None in texts else compound(texts) for texts in zip(*parts, strict=True)]

    def _fill(
        self, rule: Rule, columns: list[list[Any]], size: int, flaws: dict[int, list[Flaw]]
    ) -> list[JSON]:
        """One field's column of values, cast; flaws are added to their rows."""
        key = rule.field.key
        if rule.is_fixed:
            fixed, wrong = values.cast_column([rule.value], rule.field, zone=self._zone)
            column, problems = fixed * size, dict.fromkeys(range(size), wrong[0]) if wrong else {}
        else:
            cells = self.cells(rule, columns, size)
            chain = self._chains.get(key)
            column, problems = values.cast_column(
                chain(cells) if chain else cells, rule.field, zone=self._zone
            )
        for at, problem in problems.items():
            flaws.setdefault(at, []).append(Flaw(problem.code, key, problem.message))
        if rule.empty == DEFAULT:
            (default,), wrong = values.cast_column([rule.default], rule.field, zone=self._zone)
            if default is not None:
                return [default if value is None else value for value in column]
            says = wrong[0].message if wrong else "It is empty."
            message = f"{rule.field.label} is empty, and its default does not fit it any more. {says}"
            _add_to_empty(column, problems, Flaw(wrong[0].code if wrong else "empty", key, message), flaws)
        if rule.empty == ATTENTION and None in column:
            message = f"{rule.field.label} is empty, and the sync says that such a row needs attention."
            _add_to_empty(column, problems, Flaw("empty", key, message), flaws)
        return column

    def cells(self, rule: Rule, columns: list[list[Any]], size: int) -> list[Any]:
        """What fills the field, before its steps."""
        if rule.column is not None:
            return columns[self._places[rule.column]]
        if rule.template is None:
            return _first_filled([columns[self._places[name]] for name in rule.first_of])
        template, patience = self._templates[rule.field.key]
        by_name = {name: columns[at] for name, at in self._places.items()}
        return template.fill(by_name, size, self._zone, patience)

    def _match_keys(self, column: list[JSON], flaws: dict[int, list[Flaw]]) -> list[str | None]:
        rule = self._rows[self._upsert_at]
        if None in column:
            for at, value in enumerate(column):
                if value is None and not any(f.field == rule.field.key for f in flaws.get(at, ())):
                    message = (
                        f"{rule.field.label} is empty, and the destination knows records by it. "
                        "Whoever owns the source's data must fill it, or the model must leave the row out."
                    )
                    flaws.setdefault(at, []).append(Flaw("no_upsert_key", rule.field.key, message))
        if set(map(type, column)) <= {str, NoneType}:
            return column
        return [v if v is None or isinstance(v, str) else str(v) for v in column]

    def _map_companions(
        self,
        columns: list[list[Any]],
        size: int,
        emails: list[str | None],
        flaws: dict[int, list[Flaw]],
    ) -> tuple[list[str | None], list[tuple[JSON, ...]], int]:
        companion = self.shape.companion
        if companion is None or not self._companions:
            return [None] * size, [], 0
        filled = [self._fill(rule, columns, size, flaws) for rule in self._companions]
        names = [rule.field.key for rule in self._companions]
        key_name = companion.prefix + companion.key_field
        keys: list[str | None]
        if key_name in names:
            keys = list(filled[names.index(key_name)])
        else:
            keys = [_own_domain(text) for text in emails]
        others = [column for name, column in zip(names, filled, strict=True) if name != key_name]
        clears = any(rule.empty == CLEAR and rule.field.key != key_name for rule in self._companions)
        told = [clears or any(value is not None for value in row) for row in zip(*others, strict=True)]
        keyless = sum(1 for key, some in zip(keys, told, strict=False) if some and key is None)
        if others:
            keys = [key if some else None for key, some in zip(keys, told, strict=True)]
        return keys, list(zip(keys, keys, *filled, strict=True)), keyless

    def _normalised(self, columns: list[list[Any]], match_keys: list[str | None]) -> int:
        rule = self._rows[self._upsert_at]
        if rule.column is None:
            return 0
        cells = columns[self._places[rule.column]]
        if cells == match_keys:
            return 0
        if set(map(type, cells)) <= {str, type(None)}:
            keyless = 0
            if None in match_keys:
                keyless = sum(1 for at, key in enumerate(match_keys) if key is None and cells[at] is not None)
            return sum(map(bool, map(ne, cells, match_keys))) - keyless
        pairs = zip(cells, match_keys, strict=True)
        return sum(1 for cell, key in pairs if key is not None and values.canonical(cell) != key)


def _template(rule: Rule) -> Template:
    try:
        return compiled(rule.template or "")
    except TemplateBroken as broken:
        raise MappingBroken(
            f"The template that fills {rule.field.label} cannot be used. {broken} "
            "Whoever edits the sync must correct it."
        ) from None


def _add_to_empty(
    column: list[JSON], problems: Mapping[int, Any], flaw: Flaw, flaws: dict[int, list[Flaw]]
) -> None:
    """Add the flaw to each row that has nothing there, and no problem of its own."""
    for at, value in enumerate(column):
        if value is None and at not in problems:
            flaws.setdefault(at, []).append(flaw)


def _first_filled(columns: Sequence[list[Any]]) -> list[Any]:
    """Of each row the first value that is not empty; the last column's where all are."""
    found = columns[-1]
    for column in reversed(columns[:-1]):
        found = [other if is_empty(value) else value for value, other in zip(column, found, strict=True)]
    return found


def _in_order(rules: list[Rule]) -> list[Rule]:
    """Records do not depend on the order in which fields were mapped."""
    return sorted(rules, key=lambda rule: rule.field.key)


def _layout(rules: list[Rule], constants: Mapping[str, JSON], prefix: str = "") -> Layout:
    ordered = _in_order(rules)
    return Layout(
        tuple(r.field.key for r in ordered),
        tuple(r.empty for r in ordered),
        prefix,
        {key.removeprefix(prefix): value for key, value in sorted(constants.items())},
    )


def _own_domain(email: str | None) -> str | None:
    """The e-mail's domain where it can be a company's: not a free-mail one."""
    if email is None:
        return None
    domain = addresses.email_domain(email)
    return None if not domain or addresses.is_free_mail(domain) else domain
