"""Looking for a person in a source: whether the model has them, and what a run would do with the row."""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from destinations.errors import DestinationError
from syncadmin.lib.crypto import UnreadableSecret
from syncadmin.lib.shown import counted
from syncadmin.teams.models import Team
from syncs.engine.ground import shape_of, told_next
from syncs.engine.keys import typed_key
from syncs.engine.mapping import Mapper, MappingBroken, Rule, Shape
from syncs.engine.spellings import spellings
from syncs.engine.whereabouts import Whereabouts
from syncs.models import QueryModel, Sync
from syncs.sources.base import Chunk, Problem, SourceError
from syncs.views.one_row import CHUNK_ROWS, SECONDS, Found
from syncs.views.source_health import Unreachable, quick_reader
from syncs.views.sync_facts import target_label
from syncs.views.sync_preview import look as look_at

MOST_ROWS = 3  # that are told of
MOST_SYNCS = 20


@dataclass(frozen=True, slots=True)
class ModelOf:
    """A model that can be looked through, and the syncs that it feeds."""

    model: QueryModel
    syncs: list[Sync]
    knows: bool


@dataclass(frozen=True, slots=True)
class Fate:
    """What a run of a sync would do with a row. `flaws` keep it from being sent."""

    sync: Sync
    target: str
    sentence: str
    tone: str
    flaws: list[str]
    can_be_sent: bool


@dataclass(frozen=True, slots=True)
class InSource:
    """A row that the source has."""

    key_text: str
    fates: list[Fate]


@dataclass(slots=True)
class Looked:
    """What a look found. `sentence` says it, `problem` why it could not be told."""

    model: QueryModel
    sentence: str = ""
    problem: str = ""
    rows: list[InSource] = field(default_factory=list)


def models_of(found: Whereabouts) -> list[ModelOf]:
    """The models of the team's syncs, first those whose syncs know the person."""
    knowing = {one.sync.model_id for one in found.standings}
    every = {one.sync.pk: one.sync for one in (*(one.of for one in found.standings), *found.elsewhere)}
    syncs: dict[int, list[Sync]] = {}
    for sync in every.values():
        syncs.setdefault(sync.model_id, []).append(sync)
    listed = [ModelOf(some[0].model, some, knows=pk in knowing) for pk, some in syncs.items()]
    return sorted(listed, key=lambda one: (not one.knows, one.model.name))


def look(model: QueryModel, team: Team, text: str) -> Looked:
    """Read the model for rows with this primary key, or with this upsert key of one of the team's syncs."""
    forms = spellings(text)
    syncs = list(
        Sync.objects.filter(team=team, model=model)
        .select_related("model__source", "connection__account", "team")
        .order_by("name")[:MOST_SYNCS]
    )
    looked = Looked(model)
    try:
        wanted = _Wanted(model, forms, syncs)
        rows = wanted.asked() or wanted.read_through()
    except (SourceError, Unreachable, MappingBroken, UnreadableSecret, DestinationError) as error:
        looked.problem = str(error)
        return looked
    for columns, row, key in rows:
        fates = [_fate(sync, columns, row) for sync in syncs]
        looked.rows.append(InSource(key or "", fates))
    if rows:
        count = "It is" if len(rows) == 1 else f"{counted(len(rows), 'row')} of it are"
        looked.sentence = f"{count} in the source now."
    elif wanted.is_all:
        looked.sentence = f"It is not in the source: none of the model’s {counted(wanted.read, 'row')} is it."
    else:
        looked.sentence = (
            f"It was not found: not among the first {counted(wanted.read, 'row')} of the model. Reading on "
            "takes too long here; a run reads them all."
        )
    return looked


def _fate(sync: Sync, columns: Sequence[str], row: tuple[Any, ...]) -> Fate:
    seen = look_at(sync, Found(columns, row), None)
    flaws = []
    if seen.preview is not None:
        flaws = [*seen.preview.flaws, *(text for one in seen.preview.fields for text in one.flaws)]
    return Fate(
        sync,
        target_label(sync),
        seen.sentence or seen.problem,
        seen.tone,
        flaws,
        can_be_sent=seen.preview is not None and not seen.preview.is_wrong and not seen.preview.held_by,
    )


Row: TypeAlias = tuple[list[str], tuple[Any, ...], str | None]  # columns, values, primary key


class _Wanted:
    """The rows that are meant, found in what the model returns by the mapping's own way of making keys."""

    def __init__(self, model: QueryModel, forms: Sequence[str], syncs: Iterable[Sync]) -> None:
        self._model = model
        self._forms = frozenset(forms)
        self._keys = {key for form in forms if (key := typed_key(form, model.primary_key)) is not None}
        rules = [rule for rule in map(_upsert_rule, syncs) if rule is not None]
        self._rules = list({_filled_by(rule): rule for rule in rules}.values())
        self.read = 0
        self.is_all = False

    def asked(self) -> list[Row]:
        """By a condition around the model's query; none where the source takes none, or spells otherwise."""
        names = {rule.column for rule in self._rules if rule.column and not rule.steps}
        if len(self._model.primary_key) == 1:
            names |= set(self._model.primary_key)
        # Whether a backslash is taken for an escape depends on the server.
        values = {form.lower() for form in self._forms if "\\" not in form and "\0" not in form}
        if not names or not values:
            return []
        literals = ", ".join("'{}'".format(value.replace("'", "''")) for value in sorted(values))
        conditions = " or ".join(
            'lower(trim(cast("{}" as text))) in ({})'.format(name.replace('"', '""'), literals)
            for name in sorted(names)
        )
        query = re.sub(r"[;\s]+\Z", "", self._model.sql)
        sql = f"select * from (\n{query}\n) as rows_of_model where {conditions}"  # noqa: S608
        try:
            return list(self._matching(sql))
        except SourceError as error:
            if error.problem is Problem.SQL:
                return []
            raise

    def read_through(self) -> list[Row]:
        """By reading the model for some seconds."""
        self.read, self.is_all = 0, False
        return list(self._matching(self._model.sql))

    def _matching(self, sql: str) -> Iterator[Row]:
        until, found = time.monotonic() + SECONDS, 0
        with quick_reader(self._model.source).read(sql, chunk_rows=CHUNK_ROWS) as rows:
            columns = [column.name for column in rows.columns]
            mappers = self._mappers(columns)
            for chunk in rows:
                self.read += len(chunk)
                for at, key in self._among(chunk, mappers):
                    yield columns, chunk[at], key
                    found += 1
                    if found == MOST_ROWS:
                        return
                if time.monotonic() > until:
                    return
            self.is_all = True

    def _mappers(self, columns: Sequence[str]) -> list[Mapper]:
        zone, primary_key = ZoneInfo(self._model.source.time_zone), tuple(self._model.primary_key)
        shapes = [Shape((rule,), primary_key, rule.field.key) for rule in self._rules]
        return [Mapper(shape, columns, zone) for shape in shapes]

    def _among(self, chunk: Chunk, mappers: Sequence[Mapper]) -> list[tuple[int, str | None]]:
        """(place in the chunk, primary key) of each."""
        found: dict[int, str | None] = {}
        for mapper in mappers:
            mapped = mapper.map(chunk)
            for at, (key, match) in enumerate(zip(mapped.key_texts, mapped.match_keys, strict=True)):
                if match in self._forms or key in self._keys:
                    found[at] = key
        return sorted(found.items())


def _upsert_rule(sync: Sync) -> Rule | None:
    """What fills the field by which the destination knows records."""
    shape = shape_of(sync, told_next(sync))
    return next((rule for rule in shape.rules if rule.field.key == sync.upsert_key), None)


def _filled_by(rule: Rule) -> tuple[Any, ...]:
    """Two syncs with the same here have the same upsert keys."""
    return rule.field.kind, rule.column, rule.template, rule.first_of, repr(rule.value), repr(rule.steps)
