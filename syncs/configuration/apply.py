"""Applies a document: reads it, plans, and writes if asked to."""

from collections.abc import Mapping
from dataclasses import dataclass

from syncs.configuration.document import read_document
from syncs.configuration.plan import make
from syncs.configuration.problems import ConfigurationError, Problem
from syncs.configuration.tree import read
from syncs.configuration.write import write


@dataclass(frozen=True, slots=True)
class Applied:
    """What changed, or would change: one line each."""

    lines: list[str]


def apply(text: str, environment: Mapping[str, str], *, check: bool = False) -> Applied:
    """Make the team what the document says; with `check` only tell what would change.

    ConfigurationError with all that is wrong; then nothing was written. No message holds what a variable
    held.
    """
    reading = read(text, environment)
    document = read_document(reading.tree, reading.problems)
    try:
        plan = make(document, reading.problems)
        if plan.lines and not check:
            write(plan)
    except ConfigurationError as error:
        hidden = [Problem(one.line, reading.hide(one.message)) for one in error.problems]
        raise ConfigurationError(hidden) from None
    return Applied(plan.lines)
