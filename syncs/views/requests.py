"""The requests to a destination's account that are kept: the list that the bars of its chart lead to."""

from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from destinations.models import Connection, Exchange
from syncadmin.lib import paging
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.forms.runs import MomentField
from syncs.models import Kept, Run
from syncs.views import removed

ANSWERS = {"429": "Refused as too many", "other": "All but those refused as too many"}
LIGHT = ("public_id", "method", "url", "status", "started_at", "milliseconds", "subject", "connection")


class RequestFilter(forms.Form):
    """What the list is narrowed by: moments from a chart's link, and the kind of answer."""

    answer = forms.ChoiceField(choices=[("", "Any answer"), *ANSWERS.items()], required=False, label="Answer")

    def __init__(self, data: object) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.fields |= {name: MomentField(required=False) for name in ("from", "to")}


@needs(Can.LOOK)
def connection_requests(request: TeamRequest, connection: UUID) -> HttpResponse:
    """Requests to the connection's account, by all of the team's connections to it, the newest first."""
    connections = Connection.objects.filter(team=request.team).select_related("account")
    found = get_object_or_404(connections, public_id=connection)
    ways = Connection.objects.filter(account=found.account)
    form = RequestFilter(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    kept = Exchange.objects.filter(team=request.team, connection__in=ways).select_related("connection")
    if asked.get("from"):
        kept = kept.filter(started_at__gte=asked["from"])
    if asked.get("to"):
        kept = kept.filter(started_at__lt=asked["to"])
    if asked.get("answer") == "429":
        kept = kept.filter(status=429)
    elif asked.get("answer"):
        kept = kept.exclude(status=429, status__isnull=False)
    page = paging.newest_first(kept.only(*LIGHT, "connection__name", "connection__public_id"), request.GET)
    shown = list(page.objects)
    runs = {
        run.public_id: run
        for run in Run.objects.filter(team=request.team, public_id__in={one.subject for one in shown})
        .select_related("sync")
        .only("public_id", "number", "sync__name")
    }
    return render(
        request,
        "destinations/requests.html",
        {
            "section": "destinations",
            "connection": found,
            "form": form,
            "page": page,
            "lines": [(one, runs.get(one.subject) if one.subject else None) for one in shown],
            "is_narrowed": any(asked.values()),
            "removed": removed.words(Kept.Kind.REQUESTS, since=asked.get("from"), is_last=not page.older),
        },
    )
