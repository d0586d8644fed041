"""When syncs run by themselves, which times were left out, and who may start them from outside."""

from django.db import models
from django.db.models import Q

from syncadmin.teams.models import Team, User
from syncs.models.run import Run
from syncs.models.sync import Sync
from syncs.schedule import AFTER, Schedule, read


class SyncSchedule(models.Model):
    """When a sync runs by itself. One without runs when somebody starts it.

    Either `rule`, as `syncs/schedule.py` reads it, and `next_at`, its next time (None: never again); or
    `follows`, the sync whose good runs it comes after, and `followed`, the newest of them that it knows of.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sync = models.OneToOneField(Sync, on_delete=models.CASCADE, related_name="schedule")
    rule = models.JSONField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    follows = models.ForeignKey(
        Sync, null=True, blank=True, on_delete=models.CASCADE, related_name="followers"
    )
    followed = models.PositiveIntegerField(default=0, help_text="The number of the run.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(rule__isnull=False, follows__isnull=True)
                | Q(rule__isnull=True, follows__isnull=False),
                name="schedule_has_one_rhythm",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="schedule_next"),
        ]

    def __str__(self) -> str:
        return f"{self.sync}: {self.schedule}"

    @property
    def schedule(self) -> Schedule:
        """What it says. ScheduleWrong where it can no longer be, as when a time zone went."""
        if self.follows is not None:
            return Schedule(AFTER, after=self.follows.name)
        return read(self.rule or {})


class MissedTime(models.Model):
    """A time of a schedule at which the sync was still running: it was left out."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="missed_times")
    at = models.DateTimeField()
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", help_text="Was still going.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sync", "at"], name="missed_time_once")]

    def __str__(self) -> str:
        return f"{self.sync} at {self.at}"


class StartToken(models.Model):
    """The secret by which another program starts runs of one sync; only its digest is kept."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sync = models.OneToOneField(Sync, on_delete=models.CASCADE, related_name="start_token")
    digest = models.CharField(max_length=64, editable=False)
    ending = models.CharField(max_length=4, editable=False, help_text="Its last signs, to know it by.")
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.sync}: …{self.ending}"
