"""Which rows of a sync need attention now: of each row the newest that is known, whichever run told it.

A run writes down what did not arrive, open from the start. At its end it closes what it overtook: of a row
that it told of, what older runs told; of a row that arrived, all; and where it ended well, whatever it looked
at and had nothing to say of (the row is right again, or left the model). Rows that it put off stay open.

A choice of open rows is a JSON object with any of `stage`, `problem`, `field` and `run` (a number): those
that are alike in all of them. An empty one means all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q

from destinations.contract import JSON
from syncs.engine.lease import Lease
from syncs.models import LedgerEntry, RejectedRow, Run, Sync
from syncs.models.rejected_row import RejectedRowQuerySet

AT_ONCE = 500  # rows; keeps SQLite's write transactions short
MOST_NAMED = 200_000  # rows whose keys one run holds in memory


def open_rows(sync: Sync) -> RejectedRowQuerySet:
    """What needs attention now; of a run that is going on nothing yet."""
    active = Run.objects.active().filter(sync=sync).values("pk")
    return RejectedRow.objects.still_open().filter(sync=sync).exclude(run__in=active)


def choice(*, stage: str = "", problem: str = "", field: str | None = None, run: int = 0) -> dict[str, JSON]:
    """A choice of open rows; what is not given narrows nothing."""
    chosen: dict[str, JSON] = {"stage": stage, "problem": problem, "run": run}
    chosen = {name: value for name, value in chosen.items() if value}
    return chosen if field is None else chosen | {"field": field}


def chosen(choices: Sequence[Mapping[str, Any]]) -> Q:
    """The open rows that any of the choices means."""
    wanted = Q(pk__in=[])
    for one in choices:
        narrowed = {name: one[name] for name in ("stage", "problem", "field") if name in one}
        if "run" in one:
            narrowed["run__number"] = one["run"]
        wanted |= Q(**narrowed) if narrowed else Q(pk__isnull=False)
    return wanted


def named(run: Run) -> list[str] | None:
    """The primary keys that the run keeps to; None: it keeps to none."""
    if run.open_rows is None:
        return run.keys
    found = (
        RejectedRow.objects.still_open()
        .filter(chosen(run.open_rows), sync=run.sync_id, run__number__lt=run.number)
        .exclude(key_text="")
        .order_by()
        .values_list("key_text", flat=True)
        .distinct()
    )
    return list(dict.fromkeys([*(run.keys or ()), *found[:MOST_NAMED]]))


def close(run: Run, lease: Lease, *, ended_well: bool) -> None:
    """Close what the run overtook. LostLease where another worker has it.

    Nothing is lost where a worker dies over it: the next one closes the rest.
    """
    if run.dry_run:
        return
    looked_at: frozenset[str] | None = None
    if run.is_over_named_rows:
        looked_at = frozenset(named(run) or ()) if ended_well else frozenset()
    elif not ended_well or run.limit is not None:
        looked_at = frozenset()
    puts_off = run.deferred_count > 0
    older = RejectedRow.objects.filter(sync=run.sync_id, is_open=True, run__number__lt=run.number)
    pks = list(older.order_by().values_list("pk", flat=True))
    for at in range(0, len(pks), AT_ONCE):
        lease.demand()
        some = pks[at : at + AT_ONCE]
        if looked_at is not None or puts_off:  # else all that older runs told is over, whatever it was
            some = _over(run, some, looked_at, puts_off=puts_off)
        RejectedRow.objects.filter(pk__in=some).update(is_open=False)


def _over(run: Run, pks: Sequence[int], looked_at: frozenset[str] | None, *, puts_off: bool) -> list[int]:
    """Which of these rows the run overtook. `looked_at` are the keys that it came to; None: all."""
    told = RejectedRow.objects.filter(pk__in=pks).annotate(
        is_overtaken=_overtaken(run), is_put_off=_put_off(run)
    )
    return [
        pk
        for pk, key_text, is_overtaken, is_put_off in told.values_list(
            "pk", "key_text", "is_overtaken", "is_put_off"
        )
        if is_overtaken or ((looked_at is None or key_text in looked_at) and not (puts_off and is_put_off))
    ]


def close_all(syncs: Sequence[int]) -> None:
    """These syncs begin anew: their next run sends every row, so that nothing is known to be wrong."""
    RejectedRow.objects.filter(sync__in=syncs, is_open=True).update(is_open=False)


def close_late(run: Run, keys: Iterable[bytes]) -> None:
    """Rows of the run that were in doubt did arrive, as was found out after its end."""
    pks = RejectedRow.objects.filter(run=run, stage=RejectedRow.Stage.IN_DOUBT, is_open=True)
    wanted = set(keys)
    found = [pk for pk, key in pks.values_list("pk", "key").iterator() if bytes(key) in wanted]
    for at in range(0, len(found), AT_ONCE):
        RejectedRow.objects.filter(pk__in=found[at : at + AT_ONCE]).update(is_open=False)


def _overtaken(run: Run) -> Q:
    """Rows that the run told of, that arrived since, or of a former life of the ledger."""
    of_row = {"key_text": OuterRef("key_text"), "part": OuterRef("part")}
    told = RejectedRow.objects.filter(sync=run.sync_id, run=run, **of_row)
    since = {"fingerprint__isnull": False, "run_number__gte": OuterRef("run__number")}
    return (~Q(key_text="") & Exists(told)) | _in_ledger(run, **since) | ~Q(run__generation=run.generation)


def _put_off(run: Run) -> Q:
    """Rows that were refused before, and whose next try comes after the run."""
    later = Q(next_try_run__gt=run.number) | Q(next_try_at__gt=run.planned_at or run.created_at)
    return Q(stage=RejectedRow.Stage.REJECTED) & _in_ledger(run, later, refused_fingerprint__isnull=False)


def _in_ledger(run: Run, *narrowed: Q, **columns: Any) -> Q:
    """Rows of whose entry this is so; a companion's entry goes by its own key, which is its `match_key`."""
    entries = LedgerEntry.objects.filter(
        *narrowed, team=run.team_id, sync=run.sync_id, generation=run.generation, **columns
    )
    rows = Q(part=0) & Exists(entries.filter(key=OuterRef("key")))
    return rows | (Q(part=1) & Exists(entries.filter(part=1, match_key=OuterRef("match_key"))))
