"""A sync's guards, and the team's own mail domains, read from a document. Pure.

A document has the keys of a suppression list in it: as `keys`, or as the `digests` that an export writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncs.configuration.problems import Problem
from syncs.configuration.section import Section, is_broken, plain
from syncs.configuration.tree import Block, Listing, Scalar, Tree
from syncs.engine import addresses, guard_keys

VERDICTS = ("allowed", "blocked")  # as in `MailDomain`

Guard = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Guards as somebody wants them, models by name.

    `lists` are pasted keys as they are stored, by the name that stands as `list` in their guard.
    """

    guards: tuple[Guard, ...] = ()
    lists: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def read_guards(
    tree: Tree | None, called: str, problems: list[Problem], lines: dict[tuple[str, ...], int]
) -> Wanted:
    """The guards of a document. What cannot be read at all is told; `lines` gets the lines of their parts."""
    if tree is None or (isinstance(tree, Scalar) and tree.is_null):
        return Wanted()
    _note_lines(tree, ("guards",), lines)
    if not isinstance(tree, Listing):
        if not is_broken(tree):
            said = "must be a list, such as [{personal_emails: {field: email}}]"
            problems.append(Problem(tree.line, f"`guards` of {called} {said}"))
        return Wanted()
    lists: dict[str, bytes] = {}
    guards = []
    for item in tree.items:
        guard = plain(item)
        if isinstance(item, Block) and isinstance(guard, dict):
            _take_texts(item, guard, called, problems)
            _take_keys(item, guard, called, problems, lists)
        guards.append(guard)
    return Wanted(tuple(guards), lists)


def _note_lines(tree: Tree, path: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> None:
    lines.setdefault(path, tree.line)
    if isinstance(tree, Listing):
        for at, item in enumerate(tree.items):
            _note_lines(item, (*path, str(at)), lines)
    elif isinstance(tree, Block):
        for key, entry in tree.entries.items():
            lines[(*path, key)] = entry.line
            _note_lines(entry.value, (*path, key), lines)


def _take_texts(item: Block, guard: dict[str, Any], called: str, problems: list[Problem]) -> None:
    """Keys of rows are texts as they are written: 007 is not 7."""
    entry = item.entries.get("never_send")
    if entry is None or not isinstance(entry.value, Block):
        return
    for part, inner in entry.value.entries.items():
        if part in ("keys", "emails", "by_list_alone") and isinstance(inner.value, Listing):
            guard["never_send"][part] = _texts(inner.value)


def _take_keys(
    item: Block, guard: dict[str, Any], called: str, problems: list[Problem], lists: dict[str, bytes]
) -> None:
    """`keys` and `digests` of a suppression list → its name and the list beside."""
    entry = item.entries.get("suppressed")
    if entry is None or not isinstance(entry.value, Block):
        return
    content = guard["suppressed"]
    for part in ("list", "count"):
        if part in content:
            line = entry.value.entries[part].line
            problems.append(
                Problem(line, f"unknown key `{part}` in a guard of {called}; did you mean `keys`?")
            )
    given = [part for part in ("keys", "digests") if part in content]
    if not given:
        return
    trees = {part: entry.value.entries[part].value for part in given}
    for part in given:
        del content[part]
    stored = _list_of(trees)
    if len(given) > 1 or stored is None or not stored:
        form = "a list of texts" if given == ["keys"] else "as an export writes them"
        said = f"`{given[0]}` must be {form}, at least one"
        if len(given) > 1:
            said = "give only one of `keys` and `digests`"
        problems.append(Problem(trees[given[0]].line, f"a guard of {called}: {said}"))
        stored = guard_keys.packed([0])
    if len(stored) // 8 > guard_keys.MOST_PASTED:
        said = f"a suppression list has at most {guard_keys.MOST_PASTED:,} keys; use a model for more"
        problems.append(Problem(trees[given[0]].line, f"a guard of {called}: {said}"))
    name = guard_keys.name_of(stored)
    lists[name] = stored
    content |= {"list": name, "count": len(stored) // 8}


def _list_of(trees: Mapping[str, Tree]) -> bytes | None:
    if (tree := trees.get("digests")) is not None:
        return guard_keys.read(tree.text) if isinstance(tree, Scalar) else None
    tree = trees["keys"]
    if isinstance(tree, Scalar):
        return guard_keys.packed(guard_keys.digests(tree.text.splitlines()))
    if isinstance(tree, Listing) and all(isinstance(item, Scalar) for item in tree.items):
        return guard_keys.packed(guard_keys.digests(_texts(tree)))
    return None


def _texts(tree: Listing) -> list[Any]:
    return [
        item.text if isinstance(item, Scalar) and not item.is_null else plain(item) for item in tree.items
    ]


def read_mail_domains(root: Section) -> dict[str, str] | None:
    """The team's own mail domains, each with its verdict; None where the document says nothing of them."""
    part = root.section("mail_domains", "`mail_domains`")
    if part is None:
        return None
    found: dict[str, str] = {}
    for verdict in VERDICTS:
        tree = part.tree(verdict)
        items = tree.items if isinstance(tree, Listing) else () if tree is None else (tree,)
        for item in items:
            text = item.text if isinstance(item, Scalar) else ""
            domain = addresses.domain(text)
            if domain is None:
                if not is_broken(item):
                    said = f"`{verdict}` of `mail_domains` holds “{text}”, which is not a domain"
                    part.problems.append(Problem(item.line, said))
            elif found.setdefault(domain, verdict) != verdict:
                said = f"`mail_domains` both allows and blocks {domain}"
                part.problems.append(Problem(item.line, said))
    part.close()
    return found
