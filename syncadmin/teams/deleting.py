"""Deleting a team with everything that is its own: the one way in which audit entries go.

Written part by part, so that nobody waits long; after a crash it can be begun again. The team itself and its
audit log go in the last transaction, together or not at all.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter

from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import ForeignKey, Model

from syncadmin.teams import audit
from syncadmin.teams.models import AuditEntry, Team, TeamDeletion

AT_ONCE = 500


class StillUsed(Exception):
    """Another team stands on something of this one."""


def delete_team(team: Team, by: audit.By = None) -> None:
    """Delete all that is the team's, then the team. What stays is one entry: who deleted which team.

    Raises StillUsed, with the team and its audit log still there.
    """
    demand_unused(team)
    try:
        for model in in_order():
            rows = model._base_manager.filter(team=team)
            while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
                model._base_manager.filter(pk__in=keys).delete()
        with transaction.atomic():
            permission = TeamDeletion.objects.create(team_number=team.pk)
            AuditEntry.objects.filter(team=team).delete()
            permission.delete()
            Team.objects.filter(pk=team.pk).delete()
            about = audit.Subject("team", team.name, str(team.public_id))
            audit.record(by, None, audit.Action.TEAM_DELETED, about, before={"slug": team.slug})
    except IntegrityError as error:
        raise StillUsed(_still_used(team)) from error


def demand_unused(team: Team) -> None:
    """Raise StillUsed where something of another team refers to something of this one."""
    for model in in_order():
        for field in model._meta.get_fields():
            if isinstance(field, ForeignKey) and _belongs_to_a_team(field.related_model):  # type: ignore[arg-type]
                theirs = model._base_manager.filter(**{f"{field.name}__team": team}).exclude(team=team)
                if theirs.exists():
                    raise StillUsed(_still_used(team))


def _still_used(team: Team) -> str:
    return f"Another team still uses something of {team}. Take back what is shared, then begin again."


def in_order() -> Iterator[type[Model]]:
    """All kinds of things that belong to teams but the audit log: those that others refer to come last."""
    kinds = {model for model in apps.get_models() if _belongs_to_a_team(model)} - {AuditEntry}
    order: TopologicalSorter[type[Model]] = TopologicalSorter()
    for model in sorted(kinds, key=lambda kind: kind._meta.label):
        order.add(model)
        for field in model._meta.get_fields():
            other = field.related_model
            if isinstance(field, ForeignKey) and other in kinds and other is not model:
                order.add(other, model)  # type: ignore[arg-type]
    yield from order.static_order()


def _belongs_to_a_team(model: type[Model]) -> bool:
    return any(
        isinstance(field, ForeignKey) and field.name == "team" and field.related_model is Team
        for field in model._meta.get_fields()
    )
