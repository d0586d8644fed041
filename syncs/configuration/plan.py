"""From a document to what is to be written, told line by line. Nothing is written here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from syncadmin.teams.models import Team
from syncs.configuration.alerts import AlertGoals, alert_goals
from syncs.configuration.desk import Desk
from syncs.configuration.document import Document
from syncs.configuration.examine import examine_bystanders, examine_models, examine_runs, examine_syncs
from syncs.configuration.examine_never import examine_never
from syncs.configuration.goals import ConnectionGoal, ModelGoal, SourceGoal, SyncGoal
from syncs.configuration.mail_domains import mail_domain_lines
from syncs.configuration.problems import ConfigurationError, Problem
from syncs.configuration.resolve import Resolver
from syncs.models import LedgerEntry, Sync


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written. `lines` tell it, one change each; without any there is nothing to do.

    `bystanders` are syncs that the document does not describe, but that start a new generation.
    """

    document: Document
    sources: list[SourceGoal]
    models: list[ModelGoal]
    connections: list[ConnectionGoal]
    syncs: list[SyncGoal]
    bystanders: list[Sync]
    alerts: AlertGoals
    lines: list[str]


def make(document: Document, problems: Iterable[Problem]) -> Plan:
    """The plan of a document. ConfigurationError with all that is wrong, the given problems included."""
    desk = Desk(document.team, list(problems))
    goals = Resolver(desk)
    goals.resolve(document)
    examine_models(desk, goals)
    examine_syncs(desk, goals)
    examine_never(desk, goals)
    examine_runs(desk, goals)
    bystanders = examine_bystanders(desk, goals)
    alerts = alert_goals(desk.team, document.alerts, [sync.name for sync in document.syncs], desk.problems)
    if desk.problems:
        raise ConfigurationError(desk.problems)
    return Plan(
        document,
        goals.sources,
        goals.models,
        goals.connections,
        goals.syncs,
        [sync for sync, _ in bystanders],
        alerts,
        [
            *_team_lines(document, desk.team),
            *mail_domain_lines(desk.team, document.mail_domains),
            *_lines(goals),
            *_generation_lines(goals, bystanders),
            *alerts.lines,
        ],
    )


def _team_lines(document: Document, team: Team | None) -> list[str]:
    if team is None:
        return [f"team {document.team}: new"]
    if document.team_name and team.name != document.team_name:
        return [f"team {document.team}: name: {team.name} → {document.team_name}"]
    return []


def _lines(goals: Resolver) -> list[str]:
    parts: list[tuple[str, Iterable[Any]]] = [
        ("source", goals.sources),
        ("model", goals.models),
        ("connection", goals.connections),
        ("sync", goals.syncs),
    ]
    return [
        f"{kind} {goal.name}: {change}"
        for kind, found in parts
        for goal in found
        for change in goal.changes()
    ]


def _generation_lines(goals: Resolver, bystanders: list[tuple[Sync, str]]) -> list[str]:
    """What a new generation costs."""
    described = [(goal.existing, goal.new_generation) for goal in goals.syncs]
    lines = []
    for sync, why in [*described, *bystanders]:
        if sync is not None and why:
            rows = LedgerEntry.objects.filter(sync=sync, generation=sync.generation, part=0).count()
            lines.append(f"sync {sync.name}: a new generation ({why}): {rows:,} rows will be sent again")
    return lines
