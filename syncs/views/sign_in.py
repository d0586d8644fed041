"""Signing in at a destination itself: there, back with a code, and what becomes of the account found."""

import hmac
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from destinations import connect, oauth
from destinations.contract import Identity
from destinations.errors import DestinationError
from destinations.models import Connection
from syncadmin.lib.crypto import Secret, UnreadableSecret, Vault
from syncadmin.teams import audit
from syncadmin.teams.access import Can, Role, TeamRequest, needs
from syncs.configuration.connections import ActiveRuns, move_account, rows_sent_again
from syncs.views.health import go_on, test_and_tell
from syncs.views.way_back import way_back

ON_THE_WAY = "sign_in"  # in the session: whose sign-in the next return belongs to
OTHER_ACCOUNT = "sign_in_elsewhere"  # … and what came back, where it is another account's


def redirect_address(request: HttpRequest, key: str) -> str:
    """Where people come back to, as it must be registered with the app at the service."""
    return request.build_absolute_uri(reverse("sign_in_return", args=[key]))


@require_GET
@needs(Can.CONNECT)
def sign_in(request: TeamRequest, connection: UUID) -> HttpResponse:
    """Send the person to the service, to sign in or to sign in anew.

    By a link: a form of ours may lead nowhere else. Nothing changes before they come back.
    """
    found = _find(request, connection)
    state = secrets.token_urlsafe(32)
    try:
        address = oauth.sign_in_address(
            found, redirect=redirect_address(request, found.destination), state=state
        )
    except DestinationError as error:
        messages.error(request, error.message)
        return redirect("connection_edit", request.team.slug, found.public_id)
    request.session[ON_THE_WAY] = {
        "state": state,
        "connection": str(found.public_id),
        "next": way_back(request),
    }
    return redirect(address)


@require_GET
def sign_in_return(request: HttpRequest, key: str) -> HttpResponse:
    """Where the service sends the person back to, with a code. Of another team's connection: 404."""
    way = request.session.pop(ON_THE_WAY, None)
    if not isinstance(way, Mapping):
        return _lost(request)
    found = get_object_or_404(
        Connection.objects.select_related("team", "account"),
        public_id=way["connection"],
        destination=key,
        team__memberships__user=request.user,
        team__memberships__role__in=[Role.OWNER, Role.ADMIN],
    )
    page = reverse("connection", args=[found.team.slug, found.public_id])
    if not hmac.compare_digest(str(way["state"]).encode(), request.GET.get("state", "").encode()):
        return _lost(request)
    if refusal := request.GET.get("error"):
        said = request.GET.get("error_description") or refusal
        messages.error(request, f"Nobody signed in. The service said: {said[:300]}")
        return redirect(page)
    try:
        told = oauth.sign_in(found, redirect=redirect_address(request, key), answer=request.GET.dict())
        identity = connect.identify(found, told)
    except DestinationError as error:
        messages.error(request, f"The sign-in did not work. {error.message}")
        return redirect(page)
    known = found.account.remote_id
    if known and identity.account_id and identity.account_id != known:
        request.session[OTHER_ACCOUNT] = {
            "connection": str(found.public_id),
            "sealed": Vault(settings.ENCRYPTION_KEYS).seal(_as_secrets(told)),
            "at": timezone.now().timestamp(),
            "account": identity.account_id,
            "name": identity.account_name,
        }
        return redirect("sign_in_elsewhere", found.team.slug, found.public_id)
    _keep(request, found, told)
    go_on(request, found)
    return redirect(way.get("next") or page if found.health == Connection.Health.GOOD else page)


@needs(Can.CONNECT)
def sign_in_elsewhere(request: TeamRequest, connection: UUID) -> HttpResponse:
    """The person signed in at another account than before: use it, or keep the former."""
    found = _find(request, connection)
    held = request.session.get(OTHER_ACCOUNT)
    if not isinstance(held, Mapping) or held["connection"] != str(found.public_id):
        return redirect("connection", request.team.slug, found.public_id)
    if request.method == "POST":
        answer = request.POST.get("account")
        if answer == "former":
            del request.session[OTHER_ACCOUNT]
            messages.info(request, "Nothing was changed: the connection leads to its former account.")
            return redirect("connection", request.team.slug, found.public_id)
        if answer == "other":
            try:
                told = _held_tokens(held)
                move_account(found, Identity(held["account"], held["name"]))
            except ActiveRuns as running:
                messages.error(request, str(running))
            except UnreadableSecret as error:
                messages.error(request, str(error))
            else:
                del request.session[OTHER_ACCOUNT]
                messages.info(request, "Its syncs begin anew: every row counts as not sent yet.")
                _keep(request, found, told)
                return redirect("connection", request.team.slug, found.public_id)
    return render(
        request,
        "destinations/elsewhere.html",
        {
            "section": "destinations",
            "connection": found,
            "name": held["name"] or held["account"],
            "rows_again": rows_sent_again(found),
        },
    )


def _keep(request: HttpRequest, found: Connection, told: Mapping[str, Any]) -> None:
    """Store the sign-in and test it."""
    with transaction.atomic():
        oauth.store(found, dict(told))
        Connection.objects.filter(pk=found.pk).update(sign_in=Connection.SignIn.OAUTH)
        audit.record(
            request,
            found.team,
            audit.Action.CREDENTIALS_REPLACED,
            found,
            after={"signed_in_at": found.destination},
        )
    found.refresh_from_db()
    test_and_tell(request, found)


def _held_tokens(held: Mapping[str, Any]) -> dict[str, Any]:
    """What came back with the person; their thinking about it has used up some of its life."""
    sealed = Vault(settings.ENCRYPTION_KEYS).open(held["sealed"])
    told: dict[str, Any] = {name: secret.reveal() for name, secret in sealed.items()}
    with suppress(KeyError, ValueError):
        told["expires_in"] = max(1.0, float(told["expires_in"]) - timezone.now().timestamp() + held["at"])
    return told


def _as_secrets(told: Mapping[str, Any]) -> dict[str, Secret]:
    names = ("access_token", "refresh_token", "expires_in", "scope")
    return {name: Secret(str(told[name])) for name in names if told.get(name)}


def _lost(request: HttpRequest) -> HttpResponse:
    messages.error(
        request,
        "This sign-in was not begun here, or it took too long. Open the connection and choose Connect again.",
    )
    return redirect("home")


def _find(request: TeamRequest, public_id: UUID) -> Connection:
    found = get_object_or_404(
        Connection.objects.select_related("account"), team=request.team, public_id=public_id
    )
    if connect.adapter_of(found).oauth() is None:
        raise Http404
    return found
