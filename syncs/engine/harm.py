"""What would hurt in a plan, in words, the worst first. Pure: rules over counts.

Each rule says what a run would do that people rarely mean: values cleared, one field changed in most rows,
keys changed, most rows sent at once, many more new records than usual, rows that left the model.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from destinations.contract import Field, Kind
from syncs.engine.diff import BLANK, CHANGED, CLEARED, KNOWN, NEW, Summary

MANY = 20  # fewer rows are looked at one by one
MOST = 0.5  # of the rows that were sent before
A_LARGE_PART = 0.2
MANY_NEW = 100
FAR_ABOVE = 10  # times what is usual

# What some fields hold, by kind and label: one, several.
_NOUNS = {
    (Kind.PHONE, "phone"): ("phone number", "phone numbers"),
    (Kind.PHONE, "phone number"): ("phone number", "phone numbers"),
    (Kind.EMAIL, "email"): ("e-mail address", "e-mail addresses"),
    (Kind.EMAIL, "email address"): ("e-mail address", "e-mail addresses"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """A plan's rows. `left`: were sent before and are not in the model; `usual`: what a run of the sync sends
    most often, None where that is not known."""

    read: int
    unchanged: int
    planned: int
    new: int
    left: int
    usual: int | None = None
    upsert_key: str = ""

    @property
    def known(self) -> int:
        """Rows that were sent before and are in the model."""
        return self.unchanged + self.planned - self.new

    @property
    def sent_before(self) -> int:
        return self.known + self.left


@dataclass(frozen=True, slots=True)
class Harm:
    """What a run would do, to be read after "This would"; and which rows it is about."""

    does: str
    name: str = ""
    kind: str = ""
    group: str = ""
    is_of_left: bool = False


def harms(summary: Summary, facts: Facts, fields: Mapping[str, Field]) -> list[Harm]:
    """Everything that would hurt; empty where nothing would."""
    return [
        *_clears(summary, fields),
        *_rekeys(summary, facts),
        *_mass_changes(summary, facts, fields),
        *_blanks(summary, fields),
        *_share(facts),
        *_new(facts),
        *_left(facts),
    ]


def _clears(summary: Summary, fields: Mapping[str, Field]) -> Iterator[Harm]:
    found = [(summary.count("", name, CLEARED), name) for name in summary.fields]
    for count, name in sorted(found, key=lambda pair: -pair[0]):
        if count:
            yield Harm(f"clear {_values(count, name, fields)}", name, CLEARED)


def _rekeys(summary: Summary, facts: Facts) -> Iterator[Harm]:
    if count := summary.rekeyed:
        yield Harm(f"change the upsert key of {_rows(count)}", facts.upsert_key, CHANGED)


def _mass_changes(summary: Summary, facts: Facts, fields: Mapping[str, Field]) -> Iterator[Harm]:
    for name in summary.fields:
        count = summary.count(KNOWN, name, CHANGED)
        if count >= MANY and count >= MOST * facts.known:
            all_of = f"all {facts.known:,}" if count == facts.known else f"{count:,} of {facts.known:,}"
            yield Harm(f"change {_label(name, fields)} in {all_of} rows that were sent before", name, CHANGED)


def _blanks(summary: Summary, fields: Mapping[str, Field]) -> Iterator[Harm]:
    for name in summary.fields:
        if count := summary.count("", name, BLANK):
            what = f"send an empty {_label(name, fields)} in {_rows(count)}, over whatever is there"
            yield Harm(what, name, BLANK)


def _share(facts: Facts) -> Iterator[Harm]:
    sent = facts.planned - facts.new
    if sent >= MANY and sent >= MOST * facts.known:
        percent = 100 * facts.planned // facts.read
        yield Harm(f"send {'all' if facts.planned == facts.read else f'{percent}% of all'} rows")


def _new(facts: Facts) -> Iterator[Harm]:
    if facts.new < MANY_NEW or not facts.sent_before:
        return
    if facts.usual is not None:
        if facts.new > FAR_ABOVE * max(1, facts.usual):
            usually = f"where a run usually sends {_rows(facts.usual)}"
            yield Harm(f"create {facts.new:,} new records, {usually}", group=NEW)
    elif facts.new > facts.sent_before:
        so_far = f"where {facts.sent_before:,} were sent so far"
        yield Harm(f"create {facts.new:,} new records, {so_far}", group=NEW)


def _left(facts: Facts) -> Iterator[Harm]:
    if facts.left >= MANY and facts.left >= A_LARGE_PART * facts.sent_before:
        of_all = f"{facts.left:,} of {facts.sent_before:,}" if facts.known else f"all {facts.left:,}"
        out_of = f"{of_all} rows that were sent before"
        yield Harm(f"no longer look after {out_of}, as they left the model", is_of_left=True)


def _values(count: int, name: str, fields: Mapping[str, Field]) -> str:
    """ "4,312 phone numbers", "12 values of Title"."""
    field, label = fields.get(name), _label(name, fields)
    of_label = (f"value of {label}", f"values of {label}")
    one, many = _NOUNS.get((field.kind, label.lower()), of_label) if field is not None else of_label
    return f"{count:,} {one if count == 1 else many}"


def _label(name: str, fields: Mapping[str, Field]) -> str:
    field = fields.get(name)
    return field.label if field is not None and field.label else name


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
