"""Rings for a worker. A ring may be lost or doubled: the runs themselves say what is to be done."""

from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

WORK = "syncs.tasks.work"


def ring() -> None:
    """Queue one `work()`, in the caller's transaction; not more than there are workers to hear it."""
    if OrmQ.objects.filter(lock__lte=timezone.now()).count() < settings.WORKERS:
        async_task(WORK)
