"""Of a document's syncs: whether other guards hold back those who must never be sent."""

from syncs.configuration import reach
from syncs.configuration.desk import Desk
from syncs.configuration.goals import SyncGoal, mapping_rows
from syncs.configuration.guard_save import never_sent
from syncs.configuration.problems import listed
from syncs.configuration.resolve import Resolver
from syncs.engine.guard_kinds import kind_of
from syncs.engine.mapping import MappingBroken
from syncs.models import QueryModel, Source, Sync
from syncs.sources.base import SourceError


def examine_never(desk: Desk, goals: Resolver) -> None:
    """Look for them in the model of each sync that is new or changes. Asks nobody where all else is wrong.

    What cannot be looked at now (a suppression list of a model that this document makes) is left to the
    runs, which hold these people back whatever the other guards say.
    """
    for goal in goals.syncs if not desk.problems else ():
        at = next((n for n, guard in enumerate(goal.guards.guards) if kind_of(guard) == "never_send"), None)
        if at is None or not (goal.is_in_question or goal.model.changes()):
            continue
        sync = _candidate(desk, goal)
        try:
            denied = never_sent(
                sync,
                reach.reader(goal.model.source),
                sync.model,
                goal.guards,
                mapping_rows(sync, goal.draft.mapping),
            )
        except (SourceError, MappingBroken):
            continue
        if denied.uncovered:
            desk.wrong(
                goal.part,
                f"{goal.part.called}: of those who must never be sent, no other guard holds back "
                f"{listed(denied.uncovered)}; change a guard, or name them under `by_list_alone` there",
                *("guards", str(at), "never_send"),
            )


def _candidate(desk: Desk, goal: SyncGoal) -> Sync:
    """The sync as it would be, not saved."""
    source = Source(
        kind=goal.model.source.kind,
        options=goal.model.source.options,
        time_zone=goal.model.source.time_zone,
    )
    model = QueryModel(
        name=goal.model.name, source=source, sql=goal.model.sql, primary_key=goal.model.primary_key
    )
    return Sync(
        team=desk.team,
        name=goal.name,
        model=model,
        connection=goal.connection.existing or goal.connection.candidate,
        object_key=goal.draft.object,
        mode=goal.draft.mode,
        upsert_key=goal.draft.upsert_key,
    )
