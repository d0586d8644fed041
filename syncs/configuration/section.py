"""One block of a document, read key by key: what is not asked for is an unknown key. Pure."""

from collections.abc import Iterable

from destinations.contract import JSON
from syncs.configuration.problems import Problem, did_you_mean
from syncs.configuration.tree import Block, Listing, Scalar, Tree

_YES, _NO = {"true", "yes", "on"}, {"false", "no", "off"}


class Section:
    """A block with a name for people ("model leads"). Problems go to the list that is passed in.

    Every reading method answers None where the key is missing or wrong; what is wrong was told then.
    `lines` has the line of each key.
    """

    def __init__(self, tree: Tree | None, called: str, line: int, problems: list[Problem]) -> None:
        self.called = called
        self.line = line
        self.problems = problems
        self._entries = tree.entries if isinstance(tree, Block) else {}
        self._asked: dict[str, None] = {}
        if tree is not None and not isinstance(tree, Block) and not _is_blank(tree):
            self.wrong(line, f"{called} must be a mapping of keys to values")

    @property
    def lines(self) -> dict[str, int]:
        return {key: entry.line for key, entry in self._entries.items()}

    def wrong(self, line: int, message: str) -> None:
        self.problems.append(Problem(line, message))

    def has(self, key: str) -> bool:
        """Whether the document says anything about the key, null included."""
        self._asked[key] = None
        return key in self._entries

    def tree(self, key: str, *, required: bool = False) -> Tree | None:
        if not self.has(key):
            if required:
                self.wrong(self.line, f"{self.called} has no `{key}`")
            return None
        return self._entries[key].value

    def text(self, key: str, *, required: bool = False) -> str | None:
        """The value as it is written; blank is missing."""
        found = self.tree(key, required=required)
        if found is None:
            return None
        if not isinstance(found, Scalar):
            self.wrong(found.line, f"`{key}` of {self.called} must be a text")
            return None
        if found.is_broken:
            return None
        if found.is_null or not found.text.strip():
            if required:
                self.wrong(found.line, f"`{key}` of {self.called} is empty")
            return None
        return found.text

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...] | None:
        """A text, or a list of texts."""
        found = self.tree(key, required=required)
        if not isinstance(found, Listing):
            text = self.text(key, required=required)
            return None if text is None else (text,)
        good = [item.text for item in found.items if isinstance(item, Scalar) and item.text.strip()]
        if len(good) < len(found.items) or not good:
            self.wrong(found.line, f"`{key}` of {self.called} must be a text or a list of texts")
            return None
        return tuple(good)

    def flag(self, key: str) -> bool | None:
        found = self.tree(key)
        word = found.text.strip().lower() if isinstance(found, Scalar) else ""
        if found is None or word in _YES | _NO:
            return None if found is None else word in _YES
        if not (isinstance(found, Scalar) and found.is_broken):
            self.wrong(found.line, f"`{key}` of {self.called} must be true or false")
        return None

    def section(self, key: str, called: str, *, required: bool = False) -> "Section | None":
        found = self.tree(key, required=required)
        return None if found is None else Section(found, called, self.lines[key], self.problems)

    def sections(self, key: str, called: str) -> dict[str, "Section"]:
        """The named blocks under a key: `models: {leads: {…}}` has "model leads"."""
        outer = self.section(key, f"`{key}`")
        if outer is None:
            return {}
        found = {}
        for name, entry in outer._entries.items():
            if not name.strip() or len(name) > 100:
                self.wrong(entry.line, f"the name of a {called} must have 1 to 100 signs")
            found[name] = Section(entry.value, f"{called} {name}", entry.line, self.problems)
        return found

    def rest(self) -> list[str]:
        """The keys that were not asked for yet, in the document's order."""
        return [key for key in self._entries if key not in self._asked]

    def close(self, *, also: Iterable[str] = ()) -> None:
        """Everything was asked for: what is left is unknown. `also` are known keys, for near misses."""
        known = [*self._asked, *also]
        for key in self.rest():
            self.wrong(
                self._entries[key].line, f"unknown key `{key}` in {self.called}{did_you_mean(key, known)}"
            )


def plain(tree: Tree) -> JSON:
    """A tree as JSON has it."""
    if isinstance(tree, Scalar):
        return tree.plain
    if isinstance(tree, Listing):
        return [plain(item) for item in tree.items]
    return {key: plain(entry.value) for key, entry in tree.entries.items()}


def whole(tree: Tree, least: int, most: int) -> int | None:
    """The whole number that the tree is, if it is one from `least` to `most`."""
    text = tree.text.strip() if isinstance(tree, Scalar) else ""
    return (
        int(text)
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most
        else None
    )


def is_broken(tree: Tree) -> bool:
    """Whether a reference in it leads nowhere, which was told already."""
    if isinstance(tree, Scalar):
        return tree.is_broken
    inside = tree.items if isinstance(tree, Listing) else [entry.value for entry in tree.entries.values()]
    return any(is_broken(one) for one in inside)


def _is_blank(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and tree.is_null
