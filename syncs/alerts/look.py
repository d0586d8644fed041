"""Compares what is wrong with what was told, and writes down what is to be told.

Each alert opens and ends once, however many workers look at once: one open alert per subject is a constraint
of the database, its end is a conditional update. Whoever does it writes the messages in the same transaction.
"""

import logging
import traceback
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from syncadmin.teams.models import Team
from syncs.alerting import words
from syncs.alerting.rules import Facts, Trouble, troubles
from syncs.alerts import facts
from syncs.models import Alert, AlertMessage, AlertRule, AlertTarget

log = logging.getLogger(__name__)

AT_ONCE = 500  # rows that a write deletes
_PAGES = {"run": "run", "sync": "sync", "source": "source", "connection": "connection"}


def look(now: datetime | None = None, teams: Iterable[int] | None = None) -> int:
    """Open and end alerts, of all teams or of these. Returns how many messages were written."""
    now = now or timezone.now()
    still_open = Alert.objects.filter(recovered_at__isnull=True)
    if teams is not None:
        still_open = still_open.filter(team__in=list(teams))
    known: dict[int, dict[str, Alert]] = {}
    for alert in still_open.select_related("team"):
        known.setdefault(alert.team_id, {})[alert.subject] = alert
    found = facts.read(now, teams, known)
    written = 0
    for team in found.keys() | known.keys():
        try:
            written += _of_team(team, found.get(team), known.get(team, {}), now)
        except DatabaseError:
            raise
        except Exception as fault:  # of ours: the other teams are told all the same
            where = "".join(traceback.format_tb(fault.__traceback__))
            log.error("alerts of team %s: %s\n%s", team, type(fault).__name__, where)
    return written


def link_to(team: Team, page: str = "", page_id: object = None) -> str:
    """The address of a team's page, from outside."""
    named = _PAGES.get(page)
    args = [team.slug, page_id] if named and page_id else [team.slug]
    path = reverse(named if named and page_id else "alerts", args=args)
    return f"{settings.SITE_URL}{path}"


def prune(before: datetime) -> int:
    """Delete what was told and is over. Returns how much went."""
    old = AlertMessage.objects.filter(created_at__lt=before).exclude(status=AlertMessage.Status.WAITING)
    over = Alert.objects.filter(recovered_at__lt=before)
    return sum(_delete(rows) for rows in (old, over))


def _delete(rows: "QuerySet[Any]") -> int:
    """A few hundred a write: SQLite's writers wait for each other."""
    count = 0
    while some := list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        rows.model._default_manager.filter(pk__in=some).delete()
        count += len(some)
    return count


def _of_team(team_id: int, known: Facts | None, open_alerts: dict[str, Alert], now: datetime) -> int:
    wrong = {trouble.subject: trouble for trouble in troubles(known)} if known is not None else {}
    new = [trouble for subject, trouble in wrong.items() if subject not in open_alerts]
    team = Team.objects.get(pk=team_id) if new else None
    written = sum(_open(team, trouble, now) for trouble in new if team is not None)
    for subject, alert in open_alerts.items():
        if subject in wrong:
            _keep_up(alert, wrong[subject], now)
        else:
            written += _end(alert, now)
    return written


def _open(team: Team, trouble: Trouble, now: datetime) -> int:
    told = words.tell(trouble, now)
    rules = {rule.pk: rule for rule in AlertRule.objects.filter(pk__in=trouble.rules)}
    if not rules:
        return 0  # removed meanwhile
    targets = _targets(team, [rules[pk] for pk in trouble.rules if pk in rules])
    page, page_id = told.page
    try:
        with transaction.atomic():
            if Alert.objects.filter(team=team, subject=trouble.subject, recovered_at__gte=now).exists():
                return 0  # somebody looked later than we did, and it was over
            alert = Alert.objects.create(
                team=team,
                rule=rules.get(trouble.rules[0]),
                kind=trouble.kind,
                subject=trouble.subject,
                title=told.title[:400],
                now_title=told.title[:400],
                text=told.text,
                todo=told.todo,
                page=page,
                page_id=page_id,
                opened_at=now,
            )
            link = link_to(team, page, page_id)
            message = words.opened(told, team.name, link)
            _write(alert, targets, AlertMessage.Sort.OPENED, message, link, now)
    except IntegrityError:
        return 0  # another worker was first
    return len(targets)


def _keep_up(alert: Alert, trouble: Trouble, now: datetime) -> None:
    """Let the page say how it is now."""
    told = words.tell(trouble, now)
    page, page_id = told.page
    seen = (alert.now_title, alert.text, alert.todo, alert.page, alert.page_id)
    if seen != (told.title[:400], told.text, told.todo, page, page_id):
        Alert.objects.filter(pk=alert.pk, recovered_at__isnull=True).update(
            now_title=told.title[:400], text=told.text, todo=told.todo, page=page, page_id=page_id
        )


def _end(alert: Alert, now: datetime) -> int:
    """It is over: tell all who were told that it began."""
    link = link_to(alert.team, alert.page, alert.page_id)
    message = words.recovered(alert.title, alert.team.name, link, opened_at=alert.opened_at, now=now)
    with transaction.atomic():
        ended = Alert.objects.filter(pk=alert.pk, recovered_at__isnull=True, opened_at__lt=now)
        if not ended.update(recovered_at=now):
            return 0
        told = AlertMessage.objects.filter(alert=alert, sort=AlertMessage.Sort.OPENED)
        told = told.exclude(status=AlertMessage.Status.GIVEN_UP).exclude(target=None)
        targets = AlertTarget.objects.filter(pk__in=told.values("target"))
        return _write(alert, list(targets), AlertMessage.Sort.OVER, message, link, now)


def _targets(team: Team, rules: Sequence[AlertRule]) -> list[AlertTarget]:
    found = AlertTarget.objects.filter(team=team)
    if not any(rule.to_all for rule in rules):
        found = found.filter(routes__rule__in=rules)
    return list(found.distinct())


def _write(
    alert: Alert,
    targets: Sequence[AlertTarget],
    sort: AlertMessage.Sort,
    message: words.Message,
    link: str,
    now: datetime,
) -> int:
    AlertMessage.objects.bulk_create(
        AlertMessage(
            team_id=alert.team_id,
            alert=alert,
            target=target,
            target_name=target.name,
            sort=sort,
            title=message.title[:500],
            body=message.body,
            short=message.short[:700],
            link=link[:500],
            created_at=now,
        )
        for target in targets
    )
    return len(targets)
