"""What each save asks: of those who must never be sent, whom would no other guard hold back?"""

from collections.abc import Sequence

from django.contrib import messages

from syncadmin.teams.access import TeamRequest
from syncs.configuration.goals import SyncGoal, mapping_rows
from syncs.configuration.guard_reading import Wanted
from syncs.configuration.guard_save import never_sent, with_excused
from syncs.engine import permitted
from syncs.engine.guard_trial import Denied
from syncs.engine.mapping import MappingBroken
from syncs.models import FieldMapping, QueryModel, Sync
from syncs.sources.base import SourceError
from syncs.views.source_health import Unreachable, quick_reader


def ask(
    request: TeamRequest,
    sync: Sync,
    wanted: Wanted,
    *,
    model: QueryModel | None = None,
    mappings: Sequence[FieldMapping] | None = None,
) -> tuple[Wanted, Denied]:
    """The guards to save, and whom nothing but the list would hold back: with any, nothing may be saved.

    People whom the person ticked are excused in the guards, and not asked about again. Where it cannot be
    told, that is said, and the save goes on: the list itself holds them back in every run.
    """
    told = "It could not be checked whether your other guards hold back those who must never be sent."
    if model is None and (why := permitted.why_not(sync)):
        messages.warning(request, f"{told} {why}")
        return wanted, Denied()
    model = model or sync.model
    try:
        denied = never_sent(sync, quick_reader(model.source), model, wanted, mappings)
    except (SourceError, MappingBroken, Unreachable) as problem:
        messages.warning(request, f"{told} {problem}")
        return wanted, Denied()
    if not denied.is_all:
        messages.warning(
            request,
            f"Those who must never be sent were looked for in the first {denied.read:,} rows alone.",
        )
    ticked = set(request.POST.getlist("excused"))
    if denied.uncovered and set(denied.uncovered) <= ticked:
        return Wanted(with_excused(wanted.guards, denied.uncovered), wanted.lists), Denied()
    return wanted, denied


def ask_of_goal(request: TeamRequest, sync: Sync | None, model: QueryModel | None, goal: SyncGoal) -> Denied:
    """The same of changes to a sync; whom the person excused is put into the goal."""
    if sync is None or model is None or not goal.guards.guards:
        return Denied()
    mappings = mapping_rows(sync, goal.draft.mapping)
    goal.guards, denied = ask(request, sync, goal.guards, model=model, mappings=mappings)
    return denied
