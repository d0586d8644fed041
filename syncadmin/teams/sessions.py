"""How long a session lasts: from signing in on, whatever happens in it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils import timezone

from syncadmin.teams.doors import SIGNED_IN_BY


def listen() -> None:
    user_logged_in.connect(_begun, dispatch_uid="session")


def _begun(*, request: HttpRequest, **_: Any) -> None:
    """A time, not a number of seconds: Django would count those from the session's last change.

    Who signs in again by password, in a session that a provider let in, comes in by password from then on.
    """
    request.session.pop(SIGNED_IN_BY, None)  # `single_sign_on.py` says it anew, after signing in
    request.session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
