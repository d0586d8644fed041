"""One HTTP request and its answer, without secrets."""

import zlib
from uuid import uuid4

from django.db import models

from destinations.models.connection import Connection
from syncadmin.teams.models import Team


class Exchange(models.Model):
    """What went over the wire, kept for a set number of days.

    `subject` is the run it belonged to and `call` the call within it, as opaque ids: destinations know
    nothing of syncs. `status` is None where no answer came; `error` says why. Bodies are compressed and
    cut at `http.KEPT_BYTES`.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="exchanges", db_index=False)
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="exchanges", db_index=False
    )
    subject = models.UUIDField(null=True, blank=True)
    call = models.CharField(max_length=80, blank=True)
    method = models.CharField(max_length=8)
    url = models.TextField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.TextField(blank=True)
    request_headers = models.JSONField(default=dict)
    reply_headers = models.JSONField(default=dict)
    request_body = models.BinaryField(default=b"")
    reply_body = models.BinaryField(default=b"")
    started_at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()

    class Meta:
        verbose_name = "request"
        indexes = [
            models.Index(fields=["team", "-id"], name="exchange_newest"),
            models.Index(fields=["connection", "-id"], name="exchange_of_connection"),
            models.Index(fields=["team", "subject", "call"], name="exchange_of_call"),
            models.Index(
                fields=["team", "subject", "-id"], include=["status", "milliseconds"], name="exchange_of_run"
            ),
            models.Index(fields=["started_at"], name="exchange_age"),
        ]

    def __str__(self) -> str:
        host = self.url.partition("://")[2].partition("/")[0]  # what follows it may name a person
        return f"{self.method} {host} → {self.status or 'no answer'}"

    @property
    def request_text(self) -> str:
        return _unpack(self.request_body)

    @property
    def reply_text(self) -> str:
        return _unpack(self.reply_body)


def _unpack(body: bytes) -> str:
    return zlib.decompress(body).decode(errors="replace") if body else ""
