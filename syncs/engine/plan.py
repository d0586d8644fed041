"""What a run will do with each row: the decisions of planning. Pure.

Compared are a row's staged fingerprint and what the ledger knows of its key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from destinations.contract import JSON


class Known(NamedTuple):
    """What the ledger holds for a key."""

    fingerprint: int | None
    refused_fingerprint: int | None
    next_try_run: int | None
    next_try_at: datetime | None
    settles_at: datetime | None
    match_key: str
    remote_id: str

    @property
    def trusted_id(self) -> str:
        """The service's id of the record; "" after a refusal, as that may be of the id."""
        return self.remote_id if self.refused_fingerprint is None else ""

    @property
    def is_in_doubt(self) -> bool:
        """Whether a record may be there that was never proved."""
        return self.fingerprint is None and self.settles_at is not None

    @property
    def was_sent(self) -> bool:
        """Whether the destination may have a record of it: it was accepted, or is in doubt."""
        return self.fingerprint is not None or self.settles_at is not None


class Fate(Enum):
    """What becomes of a row whose record is not the last accepted one."""

    SEND = "send"
    SEND_LATER = "send_later"  # after an unanswered request can no longer take effect
    DEFER = "defer"  # refused as it is; its time to be tried again has not come


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Of the run that asks. `only_new`: what was accepted once is never sent again, changed or not.

    `names_left`: it is to be known which rows left the model, not only how many.
    """

    number: int
    now: datetime
    full: bool = False
    retry: bool = False
    only_new: bool = False
    names_left: bool = False


def fate(fingerprint: int, known: Known | None, run: Circumstances) -> Fate:
    """What becomes of a record that differs from the last accepted one (or is sent regardless)."""
    if known is None:
        return Fate.SEND
    waits = known.refused_fingerprint == fingerprint and not (run.full or run.retry)
    if waits and not _is_due(known, run):
        return Fate.DEFER
    if known.settles_at is not None and known.settles_at > run.now:
        return Fate.SEND_LATER
    return Fate.SEND


def _is_due(known: Known, run: Circumstances) -> bool:
    if known.next_try_run is not None and run.number < known.next_try_run:
        return False
    return known.next_try_at is None or known.next_try_at <= run.now


class Twin(NamedTuple):
    """A row whose upsert key another row of the run has too."""

    position: int
    key: bytes
    key_text: str
    match_key: str
    record: tuple[JSON, ...]


@dataclass(frozen=True, slots=True)
class Clash:
    """Rows with one upsert key: `kept` goes on, `same` are held back, `different` are invalid."""

    kept: Twin | None
    same: tuple[Twin, ...]
    different: tuple[Twin, ...]


def clash(twins: Sequence[Twin]) -> Clash:
    """Equal records collapse into one; different ones cannot all be right, so none is sent.

    The one kept does not depend on the order of rows: the next run keeps the same.
    """
    ordered = sorted(twins, key=lambda twin: twin.key)
    if all(twin.record == ordered[0].record for twin in ordered):
        return Clash(ordered[0], tuple(ordered[1:]), ())
    return Clash(None, (), tuple(ordered))
