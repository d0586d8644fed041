"""Sign-ins for the audit log, as Django tells of them: however somebody signs in, it is written down.

An entry goes to every team of the person, and to the installation where there is none.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from syncadmin.lib.client import address_of
from syncadmin.teams import audit
from syncadmin.teams.audit import Action, Actor
from syncadmin.teams.models import AuditEntry, Team, User

# Whoever guesses passwords shall not fill the log: this many failures are kept of one person, and of all whom
# nobody knows together.
MOST_FAILURES = 20
WITHIN = timedelta(minutes=15)


def listen() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_failed, dispatch_uid="audit")


def record_for_person(
    by: audit.By,
    person: User,
    action: str,
    subject: Model | audit.Subject | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write an entry into the log of every team of the person; of the installation where there is none."""
    teams: list[Team | None] = list(Team.objects.filter(memberships__user=person))
    AuditEntry.objects.bulk_create(
        audit.entry_of(by, team, action, subject, before=before, after=after) for team in teams or [None]
    )


def _signed_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    record_for_person(_actor(request, user), user, Action.SIGNED_IN)


def _signed_out(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        record_for_person(_actor(request, user), user, Action.SIGNED_OUT)


def _failed(*, credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Somebody did not get in. Of nobody we know: only an e-mail address is kept of what was typed.

    People type passwords into the wrong field.
    """
    typed = str(credentials.get("username") or credentials.get("email") or "").strip().lower()
    person = User.objects.filter(email=typed).first()
    address = address_of(request) if request is not None else None
    recent = AuditEntry.objects.filter(action=Action.SIGN_IN_FAILED, at__gte=timezone.now() - WITHIN)
    if person is None:
        if recent.filter(team=None).count() < MOST_FAILURES:
            who = typed if _is_address(typed) else "somebody unknown"
            audit.record(Actor(None, who, address), None, Action.SIGN_IN_FAILED)
        return
    team = Team.objects.filter(memberships__user=person).first()
    if recent.filter(team=team, who=person.email).count() < MOST_FAILURES:
        # Whoever it was, it is not known to be the person.
        record_for_person(Actor(None, person.email, address), person, Action.SIGN_IN_FAILED)


def _actor(request: HttpRequest | None, user: User) -> Actor:
    return Actor(user, user.email, address_of(request) if request is not None else None)


def _is_address(typed: str) -> bool:
    try:
        validate_email(typed)
    except ValidationError:
        return False
    return len(typed) <= 254
