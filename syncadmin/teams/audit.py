"""The audit log: who did what, to what, from where, and how it was before and after.

`record` is called within the transaction of the change, so that there is either both or neither:

    with transaction.atomic():
        source.save(update_fields=["name"])
        audit.record(request, request.team, Action.SOURCE_CHANGED, source, before={…}, after={…})

Never a secret and never a row's value: `before` and `after` hold settings, counts and names. What is named
like a secret is removed all the same. The database refuses to change or remove an entry (`append_only.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db import models
from django.http import HttpRequest

from syncadmin.lib.client import address_here, address_of, now_asking
from syncadmin.lib.crypto import Secret
from syncadmin.lib.redact import HIDDEN, looks_secret
from syncadmin.teams.models import AuditEntry, Team, User

LONGEST_TEXT = 2_000
MOST_PARTS = 200  # of a list or an object in what is kept
DEEPEST = 6


class Action(models.TextChoices):
    """What can be done, as it is kept and as the page says it. Codes are never changed: entries stay."""

    SIGNED_IN = "signin.good", "Signed in"
    SIGN_IN_FAILED = "signin.failed", "Failed to sign in"
    SIGNED_OUT = "signin.out", "Signed out"
    PASSWORD_CHANGED = "signin.password", "Changed their password"

    SSO_CHANGED = "sso.changed", "Changed single sign-on"
    SSO_REMOVED = "sso.removed", "Removed single sign-on"
    SSO_LINKED = "signin.linked", "Linked their account with single sign-on"
    SSO_BREAK_GLASS = "sso.break_glass", "Came in by password although single sign-on is enforced"

    TEAM_MADE = "team.made", "Made the team"
    TEAM_CHANGED = "team.changed", "Changed the team"
    TEAM_DELETED = "installation.team_deleted", "Deleted a team"
    STAFF_ACTED = "installation.staff", "Acted in the admin pages"
    STAFF_ACTED_ON_TEAM = "team.staff", "Acted in the admin pages, as staff"
    PERSONAL_DATA_SHOWN = "personal_data.shown", "Looked at personal data, as staff"

    MEMBER_ADDED = "member.added", "Added a member"
    MEMBER_ROLE_CHANGED = "member.role", "Changed a member's role"
    MEMBER_REMOVED = "member.removed", "Removed a member"
    MEMBER_LEFT = "member.left", "Left the team"
    TEAM_HANDED_OVER = "team.handed_over", "Handed the team over"
    INVITED = "invitation.made", "Invited somebody"
    INVITED_AGAIN = "invitation.sent_again", "Sent an invitation again"
    INVITATION_CHANGED = "invitation.changed", "Changed an invitation's role"
    INVITATION_REVOKED = "invitation.revoked", "Took an invitation back"
    INVITATION_ACCEPTED = "invitation.accepted", "Accepted an invitation"

    CONNECTION_MADE = "connection.made", "Made a connection"
    CONNECTION_CHANGED = "connection.changed", "Changed a connection"
    CREDENTIALS_REPLACED = "connection.credentials", "Replaced a connection's credentials"
    CONNECTION_MOVED = "connection.account", "Moved a connection to another account"
    CONNECTION_REMOVED = "connection.removed", "Removed a connection"
    SHARE_MADE = "connection.shared", "Shared a connection"
    SHARE_CHANGED = "connection.share_changed", "Changed what is shared of a connection"
    SHARE_REMOVED = "connection.share_removed", "Took a shared connection away"
    SOURCE_MADE = "source.made", "Made a source"
    SOURCE_CHANGED = "source.changed", "Changed a source"
    SOURCE_REMOVED = "source.removed", "Removed a source"
    MODEL_MADE = "model.made", "Made a model"
    MODEL_CHANGED = "model.changed", "Changed a model"
    MODEL_REMOVED = "model.removed", "Removed a model"
    MODEL_SHARED = "model.shared", "Shared a model"
    MODEL_SHARE_REMOVED = "model.share_removed", "Took a shared model away"

    SYNC_MADE = "sync.made", "Made a sync"
    SYNC_CHANGED = "sync.changed", "Changed a sync"
    SYNC_REMOVED = "sync.removed", "Removed a sync"
    SYNC_PAUSED = "sync.paused", "Paused a sync"
    SYNC_RESUMED = "sync.resumed", "Resumed a sync"
    SCHEDULE_CHANGED = "schedule.changed", "Changed a schedule"
    START_TOKEN_MADE = "schedule.token_made", "Made a token to start runs"
    START_TOKEN_REVOKED = "schedule.token_revoked", "Took a token to start runs back"
    GUARD_CHANGED = "guard.changed", "Changed a guard"
    MAIL_DOMAINS_CHANGED = "guard.mail_domains", "Changed the team's mail domains"
    CONFIGURATION_APPLIED = "configuration.applied", "Applied a configuration file"
    ALERT_MADE = "alert.made", "Made an alert"
    ALERT_CHANGED = "alert.changed", "Changed an alert"
    ALERT_REMOVED = "alert.removed", "Removed an alert"

    API_TOKEN_MADE = "api_token.made", "Made an API token"
    API_TOKEN_REVOKED = "api_token.revoked", "Took an API token back"

    RUN_STARTED = "run.started", "Started a run"
    RUN_CANCELLED = "run.cancelled", "Cancelled a run"
    RUN_APPROVED = "run.approved", "Approved a run"
    RUN_DENIED = "run.denied", "Decided not to send a run"
    ROWS_SENT_AGAIN = "run.rows_again", "Sent rows again"
    PERSON_FORGOTTEN = "personal_data.forgotten", "Removed a person everywhere"
    DOWNLOADED = "personal_data.downloaded", "Downloaded rows"
    AUDIT_DOWNLOADED = "audit.downloaded", "Downloaded the audit log"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, where there is no request: a person elsewhere, or (`user` None) what `who` says."""

    user: User | None
    who: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What it was done to, where that is no object of ours, or was one."""

    kind: str
    name: str
    public_id: str = ""


COMMAND_LINE = Actor(None, "the command line")
By: TypeAlias = HttpRequest | User | Actor | None


def record(
    by: By,
    team: Team | None,
    action: str,
    subject: models.Model | Subject | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write one entry down. Call it within the transaction of the change.

    `by` None is whoever asks now: the person whose request this is done for, else the command line.
    `team` is None only for what concerns the whole installation (codes that begin with "signin." or
    "installation."). `before` and `after` are flat where they can be: the page shows what differs.
    """
    entry = entry_of(by, team, action, subject, before=before, after=after)
    entry.save(force_insert=True)
    return entry


def entry_of(
    by: By,
    team: Team | None,
    action: str,
    subject: models.Model | Subject | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """The entry, not written yet: for those that are written many at once."""
    actor, about = _actor(by), _subject(subject)
    return AuditEntry(
        team=team,
        actor=actor.user,
        who=actor.who[:254],
        action=str(action),
        kind=about.kind[:40],
        name=about.name[:300],
        subject_id=about.public_id[:40],
        before=None if before is None else _kept(before),
        after=None if after is None else _kept(after),
        address=actor.address,
    )


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both, without what is alike in both."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return (
        {name: before[name] for name in names if name in before},
        {name: after[name] for name in names if name in after},
    )


def _actor(by: By) -> Actor:
    if by is None:
        by = now_asking() or COMMAND_LINE
    if isinstance(by, Actor):
        return by
    if isinstance(by, User):
        return Actor(by, by.email, address_here())
    user = getattr(by, "user", None)
    if isinstance(user, User):
        return Actor(user, user.email, address_of(by))
    return Actor(None, "somebody who is not signed in", address_of(by))


def _subject(subject: models.Model | Subject | None) -> Subject:
    if subject is None:
        return Subject("", "")
    if isinstance(subject, Subject):
        return subject
    name = getattr(subject, "name", None) or str(subject)
    return Subject(str(subject._meta.verbose_name), str(name), str(getattr(subject, "public_id", "")))


def _kept(value: Any, depth: int = 0) -> Any:
    """JSON of the same shape, without secrets, and not without end."""
    if isinstance(value, Mapping):
        if depth >= DEEPEST:
            return "…"
        parts = list(value.items())[:MOST_PARTS]
        return {
            str(name): HIDDEN
            if inner and looks_secret(str(name)) and not _is_told(inner)
            else _kept(inner, depth + 1)
            for name, inner in parts
        }
    if isinstance(value, list | tuple | set | frozenset):
        return "…" if depth >= DEEPEST else [_kept(inner, depth + 1) for inner in list(value)[:MOST_PARTS]]
    if isinstance(value, Secret):
        return HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    told = str(value)
    return told if len(told) <= LONGEST_TEXT else f"{told[:LONGEST_TEXT]}…"


def _is_told(value: object) -> bool:
    """Whether it tells of a secret without being one: that it is there, how many there are."""
    return isinstance(value, bool | int)
