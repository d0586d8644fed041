"""The signs of life of workers and supervisors: pages say what is wrong when nobody is there to work."""

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

LASTS = timedelta(seconds=10)  # five beats: one that is late is no death
SUPERVISOR_LASTS = timedelta(seconds=30)  # it beats between other things that it does


class Kind(models.TextChoices):
    WORKER = "worker"
    SUPERVISOR = "supervisor"


class WorkerBeatQuerySet(models.QuerySet["WorkerBeat"]):
    def are_alive(self, kind: Kind = Kind.WORKER) -> bool:
        """Whether a worker, or a supervisor, gave a sign of life just now. One query.

        The database's clock tells both times: those of the machines may differ. A beat of its future is
        none, or a clock that was put back would keep the dead alive.
        """
        beats = self.filter(kind=kind).annotate(now=Now()).values_list("beat_at", "now")
        lasts = LASTS if kind == Kind.WORKER else SUPERVISOR_LASTS
        return any(abs(now - at) < lasts for at, now in beats)

    def beat(self, name: str, kind: Kind = Kind.WORKER) -> None:
        """The one of this name is there."""
        if not self.filter(name=name).update(beat_at=Now()):
            self.create(name=name, kind=kind, beat_at=Now())

    def forget_the_dead(self) -> None:
        """Remove those that ended, long ago, without saying so."""
        beats = self.annotate(now=Now()).values_list("pk", "beat_at", "now")
        self.filter(pk__in=[pk for pk, at, now in beats if abs(now - at) > timedelta(days=1)]).delete()


class WorkerBeat(models.Model):
    """When a process with workers, or its supervisor, last said that it is there; gone once it ended well.

    Of the installation, not of a team. `name` tells machine and process. See `supervisor/heartbeat.py` for
    the first, `supervisor/doorbells.py` for the other.
    """

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.WORKER)
    name = models.CharField(max_length=250, unique=True)
    started_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(help_text="By the clock of the database.")

    objects = WorkerBeatQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
