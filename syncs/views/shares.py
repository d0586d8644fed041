"""A connection that teams share: who uses it, for the owner; what may be done with it, for the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from destinations import connect
from destinations.models import Connection, ConnectionShare
from syncadmin.lib.shown import counted
from syncadmin.teams.access import Can, TeamRequest, needs
from syncadmin.teams.models import Team
from syncs.configuration import sharing
from syncs.forms.shares import ShareForm
from syncs.models import ModelShare, Run, Sync

COUNTED_DAYS = 30


@dataclass(frozen=True, slots=True)
class Use:
    """What another team makes of a connection: counts, none of its rows or names."""

    share: ConnectionShare
    objects: Sequence[str]
    sync_count: int
    accepted_count: int  # rows that arrived within COUNTED_DAYS


def uses_of(connection: Connection) -> list[Use]:
    """The teams that the connection is shared with. Three queries, however many they are."""
    shares = list(connection.shares.select_related("with_team").order_by("with_team__name", "pk"))
    if not shares:
        return []
    teams = [one.with_team_id for one in shares]
    syncs = dict(
        Sync.objects.filter(connection=connection, team__in=teams)
        .values_list("team")
        .annotate(Count("pk"))
        .order_by()
    )
    since = timezone.now() - timedelta(days=COUNTED_DAYS)
    rows = dict(
        Run.objects.filter(sync__connection=connection, team__in=teams, created_at__gte=since)
        .values_list("team")
        .annotate(Sum("accepted_count"))
        .order_by()
    )
    labels = {one.key: one.label for one in connect.adapter_of(connection).objects}
    return [
        Use(
            one,
            [labels.get(key, key) for key in one.objects_allowed],
            syncs.get(one.with_team_id, 0),
            rows.get(one.with_team_id) or 0,
        )
        for one in shares
    ]


def foreign_count(connection: Connection) -> int:
    """How many syncs of other teams stand on the connection."""
    return Sync.objects.filter(~Q(team=connection.team_id), connection=connection).count()


def shared_page(request: TeamRequest, connection: UUID) -> HttpResponse:
    """What a team sees of a connection that another shares with it. 404 where none does."""
    share = ConnectionShare.objects.select_related("connection__account", "connection__team").filter(
        with_team=request.team, connection__public_id=connection
    )
    found = share.first()
    if found is None:
        raise Http404
    adapter = connect.adapter_of(found.connection)
    return render(
        request,
        "destinations/shared.html",
        {
            "section": "destinations",
            "share": found,
            "connection": found.connection,
            "adapter_label": adapter.label,
            "objects": [
                (one.label, len(connect.known_fields(found.connection, one.key)))
                for one in adapter.objects
                if one.key in found.objects_allowed
            ],
            "syncs": Sync.objects.filter(connection=found.connection, team=request.team)
            .select_related("model")
            .order_by("name"),
        },
    )


@require_http_methods(["GET", "POST"])
@needs(Can.CONNECT)
def share_add(request: TeamRequest, connection: UUID) -> HttpResponse:
    """Let another team use it."""
    found = _own(request, connection)
    adapter = connect.adapter_of(found)
    form = ShareForm(request.POST if request.method == "POST" else None, connection=found, adapter=adapter)
    if form.is_valid() and form.with_team is not None:
        data = form.cleaned_data
        try:
            sharing.share(
                request,
                found,
                form.with_team,
                objects=data["objects"],
                percent=data["percent"],
                made_by=request.user,
            )
        except IntegrityError:
            form.add_error("slug", f"{form.with_team} uses it already: somebody shared it just now.")
        else:
            messages.success(
                request, f"{form.with_team} can use it now, and finds it among its destinations."
            )
            return redirect("connection", request.team.slug, found.public_id)
    return _form(request, found, form, None)


@require_http_methods(["GET", "POST"])
@needs(Can.CONNECT)
def share_edit(request: TeamRequest, share: UUID) -> HttpResponse:
    """Other objects, or another part of the limits."""
    given = _given(request, share)
    found = given.connection
    form = ShareForm(
        request.POST if request.method == "POST" else None,
        connection=found,
        adapter=connect.adapter_of(found),
        given=given,
    )
    if form.is_valid():
        data = form.cleaned_data
        hurt = sharing.change(request, given, objects=data["objects"], percent=data["percent"])
        messages.success(request, f"Saved.{told_of_hurt(hurt, given.with_team)}")
        return redirect("connection", request.team.slug, found.public_id)
    return _form(request, found, form, given)


@require_http_methods(["GET", "POST"])
@needs(Can.CONNECT)
def share_remove(request: TeamRequest, share: UUID) -> HttpResponse:
    """Take it away, after saying what stands on it."""
    given = _given(request, share)
    back = reverse("connection", args=[request.team.slug, given.connection.public_id])
    take = partial(sharing.take_away, request, given)
    return taken_away(request, given, given.connection.name, take, section="destinations", back=back)


def taken_away(
    request: TeamRequest,
    given: ConnectionShare | ModelShare,
    name: str,
    take: Callable[[], sharing.Hurt],
    *,
    section: str,
    back: str,
) -> HttpResponse:
    """Take what is called `name` away from the other team, after saying what stands on it."""
    if request.method == "POST":
        told = told_of_hurt(take(), given.with_team)
        messages.success(request, f"{given.with_team} can no longer use it.{told}")
        return redirect(back)
    context = {
        "section": section,
        "list": section.capitalize(),
        "list_url": reverse(section, args=[request.team.slug]),
        "share": given,
        "name": name,
        "back": back,
        "sync_count": sharing.syncs_on(given).count(),
    }
    return render(request, "syncs/take_away.html", context)


def told_of_hurt(hurt: sharing.Hurt, team: Team) -> str:
    """What taking something away did to the other team's syncs; empty: nothing."""
    if not hurt.paused_count:
        return ""
    are = "is" if hurt.paused_count == 1 else "are"
    told = f" {counted(hurt.paused_count, 'sync')} of {team} {are} paused"
    if hurt.run_count:
        told += f", and {counted(hurt.run_count, 'run')} under way will end"
    return f"{told}; the team reads why."


def _form(
    request: TeamRequest, found: Connection, form: ShareForm, given: ConnectionShare | None
) -> HttpResponse:
    context = {"section": "destinations", "connection": found, "form": form, "share": given}
    return render(request, "destinations/share.html", context, status=422 if form.errors else 200)


def _own(request: TeamRequest, connection: UUID) -> Connection:
    connections = Connection.objects.select_related("team", "account").filter(team=request.team)
    return get_object_or_404(connections, public_id=connection)


def _given(request: TeamRequest, share: UUID) -> ConnectionShare:
    shares = ConnectionShare.objects.select_related("connection__team", "team", "with_team")
    return get_object_or_404(shares, team=request.team, public_id=share)
