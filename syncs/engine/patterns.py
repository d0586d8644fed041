"""Regular expressions that always come to an end. Pure.

Python's own engine tries again what it tried before: some patterns take it years over forty characters. So
a pattern is looked at first: how often could it try a text of n characters at most? Texts for which that is
few steps go to Python's engine. All others are matched here, in one pass with all ways side by side (Pike's
machine, https://swtch.com/~rsc/regexp/regexp2.html), which finds the same and whose steps are counted.

What needs to look back or ahead (`\\1`, `(?=…)`, `(?>…)`) cannot be matched so, and is refused.
"""

import re
import warnings
from collections.abc import Iterator
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

LONGEST_PATTERN = 500
LONGEST_TEXT = 10_000
MOST_INSTRUCTIONS = 1_000
MOST_TRIES = 1_000_000  # of Python's engine with one text: about 20 milliseconds
MOST_STEPS = 1_000_000  # of this one: about a second
_MOST_NESTED = 20  # times that something of many ways may repeat, to be given to Python's engine
_NO_END = 1e300

_REFUSED = {
    sre.GROUPREF: "a reference back, such as \\1",
    sre.GROUPREF_EXISTS: "a condition, such as (?(1)…)",
    sre.ASSERT: "a look ahead or back, such as (?=…)",
    sre.ASSERT_NOT: "a look ahead or back, such as (?!…)",
    sre.ATOMIC_GROUP: "an atomic group, (?>…)",
    sre.POSSESSIVE_REPEAT: "a possessive repeat, such as a++",
}
_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S", sre.CATEGORY_WORD: r"\w", sre.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip
_REFERENCE = re.compile(r"\\(?:([0-9]{1,2})|g<(\w+)>|(\\)|(.?))", re.DOTALL)
_INLINE = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.ASCII


class TooCostly(Exception):
    """This text would take this pattern too many steps."""


class Found(NamedTuple):
    """Where a match is, and each group's part of the text; None for a group that took no part."""

    start: int
    end: int
    groups: tuple[str | None, ...]


def pattern_fault(pattern: str) -> str:
    """Why the pattern cannot be used, a sentence; empty where it can."""
    try:
        Pattern(pattern)
    except ValueError as error:
        return str(error)
    return ""


class Pattern:
    """A compiled pattern. ValueError with a sentence where it is wrong or cannot be bounded."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise ValueError(f"The regular expression is longer than {LONGEST_PATTERN} characters.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._quick = re.compile(pattern)
                tree = _parser.parse(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            why = f"{error}".rstrip(".")
            raise ValueError(f"The regular expression cannot be read: {why}.") from None
        self._program: list[tuple[Any, ...]] = []
        self._write(tree, tree.state.flags & _INLINE)
        self._add("match")
        self.groups: int = self._quick.groups
        self.names = dict(self._quick.groupindex)
        self.may_be_empty = tree.getwidth()[0] == 0
        self._quick_length = _quick_length(_ways(tree))

    def search(self, text: str) -> Found | None:
        """The first match. TooCostly where that cannot be told in time."""
        return next(self.matches(text), None)

    def matches(self, text: str) -> Iterator[Found]:
        """The matches that do not overlap, from left to right, none of them empty but for the first."""
        if len(text) <= self._quick_length:
            for match in self._quick.finditer(text):
                yield Found(*match.span(), (match[0], *match.groups()))
            return
        if len(text) > LONGEST_TEXT:
            raise TooCostly
        at, self._steps = 0, 0
        while (found := self._run(text, at)) is not None:
            yield found
            at = found.end if found.end > found.start else found.end + 1

    def _add(self, *instruction: Any) -> int:
        if len(self._program) == MOST_INSTRUCTIONS:
            raise ValueError("The regular expression is too large: it repeats too much too often.")
        self._program.append(instruction)
        return len(self._program) - 1

    def _write(self, tree: Any, flags: int) -> None:
        for op, given in tree:
            if op in _REFUSED:
                raise ValueError(
                    f"The regular expression holds {_REFUSED[op]}, which could run for ever. "
                    "Write it without, or do it in the model's SQL."
                )
            if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
                least, most, inner = given
                self._write_repeat(least, most, inner, flags, is_greedy=op is sre.MAX_REPEAT)
            elif op is sre.BRANCH:
                self._write_branch(given[1], flags)
            elif op is sre.SUBPATTERN:
                group, on, off, inner = given
                if group is not None:
                    self._add("save", 2 * group)
                self._write(inner, (flags | on) & ~off)
                if group is not None:
                    self._add("save", 2 * group + 1)
            elif op is sre.AT:
                self._add("at", given, flags)
            else:
                self._add("one", re.compile(_single(op, given), flags).fullmatch, {})

    def _write_repeat(self, least: int, most: Any, inner: Any, flags: int, *, is_greedy: bool) -> None:
        if inner.getwidth()[0] == 0 and most != 1:
            raise ValueError(
                "The regular expression repeats something that may be nothing, such as (a*)*. "
                "Let what repeats be at least one character."
            )
        for _ in range(least):
            self._write(inner, flags)
        if most is sre.MAXREPEAT:
            fork = self._add("fork", 0, 0)
            self._write(inner, flags)
            self._add("jump", fork)
            self._choose(fork, fork + 1, len(self._program), is_greedy=is_greedy)
            return
        forks = []
        for _ in range(most - least):
            forks.append(self._add("fork", 0, 0))
            self._write(inner, flags)
        for fork in forks:
            self._choose(fork, fork + 1, len(self._program), is_greedy=is_greedy)

    def _choose(self, fork: int, more: int, enough: int, *, is_greedy: bool) -> None:
        self._program[fork] = ("fork", more, enough) if is_greedy else ("fork", enough, more)

    def _write_branch(self, branches: list[Any], flags: int) -> None:
        jumps = []
        for branch in branches[:-1]:
            fork = self._add("fork", 0, 0)
            self._write(branch, flags)
            jumps.append(self._add("jump", 0))
            self._choose(fork, fork + 1, len(self._program), is_greedy=True)
        self._write(branches[-1], flags)
        for jump in jumps:
            self._program[jump] = ("jump", len(self._program))

    def _run(self, text: str, start: int) -> Found | None:
        """The first match at or after `start`: all ways at once, the better one first."""
        threads: list[tuple[int, tuple[int, ...]]] = []
        best: tuple[int, ...] | None = None
        nothing = (-1,) * (2 * self.groups + 2)
        for at in range(start, len(text) + 1):
            seen: set[int] = set()
            here: list[tuple[int, tuple[int, ...]]] = []
            for place, saved in threads:
                self._follow(place, saved, text, at, seen, here)
            if best is None:
                self._follow(0, (at, *nothing[1:]), text, at, seen, here)
            threads = []
            self._steps += len(seen) + 1
            if self._steps > MOST_STEPS:
                raise TooCostly
            for place, saved in here:
                instruction = self._program[place]
                if instruction[0] == "match":
                    best = (saved[0], at, *saved[2:])
                    break
                if at < len(text):
                    _, matches, known = instruction
                    sign = text[at]
                    if sign not in known:
                        known[sign] = matches(sign) is not None
                    if known[sign]:
                        threads.append((place + 1, saved))
            if best is not None and not threads:
                break
        if best is None:
            return None
        spans = zip(best[::2], best[1::2], strict=True)
        return Found(best[0], best[1], tuple(text[a:b] if b >= 0 else None for a, b in spans))

    def _follow(
        self,
        place: int,
        saved: tuple[int, ...],
        text: str,
        at: int,
        seen: set[int],
        here: list[tuple[int, tuple[int, ...]]],
    ) -> None:
        """Go on to the instructions that take a character, the preferred ones first."""
        waiting = [(place, saved)]
        while waiting:
            place, saved = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            instruction = self._program[place]
            match instruction[0]:
                case "jump":
                    waiting.append((instruction[1], saved))
                case "fork":
                    waiting += [(instruction[2], saved), (instruction[1], saved)]
                case "save":
                    slot = instruction[1]
                    waiting.append((place + 1, (*saved[:slot], at, *saved[slot + 1 :])))
                case "at":
                    if _stands(instruction[1], instruction[2], text, at):
                        waiting.append((place + 1, saved))
                case _:
                    here.append((place, saved))


class Replacement:
    """What stands for a match: a text in which `\\1` and `\\g<name>` are the groups. ValueError if wrong."""

    def __init__(self, text: str, pattern: Pattern) -> None:
        self._parts: list[str | int] = []
        end = 0
        for found in _REFERENCE.finditer(text):
            number, name, backslash, other = found.groups()
            self._parts.append(text[end : found.start()])
            end = found.end()
            if backslash:
                self._parts.append("\\")
                continue
            if other is not None:
                raise ValueError(
                    f'"\\{other}" means nothing in what replaces a match; a backslash is "\\\\".'
                )
            group = int(number) if number else int(name) if name.isdecimal() else pattern.names.get(name, -1)
            if not 0 <= group <= pattern.groups:
                raise ValueError(f'The regular expression has no group "{number or name}".')
            self._parts.append(group)
        self._parts.append(text[end:])

    def fill(self, found: Found) -> str:
        return "".join(part if isinstance(part, str) else found.groups[part] or "" for part in self._parts)


def _single(op: Any, given: Any) -> str:
    """The pattern of one character, as Python's engine reads it."""
    if op is sre.ANY:
        return "."
    if op is sre.LITERAL:
        return re.escape(chr(given))
    if op is sre.NOT_LITERAL:
        return f"[^{_in_class(given)}]"
    parts = []
    for kind, what in given:
        if kind is sre.NEGATE:
            parts.append("^")
        elif kind is sre.LITERAL:
            parts.append(_in_class(what))
        elif kind is sre.RANGE:
            parts.append(f"{_in_class(what[0])}-{_in_class(what[1])}")
        else:
            parts.append(_CATEGORIES[what])
    return f"[{''.join(parts)}]"


def _in_class(code: int) -> str:
    return f"\\U{code:08x}"


def _stands(where: Any, flags: int, text: str, at: int) -> bool:
    """Whether a place of no width (`^`, `$`, `\\b`) is here."""
    if where in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
        is_line = where is sre.AT_BEGINNING and flags & re.MULTILINE
        return at == 0 or bool(is_line and text[at - 1] == "\n")
    if where is sre.AT_END_STRING:
        return at == len(text)
    if where is sre.AT_END:
        if at == len(text) or (at == len(text) - 1 and text[at] == "\n"):
            return True
        return bool(flags & re.MULTILINE) and text[at] == "\n"
    word = re.compile(r"\w", flags & re.ASCII)
    before = at > 0 and word.match(text[at - 1]) is not None
    after = at < len(text) and word.match(text[at]) is not None
    return (before != after) == (where is sre.AT_BOUNDARY)


def _ways(tree: Any) -> tuple[float, int]:
    """In how many ways a text of n characters can be tried at most: (c, d) for c · (n + 1) ** d."""
    count, degree = 1.0, 0
    for op, given in tree:
        if op is sre.SUBPATTERN:
            inner = _ways(given[3])
        elif op is sre.BRANCH:
            branches = [_ways(branch) for branch in given[1]]
            inner = (sum(one[0] for one in branches), max(one[1] for one in branches))
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            inner = _repeated(*given)
        else:
            continue
        count, degree = min(count * inner[0], _NO_END), degree + inner[1]
    return count, degree


def _repeated(least: int, most: Any, tree: Any) -> tuple[float, int]:
    count, degree = _ways(tree)
    if (count, degree) == (1.0, 0):
        return (1.0, 1) if most is sre.MAXREPEAT else (float(most - least + 1), 0)
    if most is sre.MAXREPEAT or most > _MOST_NESTED:
        return (_NO_END, 0)
    try:
        return min((count + 1) ** most, _NO_END), degree * most
    except OverflowError:
        return (_NO_END, 0)


def _quick_length(ways: tuple[float, int]) -> int:
    """How long a text may be so that Python's engine, from wherever it begins, tries few enough ways."""
    count, degree = ways
    low, high = 0, LONGEST_TEXT
    while low < high:
        middle = (low + high + 1) // 2
        if count * float(middle + 1) ** min(degree + 2, 60) <= MOST_TRIES:
            low = middle
        else:
            high = middle - 1
    return low
