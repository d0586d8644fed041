"""Destinations: the connections of a team, the gallery of what there is, a connection's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Count, ProtectedError, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from destinations import accounts, connect, registry
from destinations.admin.standing import budget_lines, outage_words
from destinations.auth import OAuth
from destinations.contract import Adapter, Mode, ObjectType, Scope
from destinations.errors import DestinationError
from destinations.models import Connection, OAuthToken
from destinations.sandbox.service import API_KEY, services
from destinations.shares import objects_for, usable_by
from syncadmin.lib.crypto import Secret
from syncadmin.teams import audit
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.configuration.connections import ActiveRuns, rows_sent_again, save_connection
from syncs.forms.destinations import OTHER, ConnectionForm, CredentialsForm
from syncs.forms.sync_words import MODES
from syncs.models import Kept, Sync
from syncs.views import periods, removed, request_chart
from syncs.views.health import go_on, test_and_tell
from syncs.views.overlaps import overlaps_of
from syncs.views.shares import foreign_count, shared_page, uses_of
from syncs.views.sign_in import redirect_address
from syncs.views.way_back import way_back

SIGN_INS = {True: Connection.SignIn.OAUTH, False: Connection.SignIn.API_KEY}  # by whether there is an app


@dataclass(frozen=True, slots=True)
class Offer:
    """A destination's facts, for templates: those would call a class where they find one.

    `objects` are each with its modes in words, and the missing modes with the service's reason.
    """

    key: str
    label: str
    docs_url: str
    setup_steps: Sequence[str]
    scopes: Sequence[Scope]
    objects: Sequence[tuple[ObjectType, str, Sequence[tuple[str, str]]]]
    has_sandbox: bool

    @classmethod
    def of(cls, adapter: type[Adapter]) -> "Offer":
        objects = [
            (
                one,
                ", ".join(MODES[mode][0].lower() for mode in Mode if mode in one.modes),
                [(MODES[mode][0], one.missing_modes[mode]) for mode in Mode if mode in one.missing_modes],
            )
            for one in adapter.objects
        ]
        facts = (adapter.key, adapter.label, adapter.docs_url, adapter.setup_steps, adapter.scopes)
        return cls(*facts, objects, has_sandbox(adapter.key))


def has_sandbox(key: str) -> bool:
    """Whether the operator offers a look-alike of this destination."""
    return settings.SANDBOX and key in services()


def sandbox_options(adapter: type[Adapter]) -> dict[str, str]:
    """The settings that lead to the look-alike of a destination: to its API, and to its sign-in."""
    place = f"http://127.0.0.1:{settings.SANDBOX_PORT}{services()[adapter.key].prefix}"
    hosts = {auth.host_setting: auth.host for auth in adapter.auths if isinstance(auth, OAuth)}
    published = {"base_url": adapter.base_url, **hosts}
    return {name: place + urlsplit(address).path.rstrip("/") for name, address in published.items()}


def sandbox_credentials(adapter: type[Adapter], *, by_app: bool) -> dict[str, Secret]:
    """What the look-alike of a destination takes: its key, or the app that people sign in with."""
    app, key = services()[adapter.key].app, adapter.api_key()
    if by_app and app is not None:
        return {"client_id": Secret(app[0]), "client_secret": Secret(app[1])}
    return {key.field: Secret(API_KEY)} if key is not None else {}


def is_sandbox(connection: Connection) -> bool:
    """Whether the connection leads to a look-alike on this machine."""
    place = urlsplit(str(connection.options.get("base_url", "")))
    return place.port == settings.SANDBOX_PORT and place.hostname in {"127.0.0.1", "localhost", "::1"}


@needs(Can.LOOK)
def destinations(request: TeamRequest) -> HttpResponse:
    """The team's connections."""
    own_syncs = Count("syncs", filter=Q(syncs__team=request.team))
    connections = usable_by(request.team).annotate(sync_count=own_syncs).order_by("name", "pk")
    return render(
        request,
        "destinations/connections.html",
        {"section": "destinations", "connections": connections, "labels": _labels()},
    )


@needs(Can.CONNECT)
def destination_add(request: TeamRequest) -> HttpResponse:
    """The gallery."""
    offers = [Offer.of(adapter) for adapter in registry.adapters().values()]
    return render(
        request,
        "destinations/gallery.html",
        {"section": "destinations", "offers": offers, "next": way_back(request)},
    )


@needs(Can.CONNECT)
def connection_add(request: TeamRequest, key: str) -> HttpResponse:
    """The form for a new connection, the service's own set-up steps beside it."""
    adapter = _adapter(key)
    in_sandbox = request.GET.get("account") == "sandbox" and has_sandbox(key)
    by_app = _by_app(request, adapter, in_sandbox=in_sandbox)
    instance = Connection(team=request.team, destination=key)
    form = ConnectionForm(request.POST or None, team=request.team, instance=instance)
    typed = None if in_sandbox else request.POST or None
    credentials = CredentialsForm(typed, adapter=adapter, instance=instance, by_app=by_app)
    if request.method == "POST" and form.is_valid() and (in_sandbox or credentials.is_valid()):
        connection = save_connection(
            form.instance,
            credentials=sandbox_credentials(adapter, by_app=by_app) if in_sandbox else credentials.secrets,
            options=sandbox_options(adapter) if in_sandbox else credentials.options,
            reserve_percent=form.cleaned_data["reserve_percent"],
            same_account=None,
            sign_in=SIGN_INS[by_app],
        )
        after = way_back(request)
        if by_app:
            return redirect(
                _address(request, connection) + (f"?{urlencode({'next': after})}" if after else "")
            )
        test_and_tell(request, connection)
        return redirect(after or _address(request, connection))
    if request.method != "POST":
        form.initial["name"] = f"{adapter.label} sandbox" if in_sandbox else adapter.label
    return _form(request, adapter, instance, form, credentials, in_sandbox=in_sandbox)


@needs(Can.LOOK)
def connection(request: TeamRequest, connection: UUID) -> HttpResponse:
    """A connection: its account, how it stands, what stands on it."""
    found = _own(request, connection)
    if found is None:
        return shared_page(request, connection)
    now = timezone.now()
    period = periods.asked(request.GET, now, whole_hours=True)
    adapter = connect.adapter_of(found)
    labels = {setting.key: setting.label for setting in adapter.settings}
    return render(
        request,
        "destinations/connection.html",
        {
            "section": "destinations",
            "connection": found,
            "adapter": Offer.of(adapter),
            "is_sandbox": is_sandbox(found),
            "token": OAuthToken.objects.filter(connection=found).first(),
            "next": way_back(request),
            "budget": budget_lines(found.account, found.options, now),
            "outage": outage_words(found.account, now) if found.account.down_since else "",
            "options": [(labels.get(name, name), value) for name, value in found.options.items()],
            "syncs": Sync.objects.filter(connection=found, team=request.team)
            .select_related("model")
            .order_by("name"),
            "uses": uses_of(found),
            "overlaps": overlaps_of(found.account, request.team) if request.may_administer else [],
            "others": Connection.objects.filter(account=found.account).exclude(pk=found.pk),
            "field_counts": _field_counts(found, adapter),
            "period": period,
            "requests": request_chart.of_account(found, period),
            "removed": removed.words(Kept.Kind.REQUESTS, since=period.start),
        },
    )


@needs(Can.CONNECT)
def connection_edit(request: TeamRequest, connection: UUID) -> HttpResponse:
    """Change name, settings, the way to sign in; a new key or address asks if the account is the same."""
    found = _find(request, connection)
    adapter = connect.adapter_of(found)
    form = ConnectionForm(request.POST or None, team=request.team, instance=found)
    by_app = _by_app(request, adapter, found)
    credentials = CredentialsForm(request.POST or None, adapter=adapter, instance=found, by_app=by_app)
    asks = False
    if request.method == "POST" and form.is_valid() and credentials.is_valid():
        if form.is_stale():
            form.add_error(
                None,
                "Somebody else saved this connection while you had the form open. Look at what it holds now; "
                "save again to overwrite it with what you see here.",
            )
            form.data = form.data.copy()  # type: ignore[attr-defined]
            form.data["seen_at"] = found.updated_at.isoformat()  # type: ignore[index]
        else:
            try:
                save_connection(
                    found,
                    credentials=credentials.secrets,
                    options=credentials.options,
                    reserve_percent=form.cleaned_data["reserve_percent"],
                    same_account=form.said_same_account,
                    sign_in=SIGN_INS[by_app],
                )
            except accounts.SameAccountUnsaid:
                asks = True
                form.add_error("same_account", "Say which: it decides what is sent again.")
            except ActiveRuns as running:
                form.add_error(None, str(running))
            else:
                is_other = form.cleaned_data.get("same_account") == OTHER
                if is_other:
                    messages.info(request, "Its syncs begin anew: every row counts as not sent yet.")
                if not by_app or OAuthToken.objects.filter(connection=found).exists():
                    test_and_tell(request, found)
                    if not is_other:
                        go_on(request, found)
                return redirect(_address(request, found))
    asks = asks or bool(form.data.get("same_account"))
    return _form(request, adapter, found, form, credentials, asks=asks)


@require_POST
@needs(Can.TEST)
def connection_test(request: TeamRequest, connection: UUID) -> HttpResponse:
    """Test it now; where it works again, runs that had stopped for it go on."""
    found = _find(request, connection)
    test_and_tell(request, found)
    go_on(request, found)
    return redirect(_address(request, found))


@require_POST
@needs(Can.TEST)
def connection_refresh(request: TeamRequest, connection: UUID) -> HttpResponse:
    """Ask the service for its fields again. Also by another team's connection that one may use."""
    found = get_object_or_404(usable_by(request.team), public_id=connection)
    allowed = objects_for(found, request.team.pk)
    try:
        counts = [
            f"{len(connect.refresh_fields(found, one.key)):,} of {one.label.lower()}"
            for one in connect.adapter_of(found).objects
            if allowed is None or one.key in allowed
        ]
    except DestinationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"The fields were read again: {', '.join(counts)}.")
    return redirect(way_back(request) or _address(request, found))


@needs(Can.CONNECT)
def connection_remove(request: TeamRequest, connection: UUID) -> HttpResponse:
    """Remove it, after asking, if no sync stands on it."""
    found = _find(request, connection)
    syncs = list(Sync.objects.filter(connection=found, team=request.team).order_by("name"))
    foreign = foreign_count(found)
    if request.method == "POST" and not syncs and not foreign:
        try:
            with transaction.atomic():
                audit.record(request, request.team, audit.Action.CONNECTION_REMOVED, found)
                found.delete()
        except ProtectedError:
            messages.error(request, "A sync was made on it just now, so it stays.")
            return redirect(_address(request, found))
        messages.success(request, f"The connection “{found.name}” is removed.")
        return redirect("destinations", request.team.slug)
    return render(
        request,
        "destinations/remove.html",
        {"section": "destinations", "connection": found, "syncs": syncs, "foreign_count": foreign},
    )


def _form(
    request: TeamRequest,
    adapter: type[Adapter],
    instance: Connection,
    form: ConnectionForm,
    credentials: CredentialsForm,
    *,
    in_sandbox: bool = False,
    asks: bool = False,
) -> HttpResponse:
    by_app = _by_app(request, adapter, instance, in_sandbox=in_sandbox)
    oauth = adapter.oauth()
    return render(
        request,
        "destinations/form.html",
        {
            "section": "destinations",
            "adapter": Offer.of(adapter),
            "connection": instance,
            "form": form,
            "credentials": credentials,
            "ways": _ways(request, adapter, by_app=by_app, in_sandbox=in_sandbox),
            "by_app": by_app,
            "app_steps": _app_steps(request, adapter),
            "app_url": oauth.app_url if oauth else "",
            "has_app": adapter.key in settings.OAUTH_APPS,
            "in_sandbox": in_sandbox,
            "asks": asks,
            "rows_again": rows_sent_again(instance) if asks else 0,
            "next": way_back(request),
        },
    )


def _by_app(
    request: TeamRequest,
    adapter: type[Adapter],
    instance: Connection | None = None,
    *,
    in_sandbox: bool = False,
) -> bool:
    """Whether to sign in at the service: as asked for, else as it is, else where an app is at hand."""
    if adapter.oauth() is None or adapter.api_key() is None:
        return adapter.oauth() is not None
    if asked := request.GET.get("way"):
        return asked == "oauth"
    if instance is not None and instance.pk:
        return instance.sign_in == Connection.SignIn.OAUTH
    return not in_sandbox and adapter.key in settings.OAUTH_APPS


def _ways(
    request: TeamRequest, adapter: type[Adapter], *, by_app: bool, in_sandbox: bool
) -> list[tuple[str, str, bool]]:
    """The ways to sign in, as (label, address, chosen); none where there is only one."""
    oauth, key = adapter.oauth(), adapter.api_key()
    if oauth is None or key is None or (in_sandbox and services()[adapter.key].app is None):
        return []
    kept = {"account": "sandbox"} if in_sandbox else {}
    if after := way_back(request):
        kept["next"] = after
    ways = [
        (oauth.label, f"?{urlencode({'way': 'oauth', **kept})}", by_app),
        (key.label, f"?{urlencode({'way': 'api_key', **kept})}", not by_app),
    ]
    return ways if adapter.key in settings.OAUTH_APPS and not in_sandbox else ways[::-1]


def _app_steps(request: TeamRequest, adapter: type[Adapter]) -> list[tuple[str, str, str]]:
    """How to make an app at the service: of each step what is before our address, the address, the rest."""
    oauth = adapter.oauth()
    address = redirect_address(request, adapter.key)
    steps = [step.partition("{redirect}") for step in oauth.app_steps] if oauth else []
    return [(before, address if is_in else "", after) for before, is_in, after in steps]


def _own(request: TeamRequest, public_id: UUID) -> Connection | None:
    connections = Connection.objects.filter(team=request.team).select_related("account")
    return connections.filter(public_id=public_id).first()


def _find(request: TeamRequest, public_id: UUID) -> Connection:
    found = _own(request, public_id)
    if found is None:
        raise Http404
    return found


def _adapter(key: str) -> type[Adapter]:
    try:
        return registry.adapter(key)
    except registry.UnknownDestination:
        raise Http404 from None


def _address(request: TeamRequest, found: Connection) -> str:
    return reverse("connection", args=[request.team.slug, found.public_id])


def _labels() -> dict[str, str]:
    return {key: adapter.label for key, adapter in registry.adapters().items()}


def _field_counts(found: Connection, adapter: type[Adapter]) -> list[tuple[str, int]]:
    return [(one.label, len(connect.known_fields(found, one.key))) for one in adapter.objects]
