"""Alerts as the pages say them: rules in a sentence, targets with how they stand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from syncadmin.lib.shown import counted
from syncadmin.teams.models import Team, User
from syncs.alerting.addresses import TargetKind
from syncs.alerting.rules import Kind
from syncs.models import AlertRule, AlertTarget, Sync

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class TargetLine:
    """A target in the list: where it leads, without a secret."""

    target: AlertTarget
    where: str


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule in the list. `to` is empty where it tells nobody."""

    rule: AlertRule
    words: str
    to: str


def target_lines(team: Team) -> list[TargetLine]:
    """The team's targets. Two queries."""
    targets = list(AlertTarget.objects.filter(team=team).order_by("name"))
    wanted = {pk for target in targets for pk in target.people}
    members = User.objects.filter(pk__in=wanted, is_active=True, memberships__team=team)
    emails = dict(members.values_list("pk", "email"))
    return [TargetLine(target, _where(target, emails)) for target in targets]


def rule_lines(rules: Iterable[AlertRule]) -> list[RuleLine]:
    """`rules` bring their targets with them."""
    return [RuleLine(rule, rule_words(rule), _to(rule)) for rule in rules]


def of_sync(sync: Sync) -> list[RuleLine]:
    """The rules that watch a sync: its own, and of the other kinds the team's. Two queries."""
    found = AlertRule.objects.filter(Q(sync=sync) | Q(sync=None), team_id=sync.team_id)
    rules = list(found.select_related("sync").prefetch_related("targets").order_by("kind"))
    own = {rule.kind for rule in rules if rule.sync_id is not None}
    return rule_lines(rule for rule in rules if rule.sync_id is not None or rule.kind not in own)


def rule_words(rule: AlertRule) -> str:
    """What a rule watches, with its numbers."""
    if rule.kind == Kind.ROWS:
        limits = []
        if rule.rows is not None:
            limits.append(counted(rule.rows, "row", "rows"))
        if rule.percent is not None:
            limits.append(f"{rule.percent}% of the rows")
        return f"More than {' or '.join(limits)} need attention"
    if rule.kind == Kind.STALE and rule.hours is not None:
        days, hours = divmod(rule.hours, 24)
        time = counted(days, "day", "days") if days and not hours else counted(rule.hours, "hour", "hours")
        return f"No success for {time}"
    return str(rule.get_kind_display())


def _where(target: AlertTarget, emails: dict[int, str]) -> str:
    if target.kind != TargetKind.EMAIL:
        return target.shown
    found = sorted(emails[pk] for pk in target.people if pk in emails)
    if not found:
        return "E-mail · nobody: those chosen left the team"
    more = len(found) - MOST_NAMED
    return f"E-mail · {', '.join(found[:MOST_NAMED])}{f' and {more} more' if more > 0 else ''}"


def _to(rule: AlertRule) -> str:
    if rule.to_all:
        return "All targets"
    names: Sequence[str] = sorted(target.name for target in rule.targets.all())
    return ", ".join(names)
