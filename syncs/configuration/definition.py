"""A sync's part of a configuration document, read back. Pure."""

from collections.abc import Mapping
from typing import Any

from destinations.contract import JSON
from syncs.configuration.checks import DEFAULT, LEAVE, Filling


def fillings_in(definition: Mapping[str, Any]) -> tuple[Filling, ...]:
    """The mapping that a definition holds, as the export wrote it."""
    return tuple(_filling(field, told) for field, told in definition.get("mapping", {}).items())


def meaning(definition: Mapping[str, Any], refs: Mapping[str, str]) -> dict[str, JSON]:
    """What definitions are compared by: a model or connection with another name is the same.

    `refs` has the public ids of both.
    """
    return {**definition, **refs}


def _filling(field: str, told: JSON) -> Filling:
    if isinstance(told, str):
        return Filling(field, column=told)
    empty = told.get("empty", LEAVE)
    has_default = isinstance(empty, dict)
    return Filling(
        field,
        column=told.get("column"),
        value=told.get("value"),
        steps=tuple(told.get("steps", ())),
        empty=DEFAULT if has_default else empty,
        default=empty.get("default") if has_default else None,
        first_of=tuple(told.get("first_of", ())),
        template=told.get("template"),
        variable=told.get("variable"),
    )
