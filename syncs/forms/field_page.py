"""What stands in the inputs of a field's page, step by step, ready to be drawn. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from destinations.contract import JSON
from syncs.forms.field_maps import BLANK_PAIRS, MOST_IN_TABLE, pairs_of, shown
from syncs.forms.field_steps import KEPT, STEP_FORMS, Input, step_faults, typed_of, verb_of
from syncs.forms.field_words import step_told


@dataclass(frozen=True, slots=True)
class ShownInput:
    """An input with what stands in it. Of choices that are not among those offered, `is_strange` tells."""

    asks: Input
    id: str
    value: str
    is_strange: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of a value map. `is_long`: it holds line breaks, which a plain input would lose."""

    at: int
    old: str = ""
    new: str = ""
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step as it is drawn. `lines` is a map that is too long for a table."""

    at: int
    verb: str
    label: str
    told: str
    help: str
    inputs: tuple[ShownInput, ...]
    pairs: tuple[Pair, ...]
    blank: int
    lines: str | None
    faults: tuple[str, ...]
    is_first: bool
    is_last: bool

    @property
    def number(self) -> int:
        return self.at + 1

    @property
    def ids(self) -> dict[str, str]:
        """The ids of its buttons, and of the first blank pair of a value map."""
        return {name: f"step-{self.at}-{name}" for name in ("up", "down", "remove", "values", "blank")}


def shown_steps(specs: Sequence[JSON], *, quiet: Iterable[int] = ()) -> list[ShownStep]:
    """The steps; of those in `quiet` it is not told what is wrong."""
    silent = set(quiet)
    return [_step(specs, at, with_faults=at not in silent) for at in range(len(specs))]


def wrong_steps(specs: Sequence[JSON]) -> list[int]:
    """The steps that cannot be used."""
    return [at for at, spec in enumerate(specs) if step_faults(spec)]


def first_wrong(specs: Sequence[JSON]) -> int | None:
    return next(iter(wrong_steps(specs)), None)


def _step(specs: Sequence[JSON], at: int, *, with_faults: bool) -> ShownStep:
    spec = specs[at]
    verb = verb_of(spec)
    form, typed = STEP_FORMS.get(verb), typed_of(spec)
    pairs = pairs_of(spec) if verb == "map" else []
    is_table = verb == "map" and len(pairs) <= MOST_IN_TABLE
    rows = [Pair(place, old, shown(new), "\n" in old + shown(new)) for place, (old, new) in enumerate(pairs)]
    blanks = [Pair(len(pairs) + place) for place in range(BLANK_PAIRS)]
    return ShownStep(
        at,
        verb,
        form.label if form else "A step that is unknown here",
        step_told(spec),
        form.help if form else "It was written elsewhere, and is kept as it is.",
        tuple(_input(one, at, typed.get(one.name, "")) for one in (form.inputs if form else ())),
        (*rows, *blanks) if is_table else (),
        len(pairs),
        typed.get("lines", "") if verb == "map" and not is_table else None,
        tuple(step_faults(spec)) if with_faults or verb == KEPT else (),
        at == 0,
        at == len(specs) - 1,
    )


def _input(asks: Input, at: int, value: str) -> ShownInput:
    is_strange = bool(asks.choices) and value not in {choice for choice, _ in asks.choices}
    return ShownInput(asks, f"step-{at}-{asks.name}", value, is_strange)
