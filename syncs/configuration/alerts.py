"""Who is told what goes wrong, in a document: compared with what is, written and exported."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from syncadmin.lib.crypto import Secret, UnreadableSecret
from syncadmin.teams.models import Team, User
from syncs.alerting.addresses import KINDS, TargetKind
from syncs.alerting.rules import Kind
from syncs.configuration.alert_reading import Alerts, RulePart, TargetPart
from syncs.configuration.problems import Problem, did_you_mean
from syncs.models import AlertRoute, AlertRule, AlertTarget, Sync

Reference = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class AlertGoals:
    """What is to be written, and the lines that tell it."""

    targets: Sequence[tuple[TargetPart, AlertTarget | None, list[int]]] = ()
    rules: Sequence[tuple[RulePart, AlertRule | None]] = ()
    lines: Sequence[str] = ()


def alert_goals(
    team: Team | None, wanted: Alerts, syncs: Sequence[str], problems: list[Problem]
) -> AlertGoals:
    """Look up what the document names. `syncs` are those that it describes."""
    stored = {one.name: one for one in AlertTarget.objects.filter(team=team)} if team else {}
    members = dict(User.objects.filter(memberships__team=team).values_list("email", "pk")) if team else {}
    lines: list[str] = []
    targets = []
    for target in wanted.targets:
        people = []
        for email in target.to:
            if (pk := members.get(email.strip().lower())) is None:
                problems.append(
                    Problem(target.line, f"alert target {target.name}: {email} is not of the team")
                )
            else:
                people.append(pk)
        existing = stored.get(target.name)
        if existing is not None and existing.kind != target.kind:
            message = f"alert target {target.name} is of type {existing.kind}; give the new one another name"
            problems.append(Problem(target.line, message))
        if existing is None and target.address is None and target.kind is not TargetKind.EMAIL:
            problems.append(Problem(target.line, f"alert target {target.name} has no address"))
        lines += [f"alert target {target.name}: {one}" for one in _changes(target, existing, sorted(people))]
        targets.append((target, existing, sorted(people)))
    there = {*syncs, *(Sync.objects.filter(team=team).values_list("name", flat=True) if team else ())}
    known = {*stored, *(target.name for target in wanted.targets)}
    kept = AlertRule.objects.filter(team=team).select_related("sync").prefetch_related("targets")
    by_key = {(rule.kind, rule.sync.name if rule.sync else ""): rule for rule in kept} if team else {}
    rules = []
    for rule in wanted.rules:
        if rule.sync and rule.sync not in there:
            message = f"{rule.called}: there is no sync `{rule.sync}`{did_you_mean(rule.sync, there)}"
            problems.append(Problem(rule.line, message))
        for name in rule.to or ():
            if name not in known:
                message = f"{rule.called}: there is no alert target `{name}`{did_you_mean(name, known)}"
                problems.append(Problem(rule.line, message))
        found = by_key.get((rule.kind, rule.sync))
        before, after = _said(_part_of(found)) if found else "nothing", _said(rule)
        if before != after:
            lines.append(f"{rule.called}: {before} → {after}")
        rules.append((rule, found))
    return AlertGoals(targets, rules, lines)


def _changes(target: TargetPart, existing: AlertTarget | None, people: list[int]) -> Iterator[str]:
    if existing is None:
        yield f"new, {target.kind.value}"
        return
    if target.kind is TargetKind.EMAIL and people != sorted(existing.people):
        yield "to: changed"
    if target.address is not None and target.address.url != _address(existing):
        yield "address: changed"


def _address(target: AlertTarget) -> str:
    try:
        return target.address.reveal()
    except UnreadableSecret:
        return ""


def _part_of(rule: AlertRule) -> RulePart:
    to = None if rule.to_all else tuple(sorted(target.name for target in rule.targets.all()))
    sync = rule.sync.name if rule.sync is not None else ""
    return RulePart(0, Kind(rule.kind), sync, rule.rows, rule.percent, rule.hours, to)


def _said(rule: RulePart) -> str:
    numbers = [
        f"{name} {number}"
        for name, number in (("rows", rule.rows), ("percent", rule.percent), ("hours", rule.hours))
        if number is not None
    ]
    to = "all targets" if rule.to is None else ", ".join(sorted(rule.to)) or "nobody"
    return ", ".join([*numbers, f"to {to}"])


def write_alerts(team: Team, goals: AlertGoals) -> None:
    """In the caller's transaction, once the syncs are written."""
    for part, existing, people in goals.targets:
        target = existing or AlertTarget(team=team, name=part.name, kind=part.kind)
        if existing is not None and not list(_changes(part, existing, people)):
            continue
        target.people = people
        if part.address is not None:
            target.address, target.shown = Secret(part.address.url), part.address.shown or "Another service"
            target.failure_count, target.problem, target.problem_since = 0, "", None
            target.paused_until = None
        target.save()
    targets = {one.name: one for one in AlertTarget.objects.filter(team=team)}
    for wanted, stored in goals.rules:
        if stored is not None and _said(_part_of(stored)) == _said(wanted):
            continue
        sync = Sync.objects.get(team=team, name=wanted.sync) if wanted.sync else None
        rule = stored or AlertRule(team=team, kind=wanted.kind, sync=sync)
        rule.rows, rule.percent, rule.hours = wanted.rows, wanted.percent, wanted.hours
        rule.to_all = wanted.to is None
        rule.save()
        AlertRoute.objects.filter(rule=rule).delete()
        names = dict.fromkeys(wanted.to or ())
        AlertRoute.objects.bulk_create(
            AlertRoute(team=team, rule=rule, target=targets[name]) for name in names
        )


def export_alerts(team: Team, reference: Reference) -> dict[str, Any]:
    """As a document has it. `reference` makes the name of a variable for a secret of a target."""
    targets: dict[str, Any] = {}
    emails = dict(User.objects.filter(memberships__team=team).values_list("pk", "email"))
    for target in AlertTarget.objects.filter(team=team).order_by("name"):
        if target.kind == TargetKind.EMAIL:
            to = sorted(emails[pk] for pk in target.people if pk in emails)
            if to:
                targets[target.name] = {"type": target.kind, "to": to}
            continue
        targets[target.name] = {"type": target.kind} | _exported(target, reference)
    rules = AlertRule.objects.filter(team=team).select_related("sync").prefetch_related("targets")
    told = []
    for rule in sorted(map(_part_of, rules), key=lambda one: (list(Kind).index(one.kind), one.sync)):
        found: dict[str, Any] = {"when": rule.kind.value}
        found |= {"sync": rule.sync} if rule.sync else {}
        numbers = {"rows": rule.rows, "percent": rule.percent, "hours": rule.hours}
        found |= {name: number for name, number in numbers.items() if number is not None}
        told.append(found if rule.to is None else found | {"to": list(rule.to)})
    found = {"targets": targets, "rules": told}
    return {name: value for name, value in found.items() if value}


def _exported(target: AlertTarget, reference: Reference) -> dict[str, Any]:
    """The parts of an address: all of them by reference, as they were entered together."""
    found: dict[str, Any] = {}
    for part in KINDS[TargetKind(target.kind)].parts:
        if part.choices:
            said = [value for value, _ in part.choices if f"· {value.upper()} " in target.shown]
            found |= {part.key: said[0]} if said else {}
        elif part.required or "Authorization" in _address(target):
            found[part.key] = reference(target.name, part.key)
    return found
