"""A YAML text as a tree that knows its lines. Pure: the environment is passed in.

Scalars keep their text as it was written, so that a column named `on` or a key of digits stays what it
is; whoever reads the tree says what it wants. `${NAME}` in a value is taken from the environment, and
`$${` stands for `${` itself; any other `$` is just a `$`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from syncs.configuration.problems import ConfigurationError, Problem

MOST_NODES = 200_000  # aliases can make a small file endless
MOST_DEEP = 50
SHORTEST_HIDDEN = 6  # what is shorter is no secret, and would garble messages

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+([eE][-+]?[0-9]+)?)?")
_YAML = "tag:yaml.org,2002:"
_TAGS = frozenset(("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq"))


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `text` has its references filled in; `shown` is safe to print: they are not.

    `tag` is YAML's name of its type ("str", "int", "float", "bool", "null"), always "str" where it was
    quoted or holds a reference. `is_broken`: a reference leads nowhere, which was told already.
    `is_literal`: its text begins on the next line (`|`), and keeps its lines.
    """

    text: str
    line: int
    tag: str = "str"
    shown: str = ""
    is_broken: bool = False
    is_literal: bool = False

    @property
    def is_null(self) -> bool:
        return self.tag == "null"

    @property
    def plain(self) -> str | int | float | bool | None:
        """The value as JSON has it. Only decimal numbers, true and false are more than text."""
        if self.is_null:
            return None
        if self.tag == "bool" and self.text.lower() in {"true", "false"}:
            return self.text.lower() == "true"
        if self.tag in {"int", "float"} and _PLAIN_NUMBER.fullmatch(self.text):
            return int(self.text) if self.text.lstrip("+-").isdigit() else float(self.text)
        return self.text


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple["Tree", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value, and the line of the key."""

    value: "Tree"
    line: int


@dataclass(frozen=True, slots=True)
class Block:
    """A mapping, in the document's order."""

    entries: Mapping[str, Entry]
    line: int


Tree: TypeAlias = Scalar | Listing | Block


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a text: its tree (None where it is empty), and what is wrong with its values.

    `filled` are the names of variables by what they held.
    """

    tree: Tree | None
    problems: list[Problem]
    filled: dict[str, str] = field(default_factory=dict, repr=False)

    def hide(self, message: str) -> str:
        """The message with the names of variables where it has what they held: that may be a secret."""
        for value in sorted(self.filled, key=len, reverse=True):
            if len(value) >= SHORTEST_HIDDEN:
                message = message.replace(value, f"${{{self.filled[value]}}}")
        return message


def read(text: str, environment: Mapping[str, str]) -> Reading:
    """The text as a tree. ConfigurationError where it is not YAML at all."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigurationError(
            [Problem(line, f"this is not YAML: {error.problem}{_hint(text, line)}")]
        ) from None
    except yaml.YAMLError:
        raise ConfigurationError([Problem(0, "this is not YAML: it holds signs that YAML forbids")]) from None
    except RecursionError:
        raise ConfigurationError([Problem(0, "this is nested too deeply")]) from None
    if root is None:
        return Reading(None, [])
    grower = _Grower(environment)
    return Reading(grower.grow(root, 0), grower.problems, grower.filled)


def _hint(text: str, line: int) -> str:
    """`${` begins a mapping where it stands without quotes in braces or brackets."""
    lines = text.splitlines()
    return "; values with ${…} need quotes here" if "${" in "".join(lines[line - 1 : line]) else ""


class _Grower:
    """Turns YAML's nodes into ours."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.filled: dict[str, str] = {}
        self._environment = environment
        self._count = 0

    def grow(self, node: yaml.Node, depth: int) -> Tree:
        line = node.start_mark.line + 1
        if node.tag.removeprefix(_YAML) not in _TAGS:
            self.problems.append(Problem(line, "tags (words with an exclamation mark) have no meaning here"))
        if isinstance(node, yaml.MappingNode):
            return Block(self._entries(node, depth), line)
        self._measure(line, depth)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, line)
        return Listing(tuple(self.grow(item, depth + 1) for item in node.value), line)

    def _measure(self, line: int, depth: int) -> None:
        self._count += 1
        if self._count > MOST_NODES or depth > MOST_DEEP:
            raise ConfigurationError(
                [Problem(line, "this document is too large, or its aliases go in a circle")]
            )

    def _entries(self, node: yaml.MappingNode, depth: int) -> dict[str, Entry]:
        self._measure(node.start_mark.line + 1, depth)
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == f"{_YAML}merge":
                merged |= {k: e for k, e in self._merged(value, depth).items() if k not in merged}
            elif not isinstance(key, yaml.ScalarNode):
                self.problems.append(Problem(line, "a key must be a plain word"))
            elif key.value in entries:
                first = entries[key.value].line
                self.problems.append(
                    Problem(line, f"`{key.value}` is here twice; the first is on line {first}")
                )
            else:
                entries[key.value] = Entry(self.grow(value, depth + 1), line)
        return entries | {key: entry for key, entry in merged.items() if key not in entries}

    def _merged(self, value: yaml.Node, depth: int) -> dict[str, Entry]:
        """What `<<` brings in: a mapping, or several of which the first ones win."""
        found: dict[str, Entry] = {}
        for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if isinstance(one, yaml.MappingNode):
                entries = self._entries(one, depth + 1)
                found |= {key: entry for key, entry in entries.items() if key not in found}
            else:
                self.problems.append(Problem(one.start_mark.line + 1, "`<<` takes a mapping"))
        return found

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Scalar:
        literal = node.style == "|"
        if "${" not in node.value:
            tag = node.tag.removeprefix(_YAML)
            return Scalar(node.value, line, tag, node.value, is_literal=literal)

        found = len(self.problems)

        def fill(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            name = match[1]
            if not match[0].endswith("}") or not _NAME.fullmatch(name):
                self.problems.append(
                    Problem(
                        line,
                        "`${…}` must hold the name of an environment variable; `$${` stands for `${` itself",
                    )
                )
            elif name not in self._environment:
                self.problems.append(Problem(line, f"the environment has no variable {name}"))
            else:
                self.filled[self._environment[name]] = name
                return self._environment[name]
            return ""

        text = _REFERENCE.sub(fill, node.value)
        is_broken = len(self.problems) > found
        return Scalar(text, line, "str", node.value, is_broken=is_broken, is_literal=literal)


def escape(text: str) -> str:
    """A text so written that reading gives it back, whatever the environment."""
    return text.replace("${", "$${")
