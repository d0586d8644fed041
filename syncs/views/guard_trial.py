"""Trying a sync's guards on some rows of its model, for their page."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from syncs.engine import permitted
from syncs.engine.ground import shape_of, told_next
from syncs.engine.guard_supplies import gathered
from syncs.engine.guard_trial import Trial, try_rows
from syncs.engine.mapping import MappingBroken
from syncs.models import Sync
from syncs.sources.base import SourceError
from syncs.views.source_health import Unreachable, quick_reader

ROWS = 1_000
SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it; `problem` says why nothing did. `waits`: a guard that only a whole run can ask."""

    trial: Trial | None = None
    problem: str = ""
    waits: bool = False


def tried(sync: Sync) -> Tried:
    """Judge the first rows that the model returns, within some seconds."""
    if why := permitted.why_not(sync):
        return Tried(problem=why)
    try:
        trial = try_rows(
            quick_reader(sync.model.source),
            sync.model.sql,
            shape_of(sync, told_next(sync)),
            gathered(sync.guards, sync),
            ZoneInfo(sync.model.source.time_zone),
            most=ROWS,
            seconds=SECONDS,
        )
    except (SourceError, MappingBroken, Unreachable) as problem:
        return Tried(problem=str(problem))
    return Tried(trial, waits=any(guard.kind == "new_domains" for guard in trial.guards))
