"""Secrets that somebody typed into a form that could not be saved yet.

They never go back to the browser, and nobody likes to type them twice: they wait, encrypted, in the
session for a while.
"""

import time
from collections.abc import Mapping

from django.conf import settings

from syncadmin.lib.crypto import Secret, UnreadableSecret, Vault
from syncadmin.teams.access import TeamRequest

KEPT_SECONDS = 1_800


def keep(request: TeamRequest, place: str, secrets: Mapping[str, Secret]) -> None:
    """Keep the secrets of the form called `place`."""
    if secrets:
        sealed = Vault(settings.ENCRYPTION_KEYS).seal(dict(secrets))
        request.session[_name(request, place)] = [sealed, int(time.time())]


def recall(request: TeamRequest, place: str) -> dict[str, Secret]:
    """What was typed there in the last half hour."""
    sealed, at = request.session.get(_name(request, place), ("", 0))
    if time.time() - at > KEPT_SECONDS:
        return {}
    try:
        return Vault(settings.ENCRYPTION_KEYS).open(sealed)
    except UnreadableSecret:
        return {}


def forget(request: TeamRequest, place: str) -> None:
    request.session.pop(_name(request, place), None)


def _name(request: TeamRequest, place: str) -> str:
    return f"typed:{request.team.slug}:{place}"
