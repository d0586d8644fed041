"""Tests connections by themselves: each once a day, and sooner where something is wrong.

A test that is due is taken by moving `test_begun_at` on, so that two workers make it once, and one that dies
leaves it to the next. One that the service could not answer now is no test: it stays due.
"""

import logging
import time
import traceback
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from destinations import connect
from destinations.models import Connection
from syncs.models import Run

EVERY = timedelta(days=1)
SOONER = timedelta(minutes=15)  # where the last test failed, or the account does not answer
APART = timedelta(minutes=10)  # at the least, between two tests that begin by themselves
BUDGET_SECONDS = 10.0  # after which a task begins no other, so that it holds no worker for long

log = logging.getLogger(__name__)


def due(now: datetime) -> QuerySet[Connection]:
    """Connections to test now, the longest untested first.

    Not those that wait for somebody's first sign-in: there is nothing to test yet.
    """
    refused = Run.objects.filter(
        sync__connection=OuterRef("pk"),
        status=Run.Status.STOPPED,
        stopped_by=Run.StoppedBy.SIGN_IN,
        finished_at__gt=OuterRef("checked_at"),
    )
    is_bad = Q(health=Connection.Health.ATTENTION) | Q(account__down_since__lt=now - SOONER)
    found = Connection.objects.filter(
        Q(checked_at__lt=now - EVERY)
        | Q(checked_at__isnull=True, created_at__lt=now - SOONER)
        | Q(is_bad, checked_at__lt=now - SOONER)
        | Q(Q(health=Connection.Health.ATTENTION), Exists(refused)),
        Q(test_begun_at__isnull=True) | Q(test_begun_at__lt=now - APART),
    )
    unsigned = Q(sign_in=Connection.SignIn.OAUTH, token__isnull=True)
    return found.exclude(unsigned).order_by(F("checked_at").asc(nulls_first=True), "pk")


def test_due(now: datetime | None = None) -> int:
    """Test what is due, one after the other, for a few seconds. Returns how many were tested."""
    now = now or timezone.now()
    ends = time.monotonic() + BUDGET_SECONDS
    tested = 0
    for connection in list(due(now).select_related("account")):
        if time.monotonic() > ends:
            break
        taken = Connection.objects.filter(pk=connection.pk, test_begun_at=connection.test_begun_at)
        if not taken.update(test_begun_at=now):
            continue  # another worker took it
        try:
            connect.check(connection, by_itself=True)
        except Exception as fault:  # of ours, or the database's: the others are tested all the same
            where = "".join(traceback.format_tb(fault.__traceback__))
            log.error("test of connection %s: %s\n%s", connection.public_id, type(fault).__name__, where)
        tested += 1
    return tested
