"""A sync's brakes as a form: each is on or off, with its limits; what was typed stays as it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField

from syncadmin.lib.shown import counted
from syncs.engine.brakes import (
    BLANKS,
    CHANGES,
    DEFAULTS,
    EMPTY,
    FIRST,
    LOST,
    MOST_ROWS,
    NEW,
    REKEYED,
    TIMES,
    Limit,
    Limits,
)

# What each is called, when it holds a run, and of what its share is.
WORDS: dict[str, tuple[str, str, str]] = {
    CHANGES: (
        "Far more rows change than usual",
        f"And more than {TIMES} times as many as a run usually sends, once that is known. Not when somebody "
        "sends all rows again.",
        "of the rows that were sent before",
    ),
    BLANKS: (
        "A field would be emptied in many rows",
        "Fields that the mapping clears where their value is empty; only where values last sent are "
        "remembered.",
        "of the rows that were sent before",
    ),
    NEW: (
        "Far more new records than usual",
        f"And more than {TIMES} times as many as a run usually sends, once that is known.",
        "of all that were sent so far",
    ),
    REKEYED: (
        "Many rows come with another key",
        "They would be other records at the destination, and the old ones stay there.",
        "of the rows that were sent before",
    ),
    LOST: (
        "Many rows left the model",
        "Nothing is removed at the destination, but what is there would no longer be kept up to date.",
        "of the rows that were sent before",
    ),
    EMPTY: (
        "The model has no rows",
        "Where it had some in the last run. Nothing would be sent, and nobody would know of it.",
        "",
    ),
    FIRST: (
        "A first run over all rows that nobody has seen the numbers of",
        "On the command line, or with more rows than were shown. In the browser the numbers are always shown "
        "before a first run.",
        "",
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One brake in the form. `percent` and `least` are None where it has no such limit."""

    name: str
    label: str
    help: str
    of: str
    on: BoundField
    percent: BoundField | None
    least: BoundField | None


class BrakesForm(forms.Form):
    """`limits` is what was said, once it is valid."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in WORDS:
            self.fields[f"{name}_on"] = forms.BooleanField(required=False, label=WORDS[name][0])
            for part, most in (("percent", 100), ("least", MOST_ROWS)):
                if getattr(DEFAULTS[name], part) is not None:
                    self.fields[f"{name}_{part}"] = _number(most)

    def lines(self) -> Iterator[Line]:
        for name, (label, words, of) in WORDS.items():
            percent, least = f"{name}_percent", f"{name}_least"
            yield Line(
                name,
                label,
                words,
                of,
                self[f"{name}_on"],
                self[percent] if percent in self.fields else None,
                self[least] if least in self.fields else None,
            )

    @property
    def limits(self) -> dict[str, Limit]:
        told = self.cleaned_data
        return {
            name: Limit(told[f"{name}_on"], told.get(f"{name}_percent"), told.get(f"{name}_least"))
            for name in DEFAULTS
        }


def initial_of(limits: Limits) -> dict[str, Any]:
    """The form of these limits."""
    found: dict[str, Any] = {}
    for name, limit in limits.items():
        told = {f"{name}_on": limit.on, f"{name}_percent": limit.percent, f"{name}_least": limit.least}
        found |= told
    return found


def in_words(limits: Limits) -> str:
    """How a sync's brakes are set, in a sentence."""
    on = sum(limit.on for limit in limits.values())
    if not on:
        return "All are off: no run waits for approval, whatever it would do."
    if dict(limits) == dict(DEFAULTS):
        return "On: a run that would do harm waits until an admin has looked at it."
    return f"{counted(on, 'brake is', 'brakes are')} on, of {len(limits)}, with limits of this sync."


def _number(most: int) -> forms.IntegerField:
    return forms.IntegerField(
        min_value=1,
        max_value=most,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), f"Type a whole number from 1 to {most:,}."
        ),
    )
