"""What a field's page shows: the field's facts, what is wrong, and what becomes of real rows."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from destinations.contract import Field, Kind
from syncs.configuration.checks import Filling, mapping_faults, target_faults
from syncs.engine.mapping import Rule
from syncs.engine.templates import TemplateBroken, compiled
from syncs.engine.values import cast_column
from syncs.engine.variables import VARIABLES
from syncs.forms.field_form import FieldForm
from syncs.forms.field_live import Live, Samples, live, values_before
from syncs.forms.field_maps import with_values
from syncs.forms.field_page import first_wrong, shown_steps
from syncs.forms.field_source import KINDS, snippet
from syncs.forms.field_steps import STEP_FORMS, verb_of
from syncs.forms.field_words import filters, step_told
from syncs.forms.sync_offer import kind_told
from syncs.forms.sync_rows import Row, fillings, restored_rows, stored_rows
from syncs.forms.sync_words import EMPTY, sentence
from syncs.views.sample_rows import SampleRows
from syncs.views.sync_draft import Work

ZONED = ("from_zone", "to_zone")


def field_of(work: Work, row: Row) -> Field:
    """The field's facts; what a name that the service did not list is taken for."""
    known = {one.key: one for one in work.fields or ()}
    return known.get(row.key) or Field(row.key, row.key or "No field yet", Kind.TEXT, verified=False)


def _samples(work: Work, row: Row, samples: SampleRows) -> Samples:
    assert work.model is not None  # noqa: S101 - the view looked
    return Samples(
        samples.names,
        samples.rows,
        work.model.primary_key,
        _zone(work),
        is_key=bool(row.key) and row.key == work.wanted.upsert_key,
    )


def errors_of(work: Work, row: Row, samples: SampleRows, *, is_quiet: bool) -> dict[str, list[str]]:
    """What is wrong with the row but for its steps, by the part of the page. `is_quiet`: without what is
    missing.
    """
    (probe,) = restored_rows(stored_rows([row]))
    found = fillings([probe], work.fields, work.before)
    is_begun = row.kept.get("variable") != "" and row.kept.get("template") != ""
    if not is_begun:
        missing = "Choose what the run tells." if "variable" in row.kept else "Type the template."
        return {} if is_quiet else {"source": [missing]}
    errors = {} if is_quiet else probe.errors
    if work.adapter is None or work.model is None or target_faults(work.wanted, work.adapter):
        return errors
    faults = mapping_faults(
        replace(work.wanted, mapping=found),
        work.adapter,
        fields=work.fields,
        columns=samples.names or None,
        zone=_zone(work),
    )
    for fault in faults:
        part = fault.at[2] if len(fault.at) > 2 else "field"
        if fault.at[:2] == ("mapping", row.key) and part != "steps":
            place = part if part in ("value", "empty", "field") else "source"
            errors.setdefault(place, []).append(sentence(fault.message))
    return errors


def _rule(form: FieldForm, field: Field, filling: Filling | None) -> Rule | None:
    """What a run would do, as far as it can be told yet; None where nothing fills the field."""
    source = form.source
    wrong = first_wrong(form.steps)
    steps = tuple(form.steps[:wrong]) if source.has_steps else ()
    default = filling.default if filling is not None and filling.default is not None else form.default
    shared: dict[str, Any] = {
        "steps": steps,
        "empty": form.empty if source.has_steps else Row().empty,
        "default": default or None,
    }
    match source.kind:
        case "column" if source.column:
            return Rule(field, column=source.column, **shared)
        case "first_of" if source.first_of:
            return Rule(field, first_of=tuple(source.first_of), **shared)
        case "template" if _can_be_used(source.template):
            return Rule(field, template=source.template, **shared)
        case "value" if source.value.strip():
            return Rule(field, value=filling.value if filling is not None else source.value)
    return None


def _can_be_used(template: str) -> bool:
    try:
        compiled(template)
    except TemplateBroken:
        return False
    return True


def _live(work: Work, row: Row, form: FieldForm, samples: SampleRows) -> Live | None:
    """The rows tried; None where there is nothing to try yet."""
    field = field_of(work, row)
    complete = fillings([form.put_into(Row(field="name", name=row.key or "-"))], work.fields, ())
    rule = _rule(form, field, complete[0] if complete else None)
    if rule is None or not samples.rows:
        return None
    is_whole = not form.source.has_steps or first_wrong(form.steps) is None
    return live(rule, _samples(work, row, samples), is_whole=is_whole)


def context_of(
    work: Work,
    row: Row,
    form: FieldForm,
    samples: SampleRows,
    *,
    at: int,
    is_quiet: bool,
    new: int | None = None,
) -> dict[str, Any]:
    """All that the template wants. Of the step `new`, which was just added, nothing is wrong yet."""
    field = field_of(work, row)
    source = form.source
    errors = errors_of(work, form.put_into(row), samples, is_quiet=is_quiet)
    wrong = first_wrong(form.steps) if source.has_steps else None
    used = form.steps[:wrong] if source.has_steps else []
    by_name = {one.name: one for one in samples.columns}
    return {
        "at": at,
        "row": row,
        "form": form,
        "source": source,
        "field": field,
        "kind_words": kind_told(field),
        "is_key": bool(row.key) and row.key == work.wanted.upsert_key,
        "samples": samples,
        "kinds": [(key, *words) for key, words in KINDS.items()],
        "column_names": by_name.keys(),
        "chosen": [
            (name, by_name.get(name), [f"first-{at}-{what}" for what in ("up", "down", "remove")])
            for at, name in enumerate(source.first_of)
        ],
        "snippets": [(one, snippet(one.name)) for one in samples.columns],
        "filters": filters(),
        "variables": [
            (name, one, _example(one.examples, field, _zone(work))) for name, one in VARIABLES.items()
        ],
        "chain": shown_steps(form.steps, quiet=() if new is None else (new,)),
        "step_groups": _groups(),
        "zone_names": _zones() if any(verb_of(one) in ZONED for one in form.steps) else (),
        "empties": EMPTY.items(),
        "errors": errors,
        "error_line": _line_of(errors.get("source", ()), source.template),
        "live": _live(work, row, form, samples),
        "live_heads": list(enumerate(map(step_told, used), 1)),
        "wrong_step": None if wrong is None else wrong + 1,
    }


def list_values(work: Work, row: Row, form: FieldForm, samples: SampleRows, at: int) -> None:
    """Put the samples' values that reach a value map into it."""
    if at >= len(form.steps) or verb_of(form.steps[at]) != "map":
        return
    form.focus = f"step-{at}-values"
    field = field_of(work, row)
    rule = _rule(form, field, None)
    if rule is None or len(rule.steps) < at or not set(rule.columns) <= set(samples.names):
        return
    found = values_before(replace(rule, steps=tuple(form.steps[:at])), _samples(work, row, samples), at)
    form.steps[at] = with_values(form.steps[at], found, field.options)


def _zone(work: Work) -> tzinfo:
    assert work.model is not None  # noqa: S101 - the view looked
    return ZoneInfo(work.model.source.time_zone)


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _groups() -> list[tuple[str, list[Any]]]:
    """The kinds of steps, as they are offered."""
    groups: dict[str, list[Any]] = {}
    for one in STEP_FORMS.values():
        groups.setdefault(one.group, []).append(one)
    return list(groups.items())


def _example(values: Sequence[object], field: Field, zone: tzinfo) -> str:
    """What the field would get of a run; why it cannot hold it."""
    cast, problems = cast_column(list(values[:1]), field, zone=zone)
    return problems[0].message if problems else str(cast[0])


def _line_of(told: Sequence[str], template: str) -> str:
    """The line of the template that the errors are about."""
    found = re.search(r"line ([0-9]+) of the template", " ".join(told), re.IGNORECASE)
    lines = template.split("\n")
    return lines[int(found[1]) - 1] if found and 0 < int(found[1]) <= len(lines) else ""
