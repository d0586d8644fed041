"""Where a person is: every row and companion of a team's syncs that a typed key finds, with what is kept.

A constant number of queries, whatever the number of syncs and rows, each by an index: of the ledger and of
rows that did not arrive by upsert key within the team and by primary key within a sync, of planned rows by
primary key. Former generations are left out: their syncs send every row anew.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

import orjson
from django.db import OperationalError, connection, transaction
from django.db.models import F, Max, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast, Length
from psycopg.errors import QueryCanceled

from destinations.contract import Verdict
from syncadmin.teams.models import Team
from syncs.engine.batches import BROKEN, Payload, Settled, read_outcomes
from syncs.engine.keys import ledger_key, row_key, typed_key
from syncs.engine.spellings import beginnings, spellings
from syncs.engine.standing import MOVES, OfSync, Planned, Standing, State
from syncs.models import Batch, LedgerEntry, PlannedRow, RejectedRow, Run, Sync, SyncSchedule, WaitingRetry

MOST = 100  # rows that are told of
CANDIDATES = 20
SECONDS_CLOSELY = 10
ROWS_LOOKED_THROUGH = 20_000  # of plans that are under way, of which the upsert keys are in no index
BATCHES_LOOKED_THROUGH = 200

_ORDER = {state: at for at, state in enumerate(State)}
Place = tuple[int, int, str]  # a sync, 0 for a row or 1 for a companion, and its primary (upsert) key


@dataclass(slots=True)
class Whereabouts:
    """What was found. `elsewhere` are the syncs that know nothing of it.

    `is_more`: there are more rows than MOST. `unread` are runs under way whose plans are too long to be
    looked through, so that a row nobody knew before may be among theirs. `gave_up`: a closer look
    took too long.
    """

    forms: tuple[str, ...]
    standings: list[Standing] = field(default_factory=list)
    elsewhere: list[OfSync] = field(default_factory=list)
    unread: list[Run] = field(default_factory=list)
    is_more: bool = False
    gave_up: bool = False

    @property
    def is_moving(self) -> bool:
        """Whether there is soon more to tell."""
        return any(standing.state in MOVES for standing in self.standings)


def find(team: Team, text: str, *, also: Run | None = None, closely: bool = False) -> Whereabouts:
    """Look through all syncs of the team for rows with this upsert or primary key.

    `also` is a run of the team for chosen rows, which are told of too. `closely` looks for what
    no index knows, too: records with this id at the destination, and this value in rows that were stopped
    before they had a key.
    """
    forms = spellings(text)
    syncs = _syncs(team)
    found = Whereabouts(forms)
    search = _Search(team, forms, {pk: one.sync for pk, one in syncs.items()})
    search.by_key()
    search.by_wishes(syncs.values(), also)
    if closely:
        found.gave_up = not search.closely()
    found.unread = search.by_plans([one.newest for one in syncs.values() if one.newest is not None])
    search.complete()
    standings = [
        Standing(syncs[sync], key, part) if not part else Standing(syncs[sync], "", part, match_key=key)
        for sync, part, key in search.places
    ]
    for standing in standings:
        _fill(standing, search)
    _place(standings)
    standings.sort(key=lambda one: (_ORDER[one.state], one.sync.name, one.part, one.key_text))
    found.is_more = search.is_more or len(standings) > MOST
    found.standings = standings[:MOST]
    told = {one.sync.pk for one in standings}
    found.elsewhere = [one for pk, one in syncs.items() if pk not in told]
    return found


def candidates(team: Team, text: str) -> list[str]:
    """Upsert keys that begin like the text, as the team's syncs know them: some of them, in order."""
    found: set[str] = set()
    for model in (LedgerEntry, RejectedRow):
        for start in beginnings(text):
            known = model._default_manager.filter(begins(start), team=team).order_by()
            found.update(known.values_list("match_key", flat=True)[: CANDIDATES * 10])
    return sorted(found)[:CANDIDATES]


def begins(start: str) -> Q:
    """By the index: PostgreSQL's is made for LIKE, SQLite's for ranges, as its LIKE knows no case."""
    if connection.vendor == "postgresql":
        return Q(match_key__startswith=start)
    return Q(match_key__gte=start, match_key__lt=f"{start}\U0010ffff")


# The syncs


def _syncs(team: Team) -> dict[int, OfSync]:
    """The team's syncs by their ids, in the order of their names, with the runs that tell of them."""
    of_sync = Run.objects.filter(sync=OuterRef("pk"), generation=OuterRef("generation"), dry_run=False)
    newest = of_sync.order_by("-number").values("pk")[:1]
    last = of_sync.over_all_rows().ended_well().order_by("-number").values("pk")[:1]
    syncs = list(
        Sync.objects.filter(team=team)
        .select_related("model", "connection")
        .defer("guards", "model__sql", "connection__fields", "connection__sealed_credentials")
        .annotate(newest_run=Subquery(newest), last_run=Subquery(last))
        .order_by("name")
    )
    wanted = {pk for sync in syncs for pk in (sync.newest_run, sync.last_run) if pk}
    runs = Run.objects.defer("notes", "diff").in_bulk(wanted)
    schedules = SyncSchedule.objects.filter(team=team).values_list("sync_id", "next_at", "follows__name")
    due = {pk: (next_at, follows or "") for pk, next_at, follows in schedules}
    wishes = {wish.sync_id: wish for wish in WaitingRetry.objects.filter(team=team)}
    found = {}
    for sync in syncs:
        newest_run, last_run = runs.get(sync.newest_run), runs.get(sync.last_run)
        one = OfSync(sync, newest_run, last_run, *due.get(sync.pk, (None, "")), wishes.get(sync.pk))
        for run in filter(None, (one.newest, one.last)):
            run.sync = sync
        found[sync.pk] = one
    return found


# Rows


@dataclass(slots=True)
class _Search:
    """The look-ups of one search, and what they found by place."""

    team: Team
    forms: tuple[str, ...]
    syncs: dict[int, Sync]
    places: dict[Place, None] = field(default_factory=dict)
    entries: dict[Place, LedgerEntry] = field(default_factory=dict)
    failed: dict[Place, RejectedRow] = field(default_factory=dict)
    left_behind: dict[Place, RejectedRow] = field(default_factory=dict)
    planned: dict[Place, str] = field(default_factory=dict)  # the upsert key in a plan
    is_more: bool = False

    def by_key(self) -> None:
        """By upsert key within the team, and by primary key within each sync."""
        of_team = LedgerEntry.objects.filter(team=self.team)
        self._take_entries(of_team.filter(match_key__in=self.forms))
        self._take_entries(self._entries(map(row_key, self._typed_keys)))
        self._take_failed(RejectedRow.objects.filter(team=self.team, match_key__in=self.forms))

    def closely(self) -> bool:
        """By the ids that destinations gave, and by values; False where that takes too long."""
        of_team = LedgerEntry.objects.filter(team=self.team, remote_id__in=self.forms)
        keyless = RejectedRow.objects.filter(team=self.team, match_key="", stage=RejectedRow.Stage.INVALID)
        values = [json.dumps(form, ensure_ascii=connection.vendor != "postgresql") for form in self.forms]
        holding = reduce(or_, (Q(values__contains=value) for value in values), Q(pk__in=[]))
        stopped = keyless.annotate(values=Cast("payload", TextField())).filter(holding, is_open=True)
        try:
            with transaction.atomic():
                if connection.vendor == "postgresql":
                    with connection.cursor() as cursor:
                        cursor.execute(f"SET LOCAL statement_timeout = {SECONDS_CLOSELY * 1000}")
                self._take_entries(of_team)
                self._take_failed(stopped)
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            return False
        return True

    def by_wishes(self, syncs: Iterable[OfSync], also: Run | None) -> None:
        """Rows that somebody asked to send; and all that the run `also` was started for."""
        typed = set(self._typed_keys)
        for of in syncs:
            asked_for = {*(of.wish.keys if of.wish else ()), *((of.active.keys or ()) if of.active else ())}
            self.places |= {(of.sync.pk, 0, key): None for key in typed & asked_for}
        if also is not None and also.sync_id in self.syncs:
            self.places |= {(also.sync_id, 0, key): None for key in also.keys or ()}

    def by_plans(self, newest: Sequence[Run]) -> list[Run]:
        """Rows of plans that are not all sent: no index tells their upsert keys. Returns runs left out."""
        open_runs = {run.pk: run for run in newest if run.waiting_count and run.status != Run.Status.PLANNING}
        batches = Batch.objects.filter(
            run__in=list(open_runs), plan_attempt=F("run__plan_attempt"), folded_at__isnull=True
        ).order_by("-run", "stage", "number")
        sizes = batches.values_list("pk", "run_id", "operation_count")[: BATCHES_LOOKED_THROUGH + 1]
        chosen, rows, unread = list[tuple[int, int]](), 0, dict[int, Run]()
        for at, (pk, run_id, size) in enumerate(sizes):
            rows += size
            if at == BATCHES_LOOKED_THROUGH or (rows > ROWS_LOOKED_THROUGH and chosen):
                unread[run_id] = open_runs[run_id]
            else:
                chosen.append((pk, run_id))
        if len(sizes) > BATCHES_LOOKED_THROUGH:
            begun = {run_id for _, run_id in chosen}
            unread |= {pk: run for pk, run in open_runs.items() if pk not in begun}
        marks = [orjson.dumps(form) for form in self.forms]
        ids = [pk for pk, _ in chosen]
        for batch in Batch.objects.filter(pk__in=ids).only("run_id", "stage", "payload"):
            self._take_planned(open_runs[batch.run_id], batch, marks)
        return list(unread.values())

    def complete(self) -> None:
        """For each row that one look-up found, what the others know of it."""
        rows = [(sync, key) for sync, part, key in self.places if not part]
        wanted = {ledger_key(key, part) for _, part, key in self.places} - {bytes(e.key) for e in self._known}
        self._take_entries(self._entries(wanted))
        texts = {key for _, key in rows if key} | set(self._typed_keys)
        self._take_failed(RejectedRow.objects.filter(sync__in=list(self.syncs), key_text__in=texts))

    @property
    def _known(self) -> Iterable[LedgerEntry]:
        return self.entries.values()

    @property
    def _typed_keys(self) -> list[str]:
        """The forms as primary keys, of one column or of as many as one of the models has."""
        shapes = {len(sync.model.primary_key): sync.model.primary_key for sync in self.syncs.values()}
        typed = (typed_key(form, columns) for columns in shapes.values() for form in self.forms)
        return list(dict.fromkeys(key for key in typed if key))

    def _entries(self, keys: Iterable[bytes]) -> QuerySet[LedgerEntry]:
        """By the ledger's own key, which begins with the sync and its generation."""
        generations = {sync.generation for sync in self.syncs.values()}
        return LedgerEntry.objects.filter(
            sync__in=list(self.syncs), generation__in=generations, key__in=list(keys)
        )

    def _take_entries(self, found: QuerySet[LedgerEntry]) -> None:
        entries = list(found.defer("record").order_by()[: 2 * MOST])
        self.is_more |= len(entries) == 2 * MOST
        for entry in entries:
            sync = self.syncs.get(entry.sync_id)
            if sync is not None and entry.generation == sync.generation:
                place = (entry.sync_id, entry.part, entry.match_key if entry.part else entry.key_text)
                self.places[place] = None
                self.entries[place] = entry

    def _take_failed(self, found: QuerySet[RejectedRow]) -> None:
        """The newest row of each place. Every run writes down anew what it stopped, so they are many."""
        told = found.filter(run__dry_run=False, run__generation=F("sync__generation")).order_by()
        newest = told.values("sync", "part", "key_text", "match_key", "stage").annotate(newest=Max("pk"))
        pks = [one["newest"] for one in newest[: 10 * MOST]]
        self.is_more |= len(pks) == 10 * MOST
        rows = RejectedRow.objects.filter(pk__in=pks).select_related("run")
        for row in rows.defer("run__keys", "run__notes", "run__diff").order_by("-pk"):
            row.sync = self.syncs[row.sync_id]
            place = (row.sync_id, row.part, row.match_key if row.part else row.key_text)
            self.places[place] = None
            kept = self.left_behind if row.stage == RejectedRow.Stage.LEFT_BEHIND else self.failed
            if place not in kept or kept[place].pk < row.pk:
                kept[place] = row

    def _take_planned(self, run: Run, batch: Batch, marks: Sequence[bytes]) -> None:
        packed = bytes(batch.payload)
        try:
            plain = zlib.decompress(packed)
            if not any(mark in plain for mark in marks):  # much quicker than to read it
                return
            payload = Payload(packed)
            rows = payload.columns(range(len(payload)))
        except BROKEN:  # written by another version
            return
        part = int(batch.stage == Batch.Stage.COMPANIONS)
        for key_text, match_key in zip(rows.key_texts, rows.match_keys, strict=True):
            if match_key in self.forms or key_text in self.forms:
                place = (run.sync_id, part, match_key if part else key_text)
                self.places[place], self.planned[place] = None, match_key


def _fill(standing: Standing, search: _Search) -> None:
    """Put what the search found on the standing."""
    place = (standing.sync.pk, standing.part, standing.match_key if standing.part else standing.key_text)
    standing.entry = search.entries.get(place)
    standing.failed = search.failed.get(place)
    standing.left_behind = search.left_behind.get(place)
    if standing.part:
        standing.key_text = standing.failed.key_text if standing.failed is not None else ""
        return
    if place in search.planned:
        standing.match_key = search.planned[place]
    elif standing.entry is not None:
        standing.match_key = standing.entry.match_key
    elif standing.failed is not None:
        standing.match_key = standing.failed.match_key
    left = standing.left_behind
    standing.is_asked_by_former_key = (
        left is not None and left.match_key in search.forms and standing.match_key not in search.forms
    )


# Their places in plans


def _place(standings: Sequence[Standing]) -> None:
    """Where each row is in its sync's newest run, and in the one that the destination last accepted."""
    numbers = {(one.sync.pk, one.accepted_in) for one in standings if one.accepted_in}
    accepted = Run.objects.filter(
        sync__in={sync for sync, _ in numbers}, number__in={number for _, number in numbers}
    ).defer("keys", "notes", "diff")
    runs = {run.pk: run for run in accepted if (run.sync_id, run.number) in numbers}
    runs |= {one.of.newest.pk: one.of.newest for one in standings if one.of.newest is not None}
    by_number = {(run.sync_id, run.number): run for run in runs.values()}
    keys = {(one.sync.pk, one.part, _ledger_key(one)): one for one in standings}
    rows = PlannedRow.objects.filter(
        sync__in={sync for sync, _, _ in keys}, key__in={key for _, _, key in keys}, run__in=list(runs)
    )
    at = {(row.sync_id, row.part, bytes(row.key), row.run_id): row for row in rows}
    batches = _batches({(row.run_id, row.batch_number) for row in at.values()})
    for key, one in keys.items():

        def planned(run: Run | None, key: tuple[int, int, bytes] = key) -> Planned | None:
            row = at.get((*key, run.pk)) if run is not None else None
            batch = batches.get((run.pk, run.plan_attempt, row.batch_number)) if run and row else None
            if run is None or row is None or batch is None:
                return None
            kept = bool(batch.size)  # type: ignore[attr-defined]
            return Planned(run, batch, row.position, kept, _verdict(batch, row.position))

        one.planned = planned(one.of.newest)
        one.sent = planned(by_number.get((one.sync.pk, one.accepted_in)))


def _ledger_key(standing: Standing) -> bytes:
    return ledger_key(standing.match_key if standing.part else standing.key_text, standing.part)


def _batches(places: set[tuple[int, int]]) -> dict[tuple[int, int, int], Batch]:
    found = (
        Batch.objects.filter(run__in={run for run, _ in places}, number__in={number for _, number in places})
        .defer("payload", "journal")
        .annotate(size=Length("payload"))
    )
    return {(batch.run_id, batch.plan_attempt, batch.number): batch for batch in found}


def _verdict(batch: Batch, position: int) -> Verdict | None:
    """What was proved about the operation; None while its batch is not settled."""
    if batch.status != Batch.Status.SETTLED:
        return None
    try:
        settled: Settled | None = read_outcomes(bytes(batch.outcomes)) if batch.outcomes else None
    except BROKEN:
        settled = None
    if settled is None:
        return Verdict.UNPROVED
    if position in settled.accepted:
        return Verdict.ACCEPTED
    return Verdict.REJECTED if str(position) in settled.rejected else Verdict.UNPROVED
