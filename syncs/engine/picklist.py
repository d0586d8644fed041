"""A picklist's values: what stands for an option, and advice for what stands for none. Pure."""

from collections.abc import Sequence
from datetime import tzinfo
from difflib import get_close_matches

from destinations.contract import Option
from syncs.engine.plain import Unfit, plain_text

_QUOTED_LENGTH = 80
_NEAR_MISSES = 50  # a column of nothing but wrong values must not cost minutes


class Picklist:
    """The options of a field, and advice for a text that is none of them.

    A text is changed only where an option declares it as another word for itself.
    """

    def __init__(self, options: Sequence[Option]) -> None:
        self._values = {option.value: option.value for option in options}
        self._closed = {o.value: f"{o.label or o.value} {o.closed}" for o in options if o.closed}
        self._aliases: dict[str, set[str]] = {}
        for option in options:
            for alias in option.aliases:
                self._aliases.setdefault(_fold(alias), set()).add(option.value)
        self._folded: dict[str, list[str]] = {}
        for option in options:
            self._folded.setdefault(_fold(option.value), []).append(option.value)
        self._labels = {_fold(option.label): option.value for option in options if option.label}
        self._advised: dict[str, str] = {}

    def cell(self, value: object, zone: tzinfo) -> str:
        text = plain_text(value, zone) or ""
        found = text if text in self._values else self._meant(text)
        if found in self._closed:
            raise Unfit("closed", f"cannot be chosen: {self._closed[found]}.")
        if found:
            return found
        if text not in self._advised:
            self._advised[text] = self._advice(text)
        raise Unfit("not_in_list", self._advised[text])

    def _meant(self, text: str) -> str:
        """The option that has this text as an alias; "" where none has."""
        meant = self._aliases.get(_fold(text), set())
        if len(meant) > 1:
            raise Unfit(
                "ambiguous_option",
                f"means {len(meant)} options: {', '.join(sorted(meant))}. Send one of them.",
            )
        return next(iter(meant), "")

    def _advice(self, text: str) -> str:
        folded = _fold(text)
        if folded in self._folded:
            near = self._folded[folded]
        elif folded in self._labels:
            value = self._labels[folded]
            return f'is the label of an option. Send its value, "{value}": a value map can do that.'
        else:
            candidates = [] if len(self._advised) >= _NEAR_MISSES else [*self._folded, *self._labels]
            found = get_close_matches(folded[:_QUOTED_LENGTH], candidates, n=1)
            near = [value for key in found for value in self._folded.get(key) or [self._labels[key]]]
        if near:
            meant = " or ".join(f'"{value}"' for value in near)
            return f"is not one of the options. Did you mean {meant}? It must be written exactly so."
        some = ", ".join(f'"{value}"' for value in list(self._values)[:3])
        return f"is not one of the {len(self._values)} options, such as {some}."


def _fold(text: str) -> str:
    return text.strip().casefold()
