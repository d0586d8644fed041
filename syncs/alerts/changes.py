"""Changing who is told what: targets and rules. Each change is written down with who made it."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from syncadmin.lib.crypto import Secret
from syncadmin.teams import audit
from syncadmin.teams.audit import Action
from syncadmin.teams.models import Team, User
from syncs.alerting.addresses import Address
from syncs.alerting.rules import Kind
from syncs.models import Alert, AlertRoute, AlertRule, AlertTarget

# What a team that begins is offered: what nobody wants to learn from a colleague.
USUAL: tuple[tuple[Kind, dict[str, int]], ...] = (
    (Kind.CONNECTION, {}),
    (Kind.FAILED, {}),
    (Kind.WAITS, {}),
    (Kind.ROWS, {"percent": 5}),
    (Kind.STALE, {"hours": 24}),
    (Kind.MISSED, {}),
)


class AlreadyThere(Exception):
    """There is such a rule already; it is in `rule`."""

    def __init__(self, rule: AlertRule) -> None:
        super().__init__(f"There is a rule of this kind already: {rule}.")
        self.rule = rule


def save_target(
    by: HttpRequest, target: AlertTarget, address: Address | None, people: Sequence[User]
) -> None:
    """Add a target, or change one. Without an address it keeps its own. IntegrityError: the name is taken."""
    is_new = target.pk is None
    before = {} if is_new else _told(AlertTarget.objects.get(pk=target.pk))
    target.people = sorted(person.pk for person in people)
    if address is not None:
        target.address, target.shown = Secret(address.url), address.shown
        target.failure_count, target.problem = 0, ""
        target.problem_since = target.paused_until = None
    with transaction.atomic():
        if is_new:
            target.save(force_insert=True)
        else:
            target.save(
                update_fields=[
                    *("name", "people", "sealed_address", "shown", "updated_at"),
                    *("failure_count", "problem", "problem_since", "paused_until"),
                ]
            )
        after = _told(target)
        if is_new:
            audit.record(by, target.team, Action.ALERT_MADE, target, after=after)
        else:
            old, new = audit.changed(before, after)
            if address is not None:
                new["address"] = "entered anew"
            audit.record(by, target.team, Action.ALERT_CHANGED, target, before=old, after=new)


def remove_target(by: HttpRequest, target: AlertTarget) -> None:
    """What waited for it is given up; the log stays."""
    with transaction.atomic():
        audit.record(by, target.team, Action.ALERT_REMOVED, target, before=_told(target))
        target.delete()


def save_rule(by: HttpRequest, rule: AlertRule, targets: Sequence[AlertTarget]) -> None:
    """Add a rule, or change one. AlreadyThere where the team, or the sync, has one of its kind."""
    is_new = rule.pk is None
    before = {} if is_new else _said(AlertRule.objects.get(pk=rule.pk))
    try:
        with transaction.atomic():
            if is_new:
                rule.save(force_insert=True)
            else:
                rule.save(update_fields=["rows", "percent", "hours", "to_all", "updated_at"])
                AlertRoute.objects.filter(rule=rule).delete()
            AlertRoute.objects.bulk_create(
                AlertRoute(team_id=rule.team_id, rule=rule, target=target) for target in targets
            )
            after = _said(rule)
            if is_new:
                audit.record(by, rule.team, Action.ALERT_MADE, rule, after=after)
            else:
                audit.record(by, rule.team, Action.ALERT_CHANGED, rule, before=before, after=after)
    except IntegrityError:
        found = AlertRule.objects.filter(team_id=rule.team_id, kind=rule.kind, sync=rule.sync).first()
        if found is None:
            raise
        raise AlreadyThere(found) from None


def remove_rule(by: HttpRequest, rule: AlertRule) -> None:
    """Its open alerts end with it, and nobody is told that something is over which is not."""
    with transaction.atomic():
        audit.record(by, rule.team, Action.ALERT_REMOVED, rule, before=_said(rule))
        Alert.objects.filter(rule=rule, recovered_at__isnull=True).update(recovered_at=timezone.now())
        rule.delete()


def add_usual(by: HttpRequest, team: Team) -> int:
    """Give the team the usual rules that it lacks, to all targets. Returns how many were added."""
    added = 0
    for kind, limits in USUAL:
        try:
            save_rule(by, AlertRule(team=team, kind=kind, **limits), ())
        except AlreadyThere:
            continue
        added += 1
    return added


def _told(target: AlertTarget) -> dict[str, Any]:
    """A target for the audit log: no part of its address."""
    people = list(User.objects.filter(pk__in=target.people).order_by("email").values_list("email", flat=True))
    return {"name": target.name, "kind": target.get_kind_display(), "people": people}


def _said(rule: AlertRule) -> dict[str, Any]:
    targets = list(rule.targets.order_by("name").values_list("name", flat=True))
    return {
        "kind": rule.get_kind_display(),
        "sync": rule.sync.name if rule.sync is not None else "all",
        "rows": rule.rows,
        "percent": rule.percent,
        "hours": rule.hours,
        "targets": "all" if rule.to_all else targets,
    }
