"""What saving a change means for the next run, in words: is anything sent for it, and about how much?

An estimate looks at the first rows of the model, for as long as somebody waits for a page.
"""

import time
from copy import copy
from dataclasses import dataclass, field
from math import floor, log10
from typing import Any
from zoneinfo import ZoneInfo

from destinations.contract import Mode
from syncs.configuration.goals import SyncGoal, mapping_rows
from syncs.engine import keys
from syncs.engine.extract import lines_of
from syncs.engine.ground import shape_of, told_next
from syncs.engine.mapping import Mapper, MappingBroken, Rule, Shape
from syncs.engine.outlook import Compared, Reshaped, compare, reshaped_companions, reshaped_rows
from syncs.forms.sync_words import rows as of_rows
from syncs.models import LedgerEntry, QueryModel, Sync
from syncs.views.sample_rows import SampleRows, sample_rows
from syncs.views.sync_facts import SentCount, sent_count

SECONDS = 2.0  # of mapping rows in both ways, while somebody waits
CHUNK = 20
CELLS = 40_000  # of rows that are looked at: with very many fields they are fewer rows
FEWEST_ROWS = 100
LISTED = 3  # fields in a sentence


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the next run does because of the change. `count` is of rows; None where nobody can tell.

    `is_estimate`: it was reckoned from a few rows. `more` are further sentences, those in `warnings` are bad
    news.
    """

    sentence: str
    count: int | None = None
    is_estimate: bool = False
    more: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def outlook(goal: SyncGoal, model: QueryModel) -> Outlook:
    """What saving means. Raises nothing; reads some rows of the model where that is needed."""
    sync = goal.existing
    if sync is None:
        return Outlook("Nothing is sent before somebody runs it. The first run sends every row that it can.")
    sent = sent_count(sync, accepted=True)
    if goal.new_generation:
        return Outlook(
            f"The next run sends every row: with {goal.new_generation}, what was sent before counts no more.",
            count=sent.count,
            is_estimate=sent.is_about,
        )
    if not goal.changes_meaning:
        return Outlook("Nothing is sent for this change.", count=0)
    if not sent.count:
        return Outlook("No row has been sent yet, so the next run sends every row that it can.")
    if Mode(goal.draft.mode) is Mode.INSERT:
        return Outlook(
            "Nothing that was sent is sent again: in this mode a row that was created is left alone. Rows "
            "that come new are sent as it is said now.",
            count=0,
        )
    return _weighed(goal, sync, model, sent)


def _weighed(goal: SyncGoal, sync: Sync, model: QueryModel, sent: SentCount) -> Outlook:
    try:
        after = shape_of(
            as_wanted(goal, sync, model), told_next(sync), mapping_rows(sync, goal.draft.mapping)
        )
        before = shape_of(sync, told_next(sync))
    except MappingBroken as broken:
        return Outlook(f"What it means cannot be told beforehand. {broken}")
    if reason := reshaped_rows(before, after):
        return Outlook(
            f"{_all(sent)} by the next run, changed or not: {_why(reason, before, after)}.",
            count=sent.count,
            is_estimate=sent.is_about,
            more=["What stands at the destination in a field that is no longer mapped stays there."]
            if reason.removed
            else [],
        )
    if sync.model_id != model.pk:
        return _of_model(sync, after, model)
    told = []
    if goal.draft.mode != sync.mode:
        told.append("The other mode alone sends nothing: it is for what is sent from now on.")
    reason = reshaped_companions(before, after)
    if reason and after.companion is not None:
        label = after.companion.label.lower()
        count = sent_count(sync, part=1, accepted=True)
        what = f"The {label} of each row is"
        if count.is_about:
            what = f"All {label} records that were sent, {count}, are"
        elif count.count:
            what = f"All {count} {label} records that were sent are"
        told.append(f"{what} sent by the next run: {_why(reason, before, after)}.")
        return Outlook(told.pop(), count=None, more=told)
    if _says_the_same(before, after):
        return Outlook("Nothing is sent for this change.", count=0, more=told)
    return _of_rows(before, after, model, sent, told)


def _of_rows(before: Shape, after: Shape, model: QueryModel, sent: SentCount, told: list[str]) -> Outlook:
    """Some rows through the mapping as it is and as it shall be."""
    sample = sample_rows(model)
    if not sample.rows:
        why = sample.problem or "The model returns no rows now."
        return Outlook(f"How many rows are sent for it cannot be told: {why}", more=told)
    zone = ZoneInfo(model.source.time_zone)
    try:
        shall = Mapper(after, sample.names, zone)
        was = Mapper(before, sample.names, zone)
    except MappingBroken as broken:
        return Outlook(
            f"How many rows are sent for it cannot be told. As it is now, it fails: {broken}", more=told
        )
    seen = Compared()
    until = time.monotonic() + SECONDS
    rows = _few(sample, after)
    for at in range(0, len(rows), CHUNK):
        compare(was, shall, rows[at : at + CHUNK], seen)
        if time.monotonic() > until:
            break
    return _told(seen, sent, is_all=_is_all(sample, seen.rows), told=told)


def _told(seen: Compared, sent: SentCount, *, is_all: bool, told: list[str]) -> Outlook:
    warnings = []
    if seen.worse:
        warnings.append(f"{of_rows(seen.worse)} of these can be sent now and would need attention.")
    if seen.better:
        told.append(f"{of_rows(seen.better)} of these that cannot be sent now could be.")
    looked = (
        f"all {of_rows(seen.rows)} of the model" if is_all else f"the first {of_rows(seen.rows)} of the model"
    )
    other = seen.other + seen.better
    if not other:
        rest = "." if is_all else "; among the others there may be some."
        return Outlook(
            f"In {looked} nothing would be sent for this change{rest}",
            count=0,
            is_estimate=not is_all,
            more=told,
            warnings=warnings,
        )
    if is_all:
        said = (
            f"About {of_rows(other)} would be sent by the next run: so many of {looked} come out otherwise."
        )
        return Outlook(said, count=other, more=told, warnings=warnings)
    count = max(other, _roughly(sent.count * other / seen.rows))
    said = (
        f"About {of_rows(count)} would be sent by the next run: in {looked} {other:,} come out otherwise, "
        f"and {sent} were sent so far."
    )
    told.append("This is an estimate: the other rows may not be like the first ones.")
    return Outlook(said, count=count, is_estimate=True, more=told, warnings=warnings)


def _roughly(number: float) -> int:
    """To two digits: an estimate is no better."""
    whole = round(number)
    return round(whole, 1 - floor(log10(whole))) if whole >= 100 else whole


def _of_model(sync: Sync, after: Shape, model: QueryModel) -> Outlook:
    """Rows of another model, against what was sent of the one before."""
    sample = sample_rows(model)
    first = "Every row of the other model is compared with what was sent."
    if not sample.rows:
        why = sample.problem or "The model returns no rows now."
        return Outlook(f"{first} How many are sent for it cannot be told: {why}")
    try:
        mapper = Mapper(after, sample.names, ZoneInfo(model.source.time_zone))
    except MappingBroken as broken:
        return Outlook(f"{first} {broken}")
    seen, other = 0, 0
    until = time.monotonic() + SECONDS
    seed = keys.layout_seed(list(zip(after.row_layout.fields, after.row_layout.policies, strict=True)))
    rows = _few(sample, after)
    for at in range(0, len(rows), CHUNK):
        mapped = mapper.map(rows[at : at + CHUNK])
        fit = [i for i in range(len(mapped.records)) if i not in mapped.flaws]
        fresh = keys.fingerprints(lines_of([mapped.records[i] for i in fit]), seed)
        digests = keys.row_keys([mapped.key_texts[i] or "" for i in fit])
        known = _known(sync, digests)
        other += sum(known.get(key) != one for key, one in zip(digests, fresh, strict=True))
        seen += len(mapped.records)
        if time.monotonic() > until:
            break
    is_all = _is_all(sample, seen)
    looked = f"all {of_rows(seen)}" if is_all else f"the first {of_rows(seen)}"
    said = f"{first} Of {looked} of it, {other:,} would be sent: they are new, or differ from what was sent."
    return Outlook(said, count=other if is_all else None, is_estimate=not is_all)


def _few(sample: SampleRows, shape: Shape) -> tuple[tuple[Any, ...], ...]:
    """As many of the rows as can be looked at while somebody waits."""
    return sample.rows[: max(FEWEST_ROWS, CELLS // max(1, len(shape.rules)))]


def _is_all(sample: SampleRows, seen: int) -> bool:
    """Whether the rows that were looked at are all that the model has."""
    return sample.is_all and seen == len(sample.rows)


def _known(sync: Sync, digests: list[bytes]) -> dict[bytes, int | None]:
    found = LedgerEntry.objects.filter(sync=sync, generation=sync.generation, key__in=digests)
    return {bytes(key): one for key, one in found.values_list("key", "fingerprint")}


def as_wanted(goal: SyncGoal, sync: Sync, model: QueryModel) -> Sync:
    """The sync as it would be, without its mapping; not saved."""
    wanted, draft = copy(sync), goal.draft
    wanted.name, wanted.model, wanted.keep_records = goal.name, model, goal.keep_records
    wanted.connection = goal.connection.existing or sync.connection
    wanted.object_key, wanted.mode, wanted.upsert_key = draft.object, draft.mode, draft.upsert_key
    return wanted


def _says_the_same(before: Shape, after: Shape) -> bool:
    """Whether all that rows fill is filled as before: only run variables, or the order, differ."""
    return sorted(map(_filled, before.rules)) == sorted(map(_filled, after.rules))


def _filled(rule: Rule) -> str:
    parts = (rule.column, rule.value, rule.steps, rule.empty, rule.default, rule.first_of, rule.template)
    return f"{rule.field.key}: {parts!r}"


def _all(sent: SentCount) -> str:
    if sent.count == 1:
        return "The 1 row that was sent is sent"
    if sent.is_about:
        return f"All rows that were sent, {sent}, are sent"
    return f"All {sent} rows that were sent are sent"


def _why(reason: Reshaped, before: Shape, after: Shape) -> str:
    """`Title is new; Phone is no longer mapped`."""
    labels = {rule.field.key: rule.field.label for rule in (*before.rules, *after.rules)}
    by_run = tuple(key for key in reason.removed if key in after.constants)
    gone = tuple(key for key in reason.removed if key not in after.constants)
    parts = []
    for names, one, many in (
        (reason.added, "is new", "are new"),
        (gone, "is no longer mapped", "are no longer mapped"),
        (by_run, "is filled by the run now", "are filled by the run now"),
        (reason.other_empty, "has another rule for empty values", "have another rule for empty values"),
    ):
        if names:
            told = _listed([labels.get(key, key) for key in names])
            parts.append(f"{told} {one if len(names) == 1 else many}")
    return "; ".join(parts)


def _listed(names: list[str]) -> str:
    if len(names) > LISTED + 1:
        return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
