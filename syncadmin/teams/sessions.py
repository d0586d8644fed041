"""How long a session lasts: from signing in on, whatever happens in it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils import timezone


def listen() -> None:
    user_logged_in.connect(_begun, dispatch_uid="session")


def _begun(*, request: HttpRequest, **_: Any) -> None:
    """A time, not a number of seconds: Django would count those from the session's last change."""
    request.session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
