"""Which program asks, by the token that its request comes with, and what it may.

Answers are JSON: what was asked for, or `error` in words for people.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from syncadmin.lib import bearer
from syncadmin.lib.client import address_of
from syncadmin.teams import throttle, tokens
from syncadmin.teams.audit import Actor
from syncadmin.teams.models import ApiToken, Team
from syncadmin.teams.throttle import Kind
from syncs.engine import start_tokens
from syncs.models import Run, Sync

P = ParamSpec("P")
Scope = ApiToken.Scope

SEND_ONE = (
    "Send a token as “Authorization: Bearer …”: an API token of the team, which an admin makes, or this "
    "sync's own token, which an editor makes."
)

NOT_GOOD = (
    "This token is not good here: it is mistyped, has ended, was replaced or taken back, or is another "
    "sync's. An admin of the team makes API tokens, an editor the sync's own."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a program, for a team."""

    team: Team
    actor: Actor


View: TypeAlias = Callable[Concatenate[HttpRequest, Caller, P], JsonResponse]
SyncView: TypeAlias = Callable[Concatenate[HttpRequest, Caller, Sync, P], JsonResponse]


def methods(**views: Callable[..., JsonResponse]) -> Callable[..., JsonResponse]:
    """One address, a view for each method."""
    allowed = ", ".join(views)

    @csrf_exempt  # there is no cookie in it: who has the token may
    @login_not_required
    @never_cache
    def by_method(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        view = views.get(str(request.method))
        return view(request, *args, **kwargs) if view else refused(405, f"Send {allowed}.", Allow=allowed)

    return by_method


def for_team(scope: Scope) -> Callable[[View[P]], Callable[..., JsonResponse]]:
    """The view is for whoever has an API token with the scope."""

    def decorate(view: View[P]) -> Callable[..., JsonResponse]:
        @wraps(view)
        def with_caller(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> JsonResponse:
            token = tokens.found(request)
            if token is None:
                return _unknown(request)
            if not token.may([scope]):
                return _too_much(token, scope)
            return view(request, _caller(request, token), *args, **kwargs)

        return with_caller

    return decorate


def for_sync(
    scope: Scope, *, or_start_token: bool = False
) -> Callable[[SyncView[P]], Callable[..., JsonResponse]]:
    """The view gets the sync in the address: of the token's team, or whose own token it is."""

    def decorate(view: SyncView[P]) -> Callable[..., JsonResponse]:
        @wraps(view)
        def with_sync(request: HttpRequest, sync: UUID, *args: P.args, **kwargs: P.kwargs) -> JsonResponse:
            found = Sync.objects.select_related("team", "model", "connection").filter(public_id=sync).first()
            token = tokens.found(request)
            if token is None:
                secret = bearer.given(request)
                if not or_start_token or found is None or not start_tokens.is_good(found, secret):
                    return _unknown(request)
                who = Actor(None, f"the token of the sync “{found.name}”", address_of(request))
                return view(request, Caller(found.team, who), found, *args, **kwargs)
            if found is None or found.team_id != token.team_id:
                return refused(404, "The team has no such sync.")
            if not token.may([scope]):
                return _too_much(token, scope)
            return view(request, _caller(request, token), found, *args, **kwargs)

        return with_sync

    return decorate


def run_of(sync: Sync, run: UUID) -> Run | None:
    return Run.objects.select_related("sync", "team").filter(sync=sync, public_id=run).first()


def refused(status: int, error: str, run: str = "", **headers: str) -> JsonResponse:
    """Why not. `run` is the run that stands in the way."""
    told = {"error": error} | ({"run": run} if run else {})
    return JsonResponse(told, status=status, headers=headers)


def _caller(request: HttpRequest, token: ApiToken) -> Caller:
    return Caller(token.team, Actor(None, token.who, address_of(request)))


def _unknown(request: HttpRequest) -> JsonResponse:
    """A token that is none. Whoever sends many is told to stop; a good one is never refused for that."""
    time = throttle.take(Kind.TOKEN, throttle.place_of(request) or "")
    if time is not None:
        seconds = max(1, int((time - timezone.now()).total_seconds()))
        words = f"Too many wrong tokens came from here. Try again in {throttle.minutes_until(time)}."
        return refused(429, words, **{"Retry-After": str(seconds)})
    return refused(401, NOT_GOOD if bearer.given(request) else SEND_ONE, **{"WWW-Authenticate": "Bearer"})


def _too_much(token: ApiToken, scope: Scope) -> JsonResponse:
    return refused(
        403, f"{token.who.capitalize()} lacks the scope “{scope.value}”. An admin can make another."
    )
