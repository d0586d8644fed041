"""The requests of a run with their answers: a list to narrow, one request whole, and to take along."""

import json
import shlex
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh

from destinations.contract import Adapter
from destinations.models import Exchange
from syncadmin.lib import paging, personal
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine import run_audit
from syncs.models import Batch, Kept, Run
from syncs.views import run_sent, run_wire, run_words
from syncs.views.runs import find

LONGEST = run_wire.LONGEST
SHOWN_ROWS = 20
SLOW = 1_000  # milliseconds
WRITES = ("POST", "PUT", "PATCH", "DELETE")
# What an answer came to: the words for a choice, and what it means.
STATUSES: dict[str, tuple[str, Q]] = {
    "good": ("Answered well", Q(status__lt=400)),
    "refused": ("Refused (400 to 499)", Q(status__gte=400, status__lt=500)),
    "failed": ("Failed there (500 and above)", Q(status__gte=500)),
    "none": ("No answer", Q(status=None)),
}
KINDS: dict[str, tuple[str, Q]] = {
    "writes": ("Writes", Q(method__in=WRITES)),
    "reads": ("Reads", ~Q(method__in=WRITES)),
}
TIMES: dict[str, tuple[str, Q]] = {
    "slow": ("Over a second", Q(milliseconds__gte=SLOW)),
    "very_slow": ("Over ten seconds", Q(milliseconds__gte=10 * SLOW)),
}


class RequestFilter(forms.Form):
    """What the list is narrowed by; what cannot be read narrows nothing, and is said at its field."""

    status = forms.ChoiceField(label="Answer", required=False)
    kind = forms.ChoiceField(label="What for", required=False)
    time = forms.ChoiceField(label="Took", required=False)

    def __init__(self, data: Any, adapter: type[Adapter] | None) -> None:
        super().__init__(data)
        self._steps = {one.words: one for one in adapter.steps} if adapter is not None else {}
        steps = [(words, words) for words in self._steps]
        self._choose("status", [("", "Any"), *((name, words) for name, (words, _) in STATUSES.items())])
        self._choose(
            "kind", [("", "Anything"), *((name, words) for name, (words, _) in KINDS.items()), *steps]
        )
        self._choose("time", [("", "Any time"), *((name, words) for name, (words, _) in TIMES.items())])
        self.is_narrowed = any(data.get(name) for name in self.fields)

    def apply(self, found: QuerySet[Exchange]) -> QuerySet[Exchange]:
        self.is_valid()
        asked = self.cleaned_data
        if status := asked.get("status"):
            found = found.filter(STATUSES[status][1])
        if time := asked.get("time"):
            found = found.filter(TIMES[time][1])
        if kind := asked.get("kind"):
            step = self._steps.get(kind)
            if step is None:
                return found.filter(KINDS[kind][1])
            found = found.filter(method=step.method, url__regex=step.pattern)
            for one in self._steps.values():  # the first that fits names a request
                if one is step:
                    break
                if one.method == step.method:
                    found = found.exclude(url__regex=one.pattern)
        return found

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Line:
    """A request in the list, and what it is for."""

    exchange: Exchange
    step: str

    @property
    def is_slow(self) -> bool:
        return self.exchange.milliseconds >= SLOW


@vary_on_headers("HX-Request")
@needs(Can.LOOK)
def run_requests(request: TeamRequest, run: UUID) -> HttpResponse:
    """The run's requests, the newest first; while it goes on, the list is looked at again by itself."""
    found = find(request, run)
    adapter = run_words.adapter_of_run(found)
    form = RequestFilter(request.GET, adapter)
    of_run = Exchange.objects.filter(team=request.team, subject=found.public_id)
    bare = of_run.only(
        "public_id", "subject", "method", "url", "status", "error", "started_at", "milliseconds"
    )
    page = paging.newest_first(form.apply(bare), request.GET)
    shown = {
        "section": "runs",
        "run": found,
        "form": form,
        "lines": [Line(one, run_wire.step_of(one, adapter)) for one in page.objects],
        "newer": page.newer,
        "older": page.older,
        "counts": _counts(of_run),
        "keep_days": settings.EXCHANGES_KEEP_DAYS,
        "removed_until": Kept.objects.removed_until(Kept.Kind.REQUESTS),
    }
    if getattr(request, "htmx", False):
        if found.is_over:
            return HttpResponseClientRefresh()
        return render(request, "syncs/runs/_requests.html", shown)
    return render(request, "syncs/runs/requests.html", shown)


def _counts(found: QuerySet[Exchange]) -> list[tuple[str, str, int]]:
    """How many requests came to what, each as (address, words, requests). One query, of an index."""
    wanted = {f"status={name}": (words, where) for name, (words, where) in STATUSES.items()}
    wanted["time=slow"] = TIMES["slow"]
    asked = {name: Count("pk", filter=where) for name, (_, where) in wanted.items()}
    names = {f"n{at}": name for at, name in enumerate(asked)}
    counts = found.aggregate(every=Count("pk"), **{short: asked[name] for short, name in names.items()})
    told = [("", "All", counts["every"])]
    return told + [(name, wanted[name][0], counts[short]) for short, name in names.items() if counts[short]]


# One request


@needs(Can.LOOK)
def run_request(request: TeamRequest, run: UUID, exchange: UUID) -> HttpResponse:
    """A request and its answer, headers and all; bodies are cut unless they are asked for whole."""
    found, one = _one(request, run, exchange)
    adapter = run_words.adapter_of_run(found)
    is_whole = "whole" in request.GET
    sent, told = personal.body(one.request_text), personal.body(one.reply_text)
    batch, position, attempt = _carrier(found, one)
    rows = []
    if batch is not None and batch.payload:
        at = [position] if position is not None else range(min(SHOWN_ROWS, batch.operation_count))
        rows = [kept[0] for each in at if (kept := run_sent.of_batch(batch, each)) is not None]
    shown = {
        "section": "runs",
        "run": found,
        "one": one,
        "step": run_wire.step_of(one, adapter),
        "attempt": attempt,
        "request_headers": _headers(one.request_headers),
        "answer_headers": _headers(one.reply_headers),
        "sent": sent if is_whole else sent[:LONGEST],
        "told": told if is_whole else told[:LONGEST],
        "is_cut": not is_whole and max(len(sent), len(told)) > LONGEST,
        "rows": rows,
        "row_count": 1 if position is not None else (batch.operation_count if batch is not None else 0),
        "writes": one.method in WRITES,
        "curl": as_curl(one) if personal.is_shown() else "",
    }
    return render(request, "syncs/runs/request.html", shown)


@needs(Can.SEE_PEOPLE)
def run_request_json(request: TeamRequest, run: UUID, exchange: UUID) -> HttpResponse:
    """The request and its answer as a file, without secrets."""
    found, one = _one(request, run, exchange)
    run_audit.downloaded(request, found, {"rows": "a request and its answer"})
    answer = JsonResponse(as_json(one), json_dumps_params={"indent": 2, "ensure_ascii": False})
    name = f"request-{str(one.public_id)[:8]}-run-{found.number}.json"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store"
    return answer


def as_curl(one: Exchange) -> str:
    """The request as a command line for a shell. What was removed from it is to be filled in."""
    parts = [f"curl --request {one.method} {shlex.quote(one.url)}"]
    skipped = {"content-length", "accept-encoding"}
    parts += [
        f"--header {shlex.quote(f'{name}: {value}')}"
        for name, value in one.request_headers.items()
        if name.lower() not in skipped
    ]
    if one.request_text:
        parts.append(f"--data-raw {shlex.quote(one.request_text)}")
    return " \\\n  ".join(parts)


def as_json(one: Exchange) -> dict[str, Any]:
    """The exchange as plain data; bodies that are JSON as such."""
    return {
        "at": one.started_at.isoformat(),
        "milliseconds": one.milliseconds,
        "request": {
            "method": one.method,
            "url": one.url,
            "headers": one.request_headers,
            "body": _read(one.request_text),
        },
        "answer": None
        if one.status is None
        else {"status": one.status, "headers": one.reply_headers, "body": _read(one.reply_text)},
        "error": one.error,
    }


def _one(request: TeamRequest, run: UUID, exchange: UUID) -> tuple[Run, Exchange]:
    found = find(request, run)
    kept = Exchange.objects.filter(team=request.team, subject=found.public_id)
    return found, get_object_or_404(kept, public_id=exchange)


def _carrier(run: Run, one: Exchange) -> tuple[Batch | None, int | None, int]:
    """The batch whose rows the request was for, which of them where it was one, and the how-manyeth try."""
    parts = one.call.split("-")
    if not all(part.isdigit() for part in parts) or len(parts) not in (2, 3):
        return None, None, 1
    batch = run.batches.filter(pk=int(parts[0])).first()
    return batch, int(parts[2]) if len(parts) == 3 else None, int(parts[1])


def _headers(kept: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, personal.mentions(str(value))) for name, value in sorted(kept.items())]


def _read(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text
