"""Whether a sync in work can be saved, and saving it: by the checks and writes of the configuration."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from destinations.contract import Field
from destinations.shares import name_for
from syncadmin.teams.models import User
from syncs.configuration import versions
from syncs.configuration.checks import (
    Draft,
    Fault,
    Filling,
    mapping_faults,
    primary_key_faults,
    target_faults,
)
from syncs.configuration.document import SyncPart
from syncs.configuration.export import definition_of
from syncs.configuration.goals import ConnectionGoal, ModelGoal, SourceGoal, SyncGoal, mapping_rows
from syncs.configuration.guard_reading import Wanted
from syncs.configuration.guards import look_faults_of, looked_at, stored_guards
from syncs.configuration.write import write_sync
from syncs.engine import permitted
from syncs.forms.sync_rows import Row, fillings, put_faults
from syncs.forms.sync_words import rows, sentence
from syncs.forms.version_words import Change, Saved, changes
from syncs.models import QueryModel, Run, Sync
from syncs.views.sync_columns import Columns, describe
from syncs.views.sync_draft import Work, refresh_fields
from syncs.views.sync_facts import NOTHING_SENT, SentCount, sent_count
from syncs.views.sync_outlook import Outlook, as_wanted, outlook


class ChangedMeanwhile(Exception):
    """Somebody else saved the sync since this work on it began. Nothing was written."""


class NameTaken(Exception):
    """The team has another sync of this name. Nothing was written."""


class RunUnderWay(Exception):
    """A run was planned with what changes here; it is in `run`. Nothing was written."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"Run {run.number} is under way.")
        self.run = run


@dataclass(slots=True)
class Finding:
    """What is wrong, by the step where it is mended; without anything wrong `goal` can be saved.

    `changes` tells what differs from the stored sync, `outlook` what that means for the next run. `again`
    says why all rows would be sent again, `again_count` how many.
    """

    wrong: dict[str, list[str]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    goal: SyncGoal | None = None
    changes: list[Change] = field(default_factory=list)
    again: str = ""
    again_count: SentCount = NOTHING_SENT
    outlook: Outlook | None = None

    @property
    def said(self) -> str:
        """What it means for the next run, to be told after saving."""
        if self.again:
            count = self.again_count
            words = rows(count.count) if count.count == 1 else f"{count} rows"
            return f"Its {words} are sent again by the next run."
        return self.outlook.sentence if self.outlook is not None and self.changes else ""

    def add(self, step: str, *messages: str) -> None:
        if messages:
            self.wrong.setdefault(step, []).extend(messages)


def check_mapping(work: Work, rows: list[Row], columns: Columns) -> list[str]:
    """Check the rows as they were typed: faults are put at them, those of no row are returned."""
    fields = work.fields
    names = {row.key for row in rows if not row.is_blank}
    if work.connection and work.target and not names <= {one.key for one in fields or ()}:
        refresh_fields(work.connection, work.target.key)  # a field that is new there, or nobody asked yet
        fields = work.fields
    found = fillings(rows, fields, work.before)
    wanted = work.wanted
    if work.adapter is None or work.model is None or target_faults(wanted, work.adapter):
        return []
    faults = mapping_faults(
        _with_mapping(wanted, found),
        work.adapter,
        fields=fields,
        columns=columns.names,
        zone=ZoneInfo(work.model.source.time_zone),
    )
    begun = {row.key for row in rows if row.errors}
    rest = [fault for fault in faults if not _is_told(fault, begun)]
    messages = put_faults(rows, rest)
    if fields is None:
        label = work.adapter.label
        messages.append(f"The fields of {label} could not be read yet. Refresh them, then go on.")
    return messages


def examine(work: Work) -> Finding:
    """Look at all of it, as applying a configuration does: the source is asked, the mapping checked."""
    finding = Finding()
    model, connection, adapter = work.model, work.connection, work.adapter
    if model is None:
        finding.add("model", "Choose the model whose rows are sent.")
    if connection is None or adapter is None or work.target is None:
        finding.add("object", "Choose what is written, and where.")
    if model is None or connection is None or adapter is None or work.target is None:
        return finding
    for fault in target_faults(work.wanted, adapter):
        finding.add("object" if fault.at == ("object",) else "mode", sentence(fault.message))
    columns = describe(model)
    if columns.problem:
        finding.add("model", f"The model cannot be read: {sentence(columns.problem)}")
    else:
        missing = primary_key_faults(model.primary_key, columns.names or ())
        finding.add("model", *(sentence(fault.message) for fault in missing))
    finding.rows = work.rows(columns.offered)
    if "rows" not in work.content:
        finding.add("mapping", "Say which columns fill which fields.")
        return finding
    finding.add("mapping", *check_mapping(work, finding.rows, columns))
    finding.add("mapping", *(told for row in finding.rows for some in row.errors.values() for told in some))
    if finding.wrong:
        return finding
    goal = _goal(work, finding.rows)
    faults = look_faults_of(goal.guards.guards, columns.names, looked_at(goal.draft, adapter))
    finding.add("guards", *(sentence(fault.message) for fault in faults))
    if finding.wrong:
        return finding
    finding.goal = goal
    if work.sync is not None:
        finding.changes = _told(goal, work.sync, model, work.fields or ())
        finding.again = goal.new_generation
        if finding.again:
            finding.again_count = sent_count(work.sync)
    if work.sync is None or finding.changes:
        finding.outlook = outlook(goal, model)
    return finding


def save(goal: SyncGoal, work: Work, *, based_on: datetime | None, author: User) -> Sync:
    """Write the sync and forget the draft, in one transaction. Raises what stands in the way."""
    model, connection = work.model, work.connection
    if model is None or connection is None:
        raise ValueError("A sync without model or connection is not saved.")
    try:
        with transaction.atomic():
            if goal.existing is not None:
                now = Sync.objects.select_for_update().only("updated_at").get(pk=goal.existing.pk)
                if now.updated_at != based_on:
                    raise ChangedMeanwhile
                run = Run.objects.active().filter(sync=goal.existing).first()
                if run is not None and goal.changes_meaning:
                    raise RunUnderWay(run)
            sync = write_sync(goal, team=work.draft.team, model=model, connection=connection)
            versions.keep(sync, author=author)
            work.discard()
    except IntegrityError:
        if is_taken(goal.name, work):
            raise NameTaken from None
        raise
    return sync


def is_taken(name: str, work: Work) -> bool:
    """Whether another sync of the team has this name."""
    others = Sync.objects.filter(team=work.draft.team, name=name)
    if work.sync is not None:
        others = others.exclude(pk=work.sync.pk)
    return others.exists()


def _goal(work: Work, rows: list[Row]) -> SyncGoal:
    """What the sync shall be, beside what it is: the same goal that a document makes."""
    model, connection, adapter, sync = work.model, work.connection, work.adapter, work.sync
    if model is None or connection is None or adapter is None:
        raise ValueError("There is no goal without model and connection.")
    called, named = (
        name_for(connection, work.draft.team_id),
        permitted.name_for(model, work.draft.team_id),
    )
    draft = _with_mapping(work.wanted, fillings(rows, work.fields, work.before))
    name = work.name
    keeps = bool(work.content.get("keep_records", True))
    paused = sync is not None and sync.paused
    return SyncGoal(
        name,
        sync,
        SyncPart(name, 0, {}, named, called, draft, keeps, paused, is_whole=True),
        ModelGoal(named, model, None, SourceGoal.of(model.source), model.sql, model.primary_key),
        ConnectionGoal(called, connection, None, adapter, connection.options, connection.sign_in, {}),
        draft,
        keep_records=keeps,
        paused=paused,
        brakes=sync.brakes if sync is not None else {},
        guards=Wanted(stored_guards(sync) if sync is not None else ()),
    )


def _told(goal: SyncGoal, sync: Sync, model: QueryModel, fields: Sequence[Field]) -> list[Change]:
    """What differs from the stored sync, as it will be told of the version."""
    wanted = as_wanted(goal, sync, model)
    now = Saved(definition_of(sync), versions.refs_of(sync))
    rows = mapping_rows(sync, goal.draft.mapping)
    then = Saved(definition_of(wanted, rows), versions.refs_of(wanted))
    return changes(now, then, {one.key: one.label for one in fields})


def _with_mapping(draft: Draft, mapping: tuple[Filling, ...]) -> Draft:
    return replace(draft, mapping=mapping)


def _is_told(fault: Fault, begun: set[str]) -> bool:
    """Whether the fault says that a field is not mapped which stands, unfinished, in a row."""
    return fault.at == ("mapping",) and any(f"`{key}`" in fault.message for key in begun)
