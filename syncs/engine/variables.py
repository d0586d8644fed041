"""Run variables: what a run itself tells, which may fill a field of every record that it sends. Pure.

A variable is no part of a row: it is left out of fingerprints and of what is remembered as sent, so that a
new run's number alone makes no row a changed one. It goes along with whatever the run sends anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from uuid import UUID

from destinations.contract import JSON, Field
from syncs.engine.mapping import MappingBroken
from syncs.engine.values import Problem, cast_column


@dataclass(frozen=True, slots=True)
class Variable:
    """What it is called for people, and values that it may have: all where they are few, else one."""

    label: str
    help: str
    examples: tuple[object, ...]


VARIABLES = {
    "run_started_at": Variable(
        "Start of the run",
        "When the run began; a day in a date field.",
        (datetime(2026, 11, 21, 3, tzinfo=UTC),),
    ),
    "run_number": Variable("Number of the run", "Counted for each sync: 1, 2, 3 …", (42,)),
    "run_id": Variable(
        "Id of the run",
        "As in the address of the run’s page.",
        (UUID("6f1d0c52-8a3b-4f0e-9b57-2d6a1c9e4f11"),),
    ),
    "run_trigger": Variable(
        "What started the run", "manual, schedule, or retry.", ("manual", "schedule", "retry")
    ),
    "sync_name": Variable("Name of the sync", "As it is when the run begins.", ("Leads to Qualified",)),
    "model_name": Variable("Name of the model", "As it is when the run begins.", ("Leads",)),
}


@dataclass(frozen=True, slots=True)
class Told:
    """The variables' values in one run."""

    run_started_at: datetime
    run_number: int
    run_id: UUID
    run_trigger: str
    sync_name: str
    model_name: str

    def constants(self, filled: Sequence[tuple[str, Field]], zone: tzinfo) -> dict[str, JSON]:
        """The value of each field that a variable fills, by the field's key, cast to its kind.

        MappingBroken where one does not fit, or there is no such variable in this version.
        """
        found = {}
        for name, field in filled:
            if name not in VARIABLES:
                raise MappingBroken(
                    f"{field.label} is filled by the run variable “{name}”, which this version of Syncadmin "
                    "does not know. Whoever edits the sync must fill it in another way."
                )
            found[field.key], problem = _cast(getattr(self, name), field, zone)
            if problem is not None:
                raise MappingBroken(
                    f"The run variable “{name}” does not fit its field any more. {problem.message} Whoever "
                    "edits the sync must fill the field in another way."
                )
        return found


def misfit(name: str, field: Field, zone: tzinfo) -> Problem | None:
    """Why the field cannot hold the variable, whatever the run. KeyError where there is no such variable."""
    problems = (_cast(example, field, zone)[1] for example in VARIABLES[name].examples)
    return next(filter(None, problems), None)


def _cast(value: object, field: Field, zone: tzinfo) -> tuple[JSON, Problem | None]:
    if isinstance(value, datetime):
        value = value.replace(microsecond=0)  # a moment that people read
    cast, problems = cast_column([value], field, zone=zone)
    return cast[0], problems.get(0)
