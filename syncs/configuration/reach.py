"""Asking sources and services about goals that are not saved yet."""

import time
from collections.abc import Sequence

from destinations import connect, registry
from destinations.contract import Field
from destinations.errors import DestinationError, RateLimited, Temporary
from syncs.configuration.goals import ConnectionGoal, SourceGoal
from syncs.models import Source
from syncs.sources.base import Reader

PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between attempts, where the service has a bad moment
LONGEST_WAIT = 10.0


def reader(source: SourceGoal) -> Reader:
    """Reads the source as it would be."""
    unsaved = Source(kind=source.kind, options=source.options, time_zone=source.time_zone)
    unsaved.credentials = source.credentials
    return unsaved.reader()


def columns(source: SourceGoal, sql: str) -> list[str]:
    """The columns that a query returns. SourceError where the source or the query will not do."""
    return [column.name for column in reader(source).describe(sql)]


def remembered(goal: ConnectionGoal, object_key: str) -> Sequence[Field] | None:
    """The fields that are known without asking; None where nobody asked yet, or of another account."""
    if object_key in goal.fetched:
        return goal.fetched[object_key]
    if goal.existing is None or goal.moves:
        return None
    return registry.remembered_fields(goal.existing.fields, object_key)


def fields(goal: ConnectionGoal, object_key: str) -> Sequence[Field]:
    """The fields that the service lists now, asked for once. DestinationError where it does not answer."""
    if object_key in goal.silent:
        raise goal.silent[object_key]
    if object_key not in goal.fetched:
        try:
            goal.fetched[object_key] = _ask(goal, object_key)
        except DestinationError as error:
            goal.silent[object_key] = error  # each sync would wait for it anew
            raise
    return goal.fetched[object_key]


def _ask(goal: ConnectionGoal, object_key: str) -> list[Field]:
    target = goal.adapter.object(object_key)
    with connect.session(threads=1) as over:
        for pause in (*PAUSES, None):
            adapter = connect.open_adapter(goal.candidate, session=over)
            goal.spoken.append(adapter)
            try:
                return list(adapter.fields(target))
            except Temporary as error:
                asked = error.retry_after if isinstance(error, RateLimited) else None
                if pause is None or (asked or 0) > LONGEST_WAIT:
                    raise
                time.sleep(max(pause, asked or 0))
    raise AssertionError("the last attempt returns or raises")
