"""Faults of ours, told without what they may hold: an exception's message could quote a row's values."""

import logging
import traceback

from destinations.errors import ContractBroken
from syncs.models import Run

log = logging.getLogger(__name__)


def tell(run: Run, fault: BaseException) -> str:
    """Log what happened and where; returns the sentence for people. Only our own words are repeated."""
    said = f" {fault}" if isinstance(fault, ContractBroken) else ""
    where = "".join(traceback.format_tb(fault.__traceback__))
    log.error("run %s: %s%s\n%s", run.public_id, type(fault).__name__, said, where)
    return (
        f"A fault in Syncadmin ({type(fault).__name__}), please report it.{said} Whoever hosts it finds the "
        "place in its log."
    )
