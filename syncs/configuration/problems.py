"""What is wrong with a configuration, and where. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend. `line` counts from 1; 0 means that the document has no line for it."""

    line: int
    message: str

    def told(self, name: str) -> str:
        """The problem as one line for people; `name` is the document's."""
        return f"{name}, line {self.line}: {self.message}" if self.line else f"{name}: {self.message}"


class ConfigurationError(Exception):
    """The document cannot be applied. Nothing was written."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(problem.message for problem in self.problems))

    def told(self, name: str) -> list[str]:
        return [problem.told(name) for problem in self.problems]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    by_shape: dict[str, str] = {}
    for one in known:
        by_shape.setdefault(_shape(one), one)
    found = get_close_matches(_shape(word), by_shape, n=1, cutoff=0.7)
    return by_shape[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean “that”?`, or nothing where nothing known comes near."""
    meant = nearest(word, known)
    return f"; did you mean `{meant}`?" if meant is not None else ""


def listed(words: Iterable[str]) -> str:
    """Words as a sentence has them: `a`, `b` or `c`."""
    marked = [f"`{word}`" for word in words]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} or {marked[-1]}" if marked else ""


def _shape(word: str) -> str:
    """What is left of a word when people mistype it: case and signs do not count."""
    return "".join(sign for sign in word.casefold() if sign.isalnum()) or word
