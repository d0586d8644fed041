"""A sync's brakes, read from a document and told. Pure."""

from collections.abc import Mapping

from destinations.contract import JSON
from syncs.configuration.section import Section, is_broken, plain
from syncs.configuration.tree import Block
from syncs.engine.brakes import NONE, BrakesWrong, as_stored, read


def brakes_told(brakes: Mapping[str, JSON]) -> JSON:
    """A sync's brakes as a document has them."""
    if not brakes:
        return "as by default"
    return "off" if brakes == NONE else dict(brakes)


def read_brakes(part: Section) -> Mapping[str, JSON] | None:
    """What a sync's part says of its brakes, as it is stored; None where there is nothing right."""
    tree = part.tree("brakes")
    if tree is None or is_broken(tree):
        return None
    told = _switched(plain(tree))
    try:
        return as_stored(read(told))
    except BrakesWrong as wrong:
        line = tree.line
        for name in wrong.part:
            entry = tree.entries.get(name) if isinstance(tree, Block) else None
            if entry is None:
                break
            line, tree = entry.line, entry.value
        part.wrong(line, f"`brakes` of {part.called}: {wrong}")
    return None


def _switched(told: JSON) -> JSON:
    """The words that other switches know, too."""
    if isinstance(told, dict):
        return {name: _switched(inner) for name, inner in told.items()}
    words: dict[JSON, bool] = {"on": True, "yes": True, "off": False, "no": False}
    return words.get(told.lower(), told) if isinstance(told, str) else told
