"""Counts the requests that went to an account, by the hour: for charts, not for limits (see `budget.py`).

Workers count in memory and write every few seconds, so that nobody waits at an account's row. What is counted
are the requests that are kept as `Exchange`; a worker that dies takes the last seconds of its counting along.
"""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Protocol

from django.db import IntegrityError, transaction
from django.db.models import F

from destinations.models import AccountHour, Exchange, RemoteAccount

WRITE_EVERY = 5.0  # seconds
HOUR = 3_600
TOO_MANY = 429


class Request(Protocol):
    """What went over the wire: `http.Sent` or its row."""

    @property
    def started_at(self) -> datetime: ...

    @property
    def status(self) -> int | None: ...


class Tally:
    """One worker's count of its requests to one account."""

    def __init__(self, account: RemoteAccount) -> None:
        self._account = account
        self._counts: Counter[tuple[int, bool]] = Counter()  # hours since 1970; refused or not
        self._written_at = time.monotonic()

    def add(self, sent: Iterable[Request]) -> None:
        """Count them, in memory."""
        for one in sent:
            self._counts[int(one.started_at.timestamp() // HOUR), one.status == TOO_MANY] += 1

    def beat(self) -> None:
        """Write what was counted, if the last time is a while ago."""
        if self._counts and time.monotonic() - self._written_at >= WRITE_EVERY:
            self.write()

    def write(self) -> None:
        counts, self._counts = self._counts, Counter()
        self._written_at = time.monotonic()
        for hour in {hour for hour, _ in counts}:
            refused = counts[hour, True]
            began = datetime.fromtimestamp(hour * HOUR, UTC)
            _add(self._account, began, counts[hour, False] + refused, refused)


def keep(account: RemoteAccount, rows: list[Exchange]) -> None:
    """Store requests that a person or a look was the reason for, and count them."""
    Exchange.objects.bulk_create(rows)
    tally = Tally(account)
    tally.add(rows)
    tally.write()


def _add(account: RemoteAccount, hour: datetime, requests: int, refused: int) -> None:
    row = AccountHour.objects.filter(team=account.team_id, account=account, hour=hour)
    more = {"request_count": F("request_count") + requests, "refused_count": F("refused_count") + refused}
    if row.update(**more):
        return
    try:
        with transaction.atomic():
            AccountHour.objects.create(
                team_id=account.team_id,
                account=account,
                hour=hour,
                request_count=requests,
                refused_count=refused,
            )
    except IntegrityError:  # another worker was first in this hour
        row.update(**more)
