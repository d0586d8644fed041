"""One record among a run's rows, by its primary key or by its address, wherever the run left it.

What is typed is personal data: it comes in a form's body and is in no address.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine.batches import BROKEN, Payload
from syncs.engine.keys import companion_key, row_key
from syncs.engine.spellings import spellings
from syncs.forms.people import FindForm
from syncs.models import LedgerEntry, PlannedRow, RejectedRow, Run
from syncs.views import run_sent, run_words
from syncs.views.runs import find

MOST_FOUND = 20
MOST_LOOKED_THROUGH = 100  # batches that are read for an address that nothing else knows


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that fits: what became of it in the run, and the page that tells all of it."""

    key_text: str
    match_key: str
    said: str
    tone: str
    url: str


@needs(Can.LOOK)
def run_find(request: TeamRequest, run: UUID) -> HttpResponse:
    """Ask for a record, and list what fits."""
    found = find(request, run)
    form = FindForm(request.POST if request.method == "POST" else None)
    shown = {"section": "runs", "run": found, "form": form, "place": run_words.place_of(found)}
    if form.is_bound and form.is_valid():
        hits = list(look(found, request.team.slug, form.cleaned_data["what"]))
        shown |= {"hits": hits[:MOST_FOUND], "is_asked": True, "has_more": len(hits) > MOST_FOUND}
    return render(request, "syncs/runs/find.html", shown)


def look(run: Run, team: str, text: str) -> Iterator[Hit]:
    """The run's records with this key or address. A fixed number of queries."""
    forms = spellings(text)
    known = list(
        LedgerEntry.objects.filter(
            team=run.team_id, match_key__in=forms, sync=run.sync_id, generation=run.generation
        ).defer("record")[:MOST_FOUND]
    )
    keys = {row_key(form) for form in forms} | {companion_key(form) for form in forms}
    keys |= {bytes(entry.key) for entry in known}
    failed = list(_failed(run, forms))
    planned = PlannedRow.objects.filter(sync=run.sync_id, key__in=list(keys), run=run)
    places = list(planned.order_by("batch_number", "position").values_list("batch_number", "position"))
    if not failed and not places:
        places = list(_places(run, forms))
    told = {row.key_text for row in failed}
    for row in failed:
        yield _of_failed(run, team, row)
    for place in places[:MOST_FOUND]:
        sent = run_sent.one(run, place)
        if sent is not None and (sent[0].key_text not in told or sent[0].is_companion):
            yield _of_sent(run, team, sent[0])
    if not failed and not places:
        yield from _elsewhere(run, team, keys, known)


def _failed(run: Run, forms: Sequence[str]) -> Iterator[RejectedRow]:
    """Two queries, each by its index."""
    of_run = RejectedRow.objects.filter(run=run)
    by_key = list(of_run.filter(sync=run.sync_id, key_text__in=forms)[:MOST_FOUND])
    yield from by_key
    seen = {row.pk for row in by_key}
    by_match = of_run.filter(team=run.team_id, match_key__in=forms).exclude(pk__in=seen)
    yield from by_match[:MOST_FOUND]


def _places(run: Run, forms: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where an address is that only the plan itself knows yet: the first batches are looked through."""
    wanted = set(forms)
    batches = run.batches.filter(plan_attempt=run.plan_attempt).exclude(payload=b"").order_by("number")
    for batch in batches.only("number", "payload", "operation_count")[:MOST_LOOKED_THROUGH].iterator(10):
        try:
            match_keys = Payload(bytes(batch.payload)).columns(range(batch.operation_count)).match_keys
        except BROKEN:
            continue
        yield from ((batch.number, at) for at, key in enumerate(match_keys) if key in wanted)


def _of_failed(run: Run, team: str, row: RejectedRow) -> Hit:
    tone = "bad" if row.stage == RejectedRow.Stage.REJECTED else "warn"
    url = reverse("run_row", args=[team, run.public_id, row.public_id])
    return Hit(row.key_text, row.match_key, row.get_stage_display(), tone, url)


def _of_sent(run: Run, team: str, sent: run_sent.Sent) -> Hit:
    said, tone = ("Answered", "good") if sent.at else ("Still to be sent", "")
    if run.dry_run:
        said, tone = "Would be sent", ""
    elif sent.at is None and run.is_over:
        said = "Not sent in this run"
    url = reverse("run_planned_row", args=[team, run.public_id, *sent.place])
    return Hit(sent.key_text, sent.match_key, said, tone, url)


def _elsewhere(run: Run, team: str, keys: Iterable[bytes], known: list[LedgerEntry]) -> Iterator[Hit]:
    """Rows that the sync knows and the run sent nothing of: where they last went."""
    of_sync = LedgerEntry.objects.filter(sync=run.sync_id, generation=run.generation)
    entries = {bytes(one.key): one for one in (*known, *of_sync.filter(key__in=list(keys)).defer("record"))}
    numbers = {one.run_number for one in entries.values()}
    runs = {one.number: one for one in Run.objects.filter(sync=run.sync_id, number__in=numbers).defer("keys")}
    went = {
        (bytes(one.key), one.run_id): one
        for one in PlannedRow.objects.filter(
            sync=run.sync_id, key__in=list(entries), run__in=list(runs.values())
        )
    }
    for key, entry in entries.items():
        last = runs.get(entry.run_number)
        if last is None:
            yield Hit(entry.key_text, entry.match_key, "Nothing of it was sent in this run", "", "")
            continue
        there = went.get((key, last.pk))
        url = (
            reverse("run_planned_row", args=[team, last.public_id, there.batch_number, there.position])
            if there is not None
            else reverse("run", args=[team, last.public_id])
        )
        said = f"Nothing of it was sent in this run; it was last sent in run #{last.number}"
        yield Hit(entry.key_text, entry.match_key, said, "", url)
