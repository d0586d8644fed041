"""Applies a document: reads it, plans, and writes if asked to. Then tests the connections, if asked to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from destinations import connect
from destinations.models import Connection
from syncs.configuration.document import read_document
from syncs.configuration.plan import make
from syncs.configuration.problems import ConfigurationError, Problem
from syncs.configuration.tree import read
from syncs.configuration.write import write


@dataclass(frozen=True, slots=True)
class Applied:
    """What changed, or would change: one line each. `unproved` connections await a test."""

    lines: list[str]
    unproved: Sequence[Connection] = ()


def apply(text: str, environment: Mapping[str, str], *, check: bool = False) -> Applied:
    """Make the team what the document says; with `check` only tell what would change.

    ConfigurationError with all that is wrong; then nothing was written. No message holds what a variable
    held.
    """
    reading = read(text, environment)
    document = read_document(reading.tree, reading.problems)
    unproved: list[Connection] = []
    try:
        plan = make(document, reading.problems)
        if plan.lines and not check:
            asked = [goal for goal in plan.connections if goal.is_unproved and not goal.awaits_sign_in]
            names = [goal.name for goal in asked]  # writing changes the answer
            write(plan)
            found = Connection.objects.filter(team__slug=document.team, name__in=names)
            unproved = list(found.select_related("account").order_by("name"))
    except ConfigurationError as error:
        hidden = [Problem(one.line, reading.hide(one.message)) for one in error.problems]
        raise ConfigurationError(hidden) from None
    return Applied(plan.lines, unproved)


def try_connections(applied: Applied) -> Iterator[str]:
    """Test what was made or changed, and keep the answers as its health. Yields what fails, line by line."""
    for connection in applied.unproved:
        connect.check(connection)
        if connection.health != Connection.Health.GOOD:
            yield f"connection {connection.name} needs attention: {connection.health_reason}"
