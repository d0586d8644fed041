"""What is known of the teams that have rules, read in a handful of queries, however many syncs there are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, Min, OuterRef, Q, Subquery

from destinations import registry
from destinations.models import Connection
from syncadmin.lib import personal
from syncs.alerting.rules import AccountFacts, At, Ended, Facts, Kind, Rule, SourceFacts, SyncFacts
from syncs.models import AlertRule, MissedTime, Run, Source, StartToken, Sync, SyncSchedule

_ENDED = [
    "public_id",
    "number",
    "sync_id",
    "status",
    "stopped_by",
    "stop_reason",
    "finished_at",
    "read_count",
    "invalid_count",
    "rejected_count",
    "in_doubt_count",
    "deferred_count",
]


def read(
    now: datetime, teams: Iterable[int] | None, open_alerts: Mapping[int, Collection[str]]
) -> dict[int, Facts]:
    """The facts of each team with rules, of all or of these. `open_alerts` are subjects, by team."""
    rules = AlertRule.objects.all() if teams is None else AlertRule.objects.filter(team__in=list(teams))
    by_team: dict[int, list[Rule]] = defaultdict(list)
    for rule in rules:
        known = Rule(
            rule.pk, Kind(rule.kind), rule.sync_id, rows=rule.rows, percent=rule.percent, hours=rule.hours
        )
        by_team[rule.team_id].append(known)
    if not by_team:
        return {}
    syncs = _syncs(list(by_team))
    accounts = _accounts(list(by_team))
    sources: dict[int, dict[int, SourceFacts]] = defaultdict(dict)
    for source in Source.objects.filter(team__in=by_team).only("public_id", "name", "team_id"):
        sources[source.team_id][source.pk] = SourceFacts(source.pk, source.public_id, source.name)
    return {
        team: Facts(
            now,
            known,
            syncs.get(team, []),
            accounts.get(team, {}),
            sources.get(team, {}),
            frozenset(open_alerts.get(team, ())),
        )
        for team, known in by_team.items()
    }


def _syncs(teams: list[int]) -> dict[int, list[SyncFacts]]:
    over = [*Run.GOOD, Run.Status.STOPPED]
    ended = Run.objects.filter(sync=OuterRef("pk"), dry_run=False, status__in=over)
    whole = Run.objects.over_all_rows().filter(sync=OuterRef("pk"))
    newest_whole = whole.filter(status__in=over, generation=OuterRef("generation")).order_by("-number")
    found = Sync.objects.filter(team__in=teams, paused=False).annotate(
        account=F("connection__account_id"),
        source=F("model__source_id"),
        last=Subquery(ended.order_by("-number").values("pk")[:1]),
        last_whole=Subquery(newest_whole.values("pk")[:1]),
        good_at=Subquery(whole.ended_well().order_by("-number").values("finished_at")[:1]),
        begun_at=Subquery(whole.order_by("number").values("created_at")[:1]),
    )
    rows = list(found.values("pk", "team_id", "public_id", "name", "account", "source", *_ANNOTATED))
    runs = _ended({row[name] for row in rows for name in ("last", "last_whole")} - {None})
    schedules = {
        pk: (next_at, follows is None)
        for pk, next_at, follows in SyncSchedule.objects.filter(team__in=teams).values_list(
            "sync_id", "next_at", "follows_id"
        )
    }
    called = set(
        StartToken.objects.filter(team__in=teams, used_at__isnull=False).values_list("sync_id", flat=True)
    )
    missed, waits = _missed(teams), _waiting(teams)
    by_team: dict[int, list[SyncFacts]] = defaultdict(list)
    for row in rows:
        pk = row["pk"]
        next_at, has_rule = schedules.get(pk, (None, False))
        missed_at, missed_run = missed.get(pk, (next_at, None))
        by_team[row["team_id"]].append(
            SyncFacts(
                pk,
                row["public_id"],
                row["name"],
                row["account"],
                row["source"],
                runs_by_itself=pk in schedules or pk in called,
                last=runs.get(row["last"]),
                last_whole=runs.get(row["last_whole"]),
                good_at=row["good_at"],
                begun_at=row["begun_at"],
                waits=waits.get(pk),
                missed_at=missed_at,
                missed_run=missed_run,
                has_broken_schedule=has_rule and next_at is None,
            )
        )
    return by_team


_PLACES = frozenset(At)
_ANNOTATED = ("last", "last_whole", "good_at", "begun_at")


def _ended(ids: set[int]) -> dict[int, Ended]:
    found = {}
    for row in _by_ids(ids):
        found[row["pk"]] = Ended(
            row["public_id"],
            row["number"],
            row["finished_at"],
            is_stopped=row["status"] == Run.Status.STOPPED,
            stopped_at=At(row["stopped_by"]) if row["stopped_by"] in _PLACES else At.SYNC,
            reason=personal.words(row["stop_reason"]),
            read=row["read_count"],
            attention=row["invalid_count"]
            + row["rejected_count"]
            + row["in_doubt_count"]
            + row["deferred_count"],
        )
    return found


def _by_ids(ids: set[int]) -> list[dict[str, Any]]:
    """The runs, a few hundred a query: SQLite bears no more variables everywhere."""
    known = sorted(ids)
    parts = [known[at : at + 500] for at in range(0, len(known), 500)]
    return [
        row for part in parts for row in Run.objects.filter(pk__in=part).values("pk", *_ENDED, "stopped_by")
    ]


def _missed(teams: list[int]) -> dict[int, tuple[datetime, Any]]:
    """By sync: the first time that was left out, and the run that was going, where none began since."""
    found = MissedTime.objects.filter(
        team__in=teams, run__number=F("sync__last_run_number"), sync__paused=False
    )
    firsts = found.order_by().values("sync", "run__public_id").annotate(first=Min("at"))
    return {row["sync"]: (row["first"], row["run__public_id"]) for row in firsts}


def _waiting(teams: list[int]) -> dict[int, Any]:
    found = Run.objects.waiting_for_approval().filter(team__in=teams)
    return dict(found.values_list("sync_id", "public_id"))


def _accounts(teams: list[int]) -> dict[int, dict[int, AccountFacts]]:
    """By team: the accounts of its connections, and those that others share with it, where it uses them."""
    shared = Sync.objects.filter(team__in=teams).exclude(connection__team=F("team"))
    pairs = set(shared.order_by().values_list("team_id", "connection_id").distinct())
    mine = Q(team__in=teams) | Q(pk__in={connection for _, connection in pairs})
    ways: dict[tuple[int, int], list[Connection]] = defaultdict(list)
    connections = Connection.objects.filter(mine).select_related("account", "team").order_by("name")
    for connection in connections.defer("fields", "options", "sealed_credentials", "account__budget"):
        users = {team for team, of in pairs if of == connection.pk}
        if connection.team_id in teams:
            users.add(connection.team_id)
        for team in users:
            ways[team, connection.account_id].append(connection)
    found: dict[int, dict[int, AccountFacts]] = defaultdict(dict)
    for (team, account), known in ways.items():
        found[team][account] = _account(team, known)
    return found


def _account(team: int, ways: list[Connection]) -> AccountFacts:
    """An account as a team sees it, by its connections there."""
    bad = [one for one in ways if one.health == Connection.Health.ATTENTION]
    first = (bad or ways)[0]
    names = " and ".join(f"“{one.name}”" for one in (bad or ways)[:3])
    needs, page = "", first.public_id if first.team_id == team else None
    if bad:
        needs = personal.mentions(first.health_reason)
        if first.team_id != team:
            needs = f"The team {first.team} shares this connection, and must act: {needs}"
    adapter = registry.adapters().get(first.destination)
    return AccountFacts(
        first.account_id,
        f"{adapter.label if adapter else first.destination} ({names})",
        page,
        down_since=first.account.down_since,
        down_reason=first.account.down_reason,
        needs=needs,
    )
