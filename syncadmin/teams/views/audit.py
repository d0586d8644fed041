"""The audit log of a team, for its owners and admins: to look through, and as a file."""

import csv
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from syncadmin.lib.paging import public_id, sliced
from syncadmin.lib.spreadsheet import MARK, Echo, guarded
from syncadmin.teams import audit, audit_words
from syncadmin.teams.access import Can, TeamRequest, needs
from syncadmin.teams.models import AuditEntry, Team

A_PAGE = 100
A_READ = 2_000
ORDER = ("-at", "-id")
EARLIEST, LATEST = date(2000, 1, 1), date(9000, 1, 1)  # times beyond break databases
HEAD = ("Time", "Who", "From", "What", "Code", "Kind", "Name", "Id", "Changes")


class AuditFilter(forms.Form):
    """What the log is narrowed by: who, what and when. Days are the reader's own."""

    who = forms.CharField(
        label="Who",
        required=False,
        max_length=254,
        widget=forms.TextInput(attrs={"list": "people", "autocapitalize": "none", "spellcheck": "false"}),
    )
    action = forms.ChoiceField(label="Did what", required=False, choices=audit_words.choices)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.is_narrowed = any(data.get(name) for name in self.fields)

    def apply(self, entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """The entries that are asked for. What cannot be read narrows nothing, and is said at its field."""
        self.is_valid()
        asked = self.cleaned_data
        if asked.get("who"):
            who = asked["who"].strip().lower()
            is_whole = "." in who.partition("@")[2]  # an address, of which there is an index
            entries = entries.filter(**{"who" if is_whole else "who__startswith": who})
        if asked.get("action"):
            entries = entries.filter(action=asked["action"])
        zone = timezone.get_current_timezone()
        if asked.get("since"):
            begin = max(asked["since"], EARLIEST)
            entries = entries.filter(at__gte=datetime.combine(begin, time(), zone))
        if asked.get("until"):
            end = max(min(asked["until"], LATEST), EARLIEST) + timedelta(days=1)
            entries = entries.filter(at__lt=datetime.combine(end, time(), zone))
        return entries


@require_GET
@needs(Can.AUDIT)
def audit_log(request: TeamRequest) -> HttpResponse:
    """The team's entries, the newest first."""
    form = AuditFilter(request.GET)
    entries = form.apply(AuditEntry.objects.filter(team=request.team))
    back = "newer" in request.GET
    start = _start(request.team, request.GET.get("newer" if back else "older", ""))
    page = sliced(entries, ORDER, start, back=back and start is not None, size=A_PAGE)
    people = request.team.memberships.order_by("user__email").values_list("user__email", flat=True)
    return render(
        request,
        "teams/audit.html",
        {
            "section": "settings",
            "tab": "audit",
            "form": form,
            "people": people[:200],
            "lines": [
                {"entry": one, "action": audit_words.action(one.action), "changes": audit_words.changes(one)}
                for one in page.objects
            ],
            "newer": page.objects[0].public_id if page.has_before and page.objects else "",
            "older": page.objects[-1].public_id if page.has_after and page.objects else "",
        },
    )


@require_GET
@needs(Can.AUDIT)
def audit_csv(request: TeamRequest) -> StreamingHttpResponse:
    """The entries that are asked for, as a file for a spreadsheet, written while they are read."""
    form = AuditFilter(request.GET)
    # What is written down of this download is not in it.
    entries = form.apply(AuditEntry.objects.filter(team=request.team, at__lte=timezone.now()))
    asked = {name: str(form.cleaned_data[name]) for name in form.fields if form.cleaned_data.get(name)}
    audit.record(request, request.team, audit.Action.AUDIT_DOWNLOADED, after=asked)
    return StreamingHttpResponse(
        _lines(entries, timezone.get_current_timezone()),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{request.team.slug}-audit-log.csv"',
            "Cache-Control": "no-store",
        },
    )


def _lines(entries: QuerySet[AuditEntry], zone: tzinfo) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield MARK + writer.writerow(HEAD)
    start: AuditEntry | None = None
    while True:
        found = sliced(entries, ORDER, start, size=A_READ)
        for one in found.objects:
            told = (
                one.at.astimezone(zone).isoformat(sep=" ", timespec="seconds"),
                one.who,
                one.address or "",
                audit_words.action(one.action),
                one.action,
                one.kind,
                one.name,
                one.subject_id,
                "\n".join(_sentence(change) for change in audit_words.changes(one)),
            )
            yield writer.writerow([guarded(text) for text in told])
        if not found.has_after:
            return
        start = found.objects[-1]


def _sentence(change: audit_words.Change) -> str:
    return f"{change.name}: {change.before or '–'} → {change.after or '–'}"


def _start(team: Team, named: str) -> AuditEntry | None:
    found = public_id(named)
    return AuditEntry.objects.filter(team=team, public_id=found).first() if found else None
