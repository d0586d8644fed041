from syncs.models.alert import Alert, AlertMessage, AlertRoute, AlertRule, AlertTarget
from syncs.models.batch import Batch, PlannedRow
from syncs.models.dry_run import BatchDiff, LeftRows
from syncs.models.field_mapping import FieldMapping
from syncs.models.guards import GuardKeys, MailDomain
from syncs.models.kept import Kept
from syncs.models.ledger import LedgerEntry
from syncs.models.model_share import ModelShare
from syncs.models.query_model import QueryModel
from syncs.models.rejected_row import RejectedRow
from syncs.models.run import Run
from syncs.models.source import Source
from syncs.models.sync import Sync
from syncs.models.sync_draft import SyncDraft
from syncs.models.sync_schedule import MissedTime, StartToken, SyncSchedule
from syncs.models.sync_version import SyncVersion
from syncs.models.waiting_retry import WaitingRetry
from syncs.models.worker_beat import WorkerBeat

__all__ = [
    "Alert",
    "AlertMessage",
    "AlertRoute",
    "AlertRule",
    "AlertTarget",
    "Batch",
    "BatchDiff",
    "FieldMapping",
    "GuardKeys",
    "Kept",
    "LedgerEntry",
    "LeftRows",
    "MailDomain",
    "MissedTime",
    "ModelShare",
    "PlannedRow",
    "QueryModel",
    "RejectedRow",
    "Run",
    "Source",
    "StartToken",
    "Sync",
    "SyncDraft",
    "SyncSchedule",
    "SyncVersion",
    "WaitingRetry",
    "WorkerBeat",
]
