"""Invitations: made, sent, taken back, accepted. A link works once, for a week, for one address."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import IntegrityError
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from syncadmin.lib import bearer
from syncadmin.lib.client import address_of
from syncadmin.teams import audit, membership, throttle
from syncadmin.teams.access import TeamRequest
from syncadmin.teams.audit import Action
from syncadmin.teams.membership import Refused
from syncadmin.teams.models import Invitation, Membership, SingleSignOn, Team, User
from syncadmin.teams.throttle import Kind

LIFE = timedelta(days=7)
MOST_OPEN = 1_000  # of a team, so that nobody sends e-mails without end
log = logging.getLogger(__name__)


class NoLongerGood(Refused):
    """It was accepted, taken back or replaced meanwhile, or it has expired."""


def invite(request: TeamRequest, email: str, role: str) -> tuple[Invitation, str]:
    """Ask somebody to join. Returns the invitation and its secret, which is kept nowhere."""
    with membership.locked(request.team):
        membership.demand_reach(request, role)
        return make(request, email, role)


def make(request: TeamRequest, email: str, role: str) -> tuple[Invitation, str]:
    """The same, within `membership.locked`."""
    team, email = request.team, email.strip().lower()
    if reason := why_none(team):
        raise Refused(reason)
    if Membership.objects.filter(team=team, user__email=email).exists():
        raise Refused(f"{email} is on the team already.")
    opened = Invitation.objects.filter(team=team).open()
    if opened.filter(email=email).exists():
        raise Refused(
            f"{email} is invited already. The invitation can be sent again from the list of members."
        )
    if opened.count() >= MOST_OPEN:
        raise Refused(f"{MOST_OPEN:,} invitations of the team are open. Take some back first.")
    _spare_the_mailbox(email)
    secret = bearer.make("")
    made = Invitation.objects.create(
        team=team,
        email=email,
        role=role,
        digest=bearer.digest(secret),
        invited_by=request.user,
        expires_at=timezone.now() + LIFE,
    )
    audit.record(request, team, Action.INVITED, _subject(made), after={"role": str(role)})
    return made, secret


def why_none(team: Team) -> str:
    """Why nobody can be invited to the team; empty where people can."""
    kept = SingleSignOn.objects.filter(team=team, is_enforced=True).first()
    if kept is None:
        return ""
    return (
        f"{team} is entered through {kept.host} alone: whom it lets in is on the team, without an invitation."
    )


def renew(request: TeamRequest, invitation: Invitation) -> str:
    """Another link for another week, by whoever sends it now; the one before is no longer good.

    Returns the new secret.
    """
    secret = bearer.make("")
    with membership.locked(request.team):
        membership.demand_reach(request, invitation.role)
        if reason := why_none(request.team):
            raise Refused(reason)
        _spare_the_mailbox(invitation.email)
        found = Invitation.objects.filter(pk=invitation.pk).open()
        told = {"digest": bearer.digest(secret), "expires_at": timezone.now() + LIFE, "sent_at": None}
        if not found.update(**told, invited_by=request.user):
            raise NoLongerGood("This invitation was accepted or taken back meanwhile.")
        audit.record(request, request.team, Action.INVITED_AGAIN, _subject(invitation))
    invitation.refresh_from_db()
    return secret


def revoke(request: TeamRequest, invitation: Invitation) -> None:
    """Take it back: the link is no longer good."""
    with membership.locked(request.team):
        membership.demand_reach(request, invitation.role)
        take_back(request, invitation)


def take_back(request: TeamRequest, invitation: Invitation) -> None:
    """The same, within `membership.locked`."""
    if not Invitation.objects.filter(pk=invitation.pk).open().update(revoked_at=timezone.now()):
        raise NoLongerGood("This invitation was accepted or taken back meanwhile.")
    audit.record(request, request.team, Action.INVITATION_REVOKED, _subject(invitation))


def change_role(request: TeamRequest, invitation: Invitation, role: str) -> None:
    """Another role for whoever accepts, within `membership.locked`."""
    if not Invitation.objects.filter(pk=invitation.pk).open().update(role=role):
        raise NoLongerGood("This invitation was accepted or taken back meanwhile.")
    audit.record(
        request,
        request.team,
        Action.INVITATION_CHANGED,
        _subject(invitation),
        before={"role": invitation.role},
        after={"role": str(role)},
    )


def find(digest: str) -> Invitation | None:
    """The invitation whose link has this digest, while it can be accepted."""
    found = Invitation.objects.select_related("team", "invited_by").good()
    return found.filter(digest=digest).first() if digest else None


def accept(request: HttpRequest, invitation: Invitation, user: User) -> Membership:
    """Somebody who is known joins. Refused where it is not for their address, or not good any more."""
    if user.email != invitation.email:
        raise Refused(f"This invitation is for {invitation.email}, and you are signed in as {user.email}.")
    with membership.locked(invitation.team):
        _use_up(invitation)
        return _join(request, invitation, user)


def accept_as_new(
    request: HttpRequest,
    invitation: Invitation,
    *,
    password: str,
    first_name: str,
    last_name: str,
    time_zone: str,
) -> User:
    """Somebody who is not known yet joins: with an account for the address that was invited."""
    try:
        with membership.locked(invitation.team):
            _use_up(invitation)
            user = User.objects.create_user(
                invitation.email,
                password,
                first_name=first_name,
                last_name=last_name,
                time_zone=time_zone,
            )
            _join(request, invitation, user)
    except IntegrityError:
        raise Refused("An account for this address was made meanwhile. Sign in to join.") from None
    return user


def link(request: HttpRequest, secret: str) -> str:
    """Where the invitation is accepted."""
    return request.build_absolute_uri(reverse("invitation", args=[secret]))


def send(request: HttpRequest, made: Sequence[tuple[Invitation, str]]) -> list[Invitation]:
    """Send the links by e-mail, after they are stored. Returns those that could not be sent."""
    failed = []
    connection = get_connection()
    try:
        connection.open()
    except (SMTPException, OSError) as error:
        log.warning("Invitations were not sent: %s", type(error).__name__)
        return [invitation for invitation, _ in made]
    sent = []
    for invitation, secret in made:
        try:
            _message(request, invitation, secret, connection).send()
        except (SMTPException, OSError) as error:  # what it says may hold the address
            log.warning("An invitation was not sent: %s", type(error).__name__)
            failed.append(invitation)
        else:
            sent.append(invitation.pk)
    connection.close()
    Invitation.objects.filter(pk__in=sent).update(sent_at=timezone.now())
    return failed


def _message(request: HttpRequest, invitation: Invitation, secret: str, connection: object) -> EmailMessage:
    context = {
        "team": invitation.team,
        "role": invitation.get_role_display().lower(),
        "inviter": invitation.invited_by,
        "link": link(request, secret),
        "days": LIFE.days,
    }
    subject = " ".join(render_to_string("teams/invitation_subject.txt", context).split())
    body = render_to_string("teams/invitation_email.txt", context)
    return EmailMessage(
        subject,
        body,
        settings.DEFAULT_FROM_EMAIL,
        [invitation.email],
        connection=connection,
    )


def _spare_the_mailbox(email: str) -> None:
    """So many invitations a day are sent to one address, whoever sends them."""
    time = throttle.take(Kind.INVITATION, email) if settings.SENDS_MAIL else None
    if time is not None:
        raise Refused(
            f"{email} was sent many invitations lately, so this one was not. Wait "
            f"{throttle.minutes_until(time)}, or give them the link of the last one."
        )


def _use_up(invitation: Invitation) -> None:
    """Mark it as accepted, once; of the same link that was opened."""
    good = Invitation.objects.filter(pk=invitation.pk, digest=invitation.digest).good()
    if reason := why_none(invitation.team):
        raise Refused(reason)
    if not good.update(accepted_at=timezone.now()):
        raise NoLongerGood("This invitation does not work any more. Ask for another one.")


def _join(request: HttpRequest, invitation: Invitation, user: User) -> Membership:
    by = audit.Actor(user, user.email, address_of(request))
    audit.record(by, invitation.team, Action.INVITATION_ACCEPTED, _subject(invitation))
    return membership.add(by, invitation.team, user, invitation.role)


def _subject(invitation: Invitation) -> audit.Subject:
    return audit.Subject("invitation", invitation.email, str(invitation.public_id))
