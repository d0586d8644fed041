"""The first owner of an installation, made in the browser by whoever reads what `manage.py up` prints.

The link works once, and only while there is nobody.
"""

from django.db import transaction
from django.http import HttpRequest

from syncadmin.lib import bearer
from syncadmin.lib.client import address_of
from syncadmin.teams import audit, membership
from syncadmin.teams.audit import Action, Actor
from syncadmin.teams.models import Membership, SetupToken, Team, User

MOST_TOKENS = 10  # of several machines that start at once; older ones go


def make_token() -> str | None:
    """A new secret for the page that makes the first owner; None where there is somebody."""
    if User.objects.exists():
        SetupToken.objects.all().delete()
        return None
    secret = bearer.make("")
    SetupToken.objects.create(digest=bearer.digest(secret))
    kept = SetupToken.objects.order_by("-pk").values_list("pk", flat=True)[:MOST_TOKENS]
    SetupToken.objects.exclude(pk__in=list(kept)).delete()
    return secret


def is_good(digest: str) -> bool:
    return SetupToken.objects.filter(digest=digest).exists() and not User.objects.exists()


def set_up(
    request: HttpRequest, digest: str, *, email: str, password: str, time_zone: str, team: str, slug: str
) -> User | None:
    """Make the first owner and their team. None, with nothing made, where somebody was first.

    As with `manage.py createowner`, the first person also enters the admin pages.
    """
    with transaction.atomic():
        tokens = list(SetupToken.objects.select_for_update().order_by("pk"))
        if digest not in {token.digest for token in tokens} or User.objects.exists():
            return None
        SetupToken.objects.all().delete()
        user = User.objects.create_superuser(email, password, time_zone=time_zone)
        actor = Actor(user, user.email, address_of(request))
        make_team(actor, user, name=team, slug=slug)
    return user


def make_team(by: audit.By, owner: User, *, name: str, slug: str) -> Team:
    """A new team of this person. IntegrityError where the short name is taken."""
    with transaction.atomic():
        team = Team.objects.create(name=name, slug=slug)
        audit.record(by, team, Action.TEAM_MADE, team, after={"slug": slug})
        membership.add(by, team, owner, Membership.Role.OWNER)
    return team
