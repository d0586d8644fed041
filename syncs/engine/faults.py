"""Faults of ours, told without what they may hold: an exception's message could quote a row's values."""

import logging
import sqlite3
import traceback

from destinations.errors import ContractBroken
from syncs.models import Run

log = logging.getLogger(__name__)

DATABASE_FULL = (
    "There is no room left on the disk of Syncadmin's own database, where the plan is written. Nothing was "
    "sent. Whoever hosts Syncadmin must free space there, then the run can be started again."
)


def is_full(error: BaseException) -> bool:
    """Whether the database has no room left on its disk."""
    told = error.__cause__
    code = getattr(told, "sqlite_errorcode", None) or getattr(told, "sqlstate", None)
    return code in {sqlite3.SQLITE_FULL, "53100"}  # disk_full, of PostgreSQL


def tell(run: Run, fault: BaseException) -> str:
    """Log what happened and where; returns the sentence for people. Only our own words are repeated."""
    said = f" {fault}" if isinstance(fault, ContractBroken) else ""
    where = "".join(traceback.format_tb(fault.__traceback__))
    log.error("A fault of ours in run %s: %s%s\n%s", run.public_id, type(fault).__name__, said, where)
    return (
        f"A fault in Syncadmin ({type(fault).__name__}), please report it.{said} Whoever hosts it finds the "
        "place in its log."
    )
