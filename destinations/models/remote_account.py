"""The service's team or org behind a connection: it owns the budget and the breaker."""

from uuid import uuid4

from django.db import models

from syncadmin.teams.models import Team


class RemoteAccount(models.Model):
    """A vendor's account, as far as we can tell accounts apart.

    `budget` is the state of `pacing.py`: what was used in each window and who holds slots in flight. It
    moves only by compare-and-swap on `budget_version`. `down_until` is the breaker: until then nobody
    calls; `down_since` is when the outage began.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="remote_accounts")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    destination = models.CharField(max_length=40)
    remote_id = models.CharField(
        max_length=200, blank=True, help_text="The account's id, where the service tells it."
    )
    name = models.CharField(max_length=200, blank=True)
    windows = models.JSONField(
        default=list,
        blank=True,
        help_text="Own limits as [[requests, seconds], …]; empty: the service's published ones.",
    )
    concurrency = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Requests in flight over all workers; empty: the default."
    )
    reserve_percent = models.PositiveSmallIntegerField(
        default=20, help_text="The share of every limit that is left to your other tools."
    )
    budget = models.JSONField(default=dict, editable=False)
    budget_version = models.PositiveBigIntegerField(default=0, editable=False)
    failure_count = models.PositiveIntegerField(default=0, editable=False)
    down_since = models.DateTimeField(null=True, blank=True, editable=False)
    down_until = models.DateTimeField(null=True, blank=True, editable=False)
    down_reason = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "account"
        constraints = [
            models.UniqueConstraint(
                fields=["team", "destination", "remote_id"],
                condition=~models.Q(remote_id=""),
                name="remote_account_once_per_team",
                violation_error_message="This account is already known.",
            ),
            models.CheckConstraint(
                condition=models.Q(reserve_percent__lte=95), name="remote_account_reserve_at_most_95"
            ),
        ]

    def __str__(self) -> str:
        """Its name; where the service tells none, what people call the ways there: that is one query."""
        if self.name:
            return self.name
        ways = self.connections.all() if self.pk is not None else ()
        names = sorted(f"“{connection.name}”" for connection in ways)[:3]
        return (
            f"the account of {' and '.join(names)}" if names else f"an unnamed account of {self.destination}"
        )
