"""What the service lists as its fields, against what a sync fills. Pure."""

from collections.abc import Iterable, Mapping

from destinations.contract import Field, ObjectType
from syncs.engine.mapping import MappingBroken

SHOWN = 5


def is_unlisted(known: Iterable[Field], target: ObjectType, name: str) -> bool:
    """Whether the service told no list of the fields among which the name would be."""
    if target.open_prefix and name.startswith(target.open_prefix) and name != target.open_prefix:
        return True
    prefix = target.companion.prefix if target.companion is not None else None
    in_companion = prefix is not None and name.startswith(prefix)
    return any(
        not one.verified
        for one in known
        if (prefix is not None and one.key.startswith(prefix)) == in_companion
    )


def demand(names: Iterable[str], listed: Mapping[str, Field], target: ObjectType, label: str) -> None:
    """MappingBroken where a field that is filled has disappeared, or can only be read."""
    wanted = list(names)
    gone = [name for name in wanted if name not in listed and not is_unlisted(listed.values(), target, name)]
    if gone:
        what = f"field “{gone[0]}”" if len(gone) == 1 else f"fields {_shown(gone)}"
        raise MappingBroken(
            f"{label} has no {what} of {target.label.lower()} any more, and this sync fills "
            f"{'it' if len(gone) == 1 else 'them'}. Whoever edits the sync must fill another field or leave "
            f"it out; or whoever manages {label} must bring it back. Nothing was sent."
        )
    for name in wanted:
        if name in listed and (why := listed[name].read_only):
            raise MappingBroken(
                f"“{listed[name].label}” of {target.label.lower()} in {label} cannot be filled any more: it "
                f"{why}. Whoever edits the sync must leave it out, or whoever manages {label} must allow it. "
                "Nothing was sent."
            )


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"“{name}”" for name in names[:SHOWN]) + more
