"""API tokens of a team: made, found by their secret, taken back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from syncadmin.lib import bearer
from syncadmin.teams import audit
from syncadmin.teams.audit import Action
from syncadmin.teams.models import ApiToken, Team, User

PREFIX = "api_"
USED_EVERY = timedelta(minutes=1)  # its last use is noted as often as that, so that reads write little


def make(
    request: HttpRequest, team: Team, *, name: str, scopes: Sequence[str], expires_at: datetime
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is told this once."""
    secret = bearer.make(PREFIX)
    with transaction.atomic():
        token = ApiToken.objects.create(
            team=team,
            name=name,
            digest=bearer.digest(secret),
            ending=secret[-bearer.SHOWN :],
            scopes=list(scopes),
            made_by=request.user if isinstance(request.user, User) else None,
            expires_at=expires_at,
        )
        after = {"scopes": list(scopes), "expires at": expires_at.isoformat()}
        audit.record(request, team, Action.API_TOKEN_MADE, token, after=after)
    return token, secret


def revoke(request: HttpRequest, token: ApiToken) -> bool:
    """It is no longer good. False: somebody else was first."""
    with transaction.atomic():
        gone, _ = ApiToken.objects.filter(pk=token.pk).delete()
        if gone:
            audit.record(request, token.team, Action.API_TOKEN_REVOKED, token)
    return bool(gone)


def found(request: HttpRequest) -> ApiToken | None:
    """The token whose secret the request came with, where it has not expired; notes that it was used."""
    secret, now = bearer.given(request), timezone.now()
    if not secret.startswith(PREFIX):
        return None
    good = ApiToken.objects.select_related("team").filter(expires_at__gt=now)
    token = good.filter(digest=bearer.digest(secret)).first()
    if token is not None:
        seldom = Q(used_at=None) | Q(used_at__lt=now - USED_EVERY)
        ApiToken.objects.filter(seldom, pk=token.pk).update(used_at=now)
    return token
