"""Whom a team's provider lets in, as whom, and with which role.

A provider opens the teams that it is set up for, and no others: what Globex's provider says of somebody is
no proof for Acme. So a session knows by whom it was let in (`doors.py`), and an account that was there
before is only linked with a provider by somebody who is signed in to it.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta

from django.contrib.auth import login
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from syncadmin.lib.crypto import UnreadableSecret
from syncadmin.teams import audit, membership
from syncadmin.teams.access import RANKS, Role
from syncadmin.teams.audit import Action
from syncadmin.teams.doors import SIGNED_IN_BY, issuer_of
from syncadmin.teams.models import Identity, Membership, SingleSignOn, Team, User
from syncadmin.teams.openid import Person, Provider, SignInFailed

SESSION_LASTS = timedelta(hours=12)  # so that what changes at the provider is heard of
BACKEND = "django.contrib.auth.backends.ModelBackend"


class LinkFirst(Exception):
    """There is an account of this address, which the provider does not open yet."""


def provider_of(kept: SingleSignOn) -> Provider:
    """As the protocol needs it. SignInFailed where its secret cannot be read."""
    try:
        secret = kept.client_secret
    except (UnreadableSecret, KeyError):
        raise SignInFailed(
            "The client secret of single sign-on cannot be read any more. An owner of the team must enter it "
            "again in its settings."
        ) from None
    return Provider(kept.issuer, kept.client_id, secret, kept.groups_claim, kept.scopes)


# What decides


def role_for(
    rules: Sequence[Sequence[str]], default_role: str, groups: Iterable[str] | None
) -> Membership.Role | None:
    """The highest role of all rules that fit; else the default; None: not let in."""
    held = set(groups or ())
    fitting = [Role(role) for group, role in rules if group in held]
    if fitting:
        return max(fitting, key=lambda role: RANKS[role])
    return Role(default_role) if default_role else None


def why_not(kept: SingleSignOn, person: Person) -> str | None:
    """What speaks against the person's address; None: nothing."""
    if not person.email or "@" not in person.email:
        return (
            "The provider does not tell your e-mail address. Whoever runs it must let this app see it (the "
            "scope “email”)."
        )
    domain = person.email.rpartition("@")[2]
    if domain not in kept.domains:
        return (
            f"The provider says that you are {person.email}. {kept.team} lets in {_or(kept.domains)} alone; "
            "an owner of the team can change that in the settings of single sign-on."
        )
    if person.is_verified is False or (person.is_verified is None and not kept.trusts_addresses):
        return (
            f"The provider has not verified that {person.email} is yours. Verify it there. Where it "
            "verifies addresses and does not say so, an owner of the team says it in the settings of single "
            "sign-on."
        )
    return None


# What acts


def come_in(request: HttpRequest, kept: SingleSignOn, person: Person) -> User:
    """Sign the person in. An account is made for somebody new.

    SignInFailed: not let in. LinkFirst: somebody with this address is here, and must show that it is them.
    """
    if reason := why_not(kept, person):
        raise SignInFailed(reason)
    role = role_for(kept.rules, kept.default_role, person.groups)
    try:
        user = _admitted(kept, person, role)
    except IntegrityError:  # the same person came in by another window at the same time
        user = _admitted(kept, person, role)
    login(request, user, backend=BACKEND)
    request.session[SIGNED_IN_BY] = kept.issuer
    request.session.set_expiry(timezone.now() + SESSION_LASTS)
    return user


def _admitted(kept: SingleSignOn, person: Person, role: Membership.Role | None) -> User:
    with transaction.atomic():
        user = _known(person) or _made(kept.team, person, role)
        if not user.is_active:
            raise SignInFailed(
                "This account is switched off. An operator of this installation can switch it on."
            )
        _let_in(kept, user, person, role)
        Identity.objects.filter(issuer=person.issuer, subject=person.subject).update(used_at=timezone.now())
    return user


def link(request: HttpRequest, user: User, *, issuer: str, subject: str, email: str) -> bool:
    """Let the provider open the account of somebody who is signed in to it. False: it is not theirs."""
    if user.email != email or issuer_of(request):
        return False
    try:
        with transaction.atomic():
            made = Identity.objects.create(user=user, issuer=issuer, subject=subject)
            told = audit.Subject("account", str(user))
            audit.record(request, None, Action.SSO_LINKED, told, after={"issuer": made.issuer})
    except IntegrityError:
        return Identity.objects.filter(user=user, issuer=issuer, subject=subject).exists()
    return True


def _known(person: Person) -> User | None:
    found = (
        Identity.objects.select_related("user").filter(issuer=person.issuer, subject=person.subject).first()
    )
    return found.user if found is not None else None


def _made(team: Team, person: Person, role: Membership.Role | None) -> User:
    """An account for somebody who comes for the first time, without a password."""
    if User.objects.filter(email=person.email).exists():
        raise LinkFirst
    if role is None:
        raise SignInFailed(_no_role(team, person))
    user = User.objects.create_user(
        person.email, None, first_name=person.first_name, last_name=person.last_name
    )
    Identity.objects.create(user=user, issuer=person.issuer, subject=person.subject)
    return user


def _let_in(kept: SingleSignOn, user: User, person: Person, role: Membership.Role | None) -> None:
    """Make the person a member, or give a member the role that the rules say."""
    with membership.locked(kept.team):  # two who come in at once take turns
        member = Membership.objects.select_related("team", "user").filter(team=kept.team, user=user).first()
        if member is not None and (not kept.rules or person.groups is None or user.pk == kept.break_glass_id):
            return  # nothing says another role
        if role is None:
            raise SignInFailed(_no_role(kept.team, person))
        if member is None:
            membership.add(user, kept.team, user, role.value)
        elif member.role != role:
            by = audit.Actor(None, f"single sign-on ({kept.issuer})"[:254])
            with suppress(membership.LastOwner):  # who stays one, whatever the rules say
                membership.set_role(by, member, role.value)


def _no_role(team: Team, person: Person) -> str:
    if person.groups is None:
        told = "The provider does not tell your groups."
    elif not person.groups:
        told = "The provider says that you are in no group."
    else:
        told = f"None of your {len(person.groups)} groups at the provider has a role in {team}."
    return (
        f"{told} An owner of the team can give one in the settings of single sign-on, or change your groups."
    )


def _or(words: Sequence[str]) -> str:
    return " or ".join(words)
