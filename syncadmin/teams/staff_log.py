"""What the installation's staff do in the admin pages, for the audit logs of the teams that it concerns.

Django writes each act into its own log, looking at personal data included; what comes in there is told here.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.db.models.signals import post_save

from syncadmin.lib.client import address_here
from syncadmin.teams import audit
from syncadmin.teams.audit import Action, Actor, Subject
from syncadmin.teams.models import Team, User

SHOWN = "Personal data shown"


def listen() -> None:
    post_save.connect(_acted, sender=LogEntry, dispatch_uid="audit")


def _acted(*, instance: LogEntry, created: bool, raw: bool, **_: Any) -> None:
    if not created or raw:
        return
    told = instance.get_change_message() or {ADDITION: "Added.", DELETION: "Deleted."}.get(
        instance.action_flag, "Changed."
    )
    about: Iterable[Model] = getattr(instance, "about", None) or _edited(instance)
    teams = _teams_of(about)
    is_shown = told.startswith(SHOWN)
    person = User.objects.get(pk=instance.user_id)
    actor = Actor(person, person.email, address_here())
    kind = str(instance.content_type.name) if instance.content_type else ""
    concerned: list[Team | None] = [*teams] or [None]
    for team in concerned:
        # A list may be of several teams: its sentence names what is of others, too.
        in_a_list = is_shown and not instance.object_id
        words = f"{SHOWN} in a list." if in_a_list and team else told
        name = "" if in_a_list and team else instance.object_repr
        audit.record(
            actor,
            team,
            _action(team, is_shown=is_shown),
            Subject(kind, name, _public_id(about)),
            after={"what": words},
        )


def _action(team: Team | None, *, is_shown: bool) -> Action:
    if team is None:
        return Action.STAFF_ACTED
    return Action.PERSONAL_DATA_SHOWN if is_shown else Action.STAFF_ACTED_ON_TEAM


def _edited(entry: LogEntry) -> list[Model]:
    """What it is about, where that is still there."""
    try:
        found = entry.get_edited_object()
    except (ObjectDoesNotExist, AttributeError, ValueError):
        return []
    return [found]


def _teams_of(about: Iterable[Model]) -> list[Team]:
    numbers: set[int] = set()
    people: list[User] = []
    for one in about:
        if isinstance(one, Team):
            numbers.add(one.pk)
        elif isinstance(one, User):
            people.append(one)
        elif (number := getattr(one, "team_id", None)) is not None:
            numbers.add(number)
    found = list(Team.objects.filter(pk__in=numbers)) if numbers else []
    return found + list(Team.objects.filter(memberships__user__in=people).distinct()) if people else found


def _public_id(about: Iterable[Model]) -> str:
    found = list(about)
    return str(getattr(found[0], "public_id", "")) if len(found) == 1 else ""
