"""What became of an object's fields between two times that the service was asked for them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from destinations.contract import JSON, Field

KEPT_DAYS = 90
MOST_CHANGES = 500
MOST_NAMED = 5
GONE = "is no longer listed there"


def changes(before: Sequence[Field], after: Sequence[Field]) -> dict[str, list[str]]:
    """What is other than before by the field's key, in words to be read after its name. New ones are left."""
    now = {one.key: one for one in after}
    found = {one.key: list(_changes(one, now.get(one.key))) for one in before}
    return {key: told for key, told in found.items() if told}


def remember(
    known: Sequence[Mapping[str, JSON]],
    before: Sequence[Field],
    after: Sequence[Field],
    *,
    at: datetime,
) -> list[dict[str, JSON]]:
    """What to keep: what was known and is not too old, and the changes of this time. JSON.

    A field that is listed again is no longer gone.
    """
    back = {one.key for one in after}
    kept = [
        dict(one)
        for one in known
        if datetime.fromisoformat(one["at"]) > at - timedelta(days=KEPT_DAYS)
        and not (one["key"] in back and GONE in one["told"])
    ]
    new = [{"key": key, "at": at.isoformat(), "told": told} for key, told in changes(before, after).items()]
    return [*kept, *new][-MOST_CHANGES:]


def since(known: Iterable[Mapping[str, JSON]], moment: datetime | None) -> dict[str, list[str]]:
    """What changed after the moment by the field's key, in order; all that is known for None."""
    found: dict[str, list[str]] = {}
    for one in known:
        if moment is None or datetime.fromisoformat(one["at"]) > moment:
            found.setdefault(one["key"], []).extend(one["told"])
    return found


def _changes(was: Field, now: Field | None) -> Iterator[str]:
    if now is None:
        yield GONE
        return
    if was.kind is not now.kind:
        yield f"is of the type {now.kind.replace('_', ' ')} now and was {was.kind.replace('_', ' ')}"
    if now.read_only and not was.read_only:
        yield f"cannot be filled any more: it {now.read_only}"
    if now.required and not was.required:
        yield "is required now"
    old, new = ({one.value: one.label or one.value for one in field.options} for field in (was, now))
    closed = {one.value for one in was.options if one.closed}
    shut = [one.label or one.value for one in now.options if one.closed and one.value in old.keys() - closed]
    if old and new:
        yield from _named("has a new choice", "has new choices", [new[one] for one in new if one not in old])
        yield from _named("lost the choice", "lost the choices", [old[one] for one in old if one not in new])
        yield from _named("can no longer take", "can no longer take", shut)


def _named(one: str, several: str, labels: Sequence[str]) -> Iterator[str]:
    if not labels:
        return
    named = ", ".join(f"“{label}”" for label in labels[:MOST_NAMED])
    more = f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else ""
    yield f"{one if len(labels) == 1 else several} {named}{more}"
