"""How many requests went to an account, hour by hour."""

from django.db import models

from destinations.models.remote_account import RemoteAccount
from syncadmin.teams.models import Team


class AccountHour(models.Model):
    """What an account was asked in one hour: what `use.py` counted, for charts; no limit stands on it.

    `hour` is its beginning, in UTC. `refused_count` are those that the service answered with "too many".
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(RemoteAccount, on_delete=models.CASCADE, related_name="hours")
    hour = models.DateTimeField()
    request_count = models.PositiveBigIntegerField(default=0)
    refused_count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "account", "hour"], name="account_hour_once"),
        ]
        indexes = [models.Index(fields=["hour"], name="account_hour_age")]

    def __str__(self) -> str:
        return f"{self.account_id} at {self.hour:%Y-%m-%d %H} UTC"
