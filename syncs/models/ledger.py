"""What a sync last had accepted, row by row, and what is in doubt."""

from django.db import models
from django.db.models import Q

from syncadmin.teams.models import Team
from syncs.models.sync import Sync


class LedgerEntry(models.Model):
    """One row of a model, as the destination has it.

    `key` is the 128-bit digest of the primary key's canonical text (a companion's of its own, see
    `engine/keys.py`). `fingerprint` is that of the last accepted record: set only by acceptance, cleared
    by doubt. `settles_at` is until when an unanswered request may still take effect: another value is
    not sent before. `refused_*` hold the record that the destination refused and when it is due again.
    Written in bulk by `engine/ledger.py` alone; as with `PlannedRow`, the database checks no references.
    """

    pk = models.CompositePrimaryKey("sync_id", "generation", "key")
    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    sync = models.ForeignKey(
        Sync, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    generation = models.PositiveIntegerField()
    key = models.BinaryField(max_length=16)
    key_text = models.TextField()
    part = models.PositiveSmallIntegerField(default=0, help_text="0 the row itself, 1 its companion.")
    match_key = models.TextField()
    fingerprint = models.BigIntegerField(null=True)
    record = models.BinaryField(null=True)
    remote_id = models.TextField(blank=True)
    run_number = models.PositiveIntegerField()
    accepted_at = models.DateTimeField(null=True)
    settles_at = models.DateTimeField(null=True)
    refused_fingerprint = models.BigIntegerField(null=True)
    refused_count = models.PositiveSmallIntegerField(default=0)
    next_try_run = models.PositiveIntegerField(null=True)
    next_try_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # For the beginnings of keys too, whatever the database's language (PostgreSQL).
            models.Index(
                fields=["team", "match_key"], name="ledger_person", opclasses=["int8_ops", "text_pattern_ops"]
            ),
            # A plan compares all rows in the order of this index, without looking at the table. On PostgreSQL
            # the primary key carries part and fingerprint, and this index is left out (migration 0025).
            models.Index(fields=["sync", "generation", "part", "key", "fingerprint"], name="ledger_compared"),
            models.Index(
                fields=["sync", "generation"],
                condition=Q(refused_fingerprint__isnull=False),
                name="ledger_refused",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sync_id} {self.key_text}"
