"""Whether a sync can work: its target, its mapping, the columns it wants. Pure; forms and YAML share it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from destinations.contract import JSON, Adapter, Field, Mode, ObjectType
from syncs.configuration.problems import did_you_mean, listed
from syncs.engine.listing import is_unlisted
from syncs.engine.mapping import columns_of
from syncs.engine.steps import check_steps
from syncs.engine.templates import TemplateBroken, compiled
from syncs.engine.values import cast_column
from syncs.engine.variables import VARIABLES, misfit

LEAVE, CLEAR, DEFAULT, ATTENTION = "leave", "clear", "default", "attention"
SHOWN = 12  # columns in a message
MOST_COLUMNS = 50  # of which the first that is not empty fills a field
LONGEST_NAME = 500  # of a column or a field, as it is stored


@dataclass(frozen=True, slots=True)
class Filling:
    """What fills a field, and what an empty value means.

    A column, the first of several that is not empty or a template, through steps; or a fixed value, or a
    variable of the run.
    """

    field: str
    column: str | None = None
    value: JSON = None
    steps: tuple[JSON, ...] = ()
    empty: str = LEAVE
    default: JSON = None
    first_of: tuple[str, ...] = ()
    template: str | None = None
    variable: str | None = None

    @property
    def is_fixed(self) -> bool:
        return self.column is None and not self.first_of and self.template is None and self.variable is None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it wants."""
        return columns_of(self.column, self.first_of, self.template)


@dataclass(frozen=True, slots=True)
class Draft:
    """A sync as somebody wants it. Empty `mode` and `upsert_key` stand for the defaults."""

    object: str
    mode: str
    upsert_key: str
    mapping: tuple[Filling, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, for people. `at` is the path of the form's field: ("mapping", "email", "column")."""

    at: tuple[str, ...]
    message: str


def with_defaults(draft: Draft, adapter: type[Adapter]) -> Draft:
    """The draft with mode and upsert key filled in, as far as its object is known."""
    target = _object(adapter, draft.object)
    upsert_key = draft.upsert_key or (target.upsert_keys[0] if target else "")
    return replace(draft, mode=draft.mode or Mode.UPSERT.value, upsert_key=upsert_key)


def target_faults(draft: Draft, adapter: type[Adapter]) -> list[Fault]:
    """Whether the destination takes such an object, in such a mode, by such a key."""
    target = _object(adapter, draft.object)
    if target is None:
        known = [one.key for one in adapter.objects]
        hint = did_you_mean(draft.object, known) or f"; there are {listed(known)}"
        return [Fault(("object",), f"{adapter.label} has no object `{draft.object}`{hint}")]
    faults = []
    modes = sorted(target.modes)
    if draft.mode not in {mode.value for mode in Mode}:
        hint = did_you_mean(draft.mode, modes) or f"; {target.label} take {listed(modes)}"
        faults.append(Fault(("mode",), f"there is no mode `{draft.mode}`{hint}"))
    elif (mode := Mode(draft.mode)) not in target.modes:
        reason = target.missing_modes.get(mode, f"{adapter.label} does not offer it.")
        faults.append(
            Fault(
                ("mode",),
                f"{target.label} cannot be written in mode `{mode}`: {reason} There is {listed(modes)}",
            )
        )
    if draft.upsert_key not in target.upsert_keys:
        hint = did_you_mean(draft.upsert_key, target.upsert_keys)
        known_keys = listed(target.upsert_keys)
        faults.append(
            Fault(
                ("upsert_key",),
                f"{target.label} are not known by `{draft.upsert_key}`{hint or f'; there is {known_keys}'}",
            )
        )
    elif not faults and (why := target.missing_keys.get((Mode(draft.mode), draft.upsert_key))):
        left = listed(target.keys_for(Mode(draft.mode)))
        faults.append(
            Fault(
                ("upsert_key",),
                f"`{draft.upsert_key}` cannot be the key in mode `{draft.mode}`: {why} There is {left}",
            )
        )
    return faults


def mapping_faults(
    draft: Draft,
    adapter: type[Adapter],
    *,
    fields: Sequence[Field] | None,
    columns: Sequence[str] | None,
    zone: tzinfo,
) -> list[Fault]:
    """Whether the mapping fits the destination's fields and the model's columns.

    The draft's target must be without fault. None stands for fields or columns that nobody knows now:
    what needs them is not checked.
    """
    target = adapter.object(draft.object)
    known = {one.key: one for one in fields} if fields is not None else None
    faults = _twice(draft.mapping)
    for filling in draft.mapping:
        at = ("mapping", filling.field)
        if len(filling.field) > LONGEST_NAME:
            faults.append(Fault(at, _too_long("field", filling.field)))
        faults += _source_faults(filling, columns)
        faults += [Fault((*at, "steps"), fault) for fault in check_steps(list(filling.steps))]
        if known is None:
            continue
        if filling.field in known and (why := known[filling.field].read_only):
            faults.append(Fault(at, f"{known[filling.field].label} cannot be filled: it {why}"))
        elif filling.field in known:
            faults += _value_faults(filling, known[filling.field], zone)
        elif not is_unlisted(known.values(), target, filling.field):
            faults.append(Fault(at, _no_field(adapter, target, filling.field, known)))
    return [*faults, *_key_faults(draft, target), *_missing(draft, adapter, target)]


def primary_key_faults(primary_key: Sequence[str], columns: Sequence[str]) -> list[Fault]:
    """Whether the model returns the columns that identify a row."""
    return [Fault(("primary_key",), _no_column(name, columns)) for name in primary_key if name not in columns]


def _source_faults(filling: Filling, columns: Sequence[str] | None) -> list[Fault]:
    """Whether the columns that fill the field are there, and its template can be used."""
    if filling.variable is not None:
        return _variable_faults(filling, filling.variable)
    kind = "first_of" if filling.first_of else "column" if filling.template is None else "template"
    at = ("mapping", filling.field, kind)
    if kind == "template":
        try:
            lines = compiled(filling.template or "").lines
        except TemplateBroken as broken:
            return [Fault(at, str(broken))]
        return [
            Fault(at, f"line {line} of the template: {_no_column(name, columns)}")
            for name, line in lines.items()
            if columns is not None and name not in columns
        ]
    faults = []
    for name in filling.columns:
        if len(name) > LONGEST_NAME:
            faults.append(Fault(at, _too_long("column", name)))
        if columns is not None and name not in columns:
            faults.append(Fault(at, _no_column(name, columns)))
    if len(filling.columns) > MOST_COLUMNS:
        faults.append(Fault(at, f"the first of at most {MOST_COLUMNS} columns can fill a field"))
    return faults


def _variable_faults(filling: Filling, name: str) -> list[Fault]:
    faults = []
    at = ("mapping", filling.field)
    if name not in VARIABLES:
        hint = did_you_mean(name, VARIABLES) or f"; there are {listed(list(VARIABLES))}"
        faults.append(Fault((*at, "variable"), f"there is no run variable `{name}`{hint}"))
    if filling.steps or filling.empty != LEAVE:
        faults.append(Fault((*at, "steps"), "`steps` and `empty` are not for a run variable"))
    return faults


def _too_long(part: str, name: str) -> str:
    remedy = "; give it a shorter one in the model's SQL" if part == "column" else ""
    return (
        f"the name of the {part} is longer than {LONGEST_NAME} signs (it begins with `{name[:40]}`){remedy}"
    )


def _object(adapter: type[Adapter], key: str) -> ObjectType | None:
    return next((one for one in adapter.objects if one.key == key), None)


def _no_column(name: str, columns: Sequence[str]) -> str:
    hint = did_you_mean(name, columns)
    if not hint:
        hint = f"; it returns {listed(columns[:SHOWN])}{' and more' if len(columns) > SHOWN else ''}"
    return f"the model's query returns no column `{name}`{hint}"


def _no_field(adapter: type[Adapter], target: ObjectType, name: str, known: Iterable[str]) -> str:
    """An unknown field, in the words that help: names are case-sensitive, and companions have a prefix."""
    hint = did_you_mean(name, known)
    if target.companion is not None and target.companion.prefix + name in known:
        hint = f"; did you mean `{target.companion.prefix}{name}`?"
    return (
        f"{adapter.label} lists no field `{name}` for {target.label}{hint or ', and none that comes near'} "
        "(Names are case-sensitive; a field must exist there before it can be mapped.)"
    )


def _twice(mapping: Sequence[Filling]) -> list[Fault]:
    names = [filling.field for filling in mapping]
    return [
        Fault(("mapping", name), f"the field `{name}` is mapped twice")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]


def _value_faults(filling: Filling, field: Field, zone: tzinfo) -> list[Fault]:
    """Whether a fixed value, a default or a run variable is one that the field can hold."""
    if filling.variable is not None:
        problem = misfit(filling.variable, field, zone) if filling.variable in VARIABLES else None
        at = ("mapping", filling.field, "variable")
        told = f"the run variable `{filling.variable}` does not fit: {problem.message}" if problem else ""
        return [Fault(at, told)] if told else []
    what, value = ("value", filling.value) if filling.is_fixed else ("empty", filling.default)
    if not filling.is_fixed and filling.empty != DEFAULT:
        return []
    cast, problems = cast_column([value], field, zone=zone)
    at = ("mapping", filling.field, what)
    if problems:
        return [Fault(at, problems[0].message)]
    return [Fault(at, f"{field.label}: the {what} is empty")] if cast[0] is None else []


def _key_faults(draft: Draft, target: ObjectType) -> list[Fault]:
    """The fields by which records are known must come from a column, row by row."""
    names = {draft.upsert_key}
    if target.companion is not None:
        names.add(target.companion.prefix + target.companion.key_field)
    faults = []
    for filling in draft.mapping:
        if filling.field not in names:
            continue
        at = ("mapping", filling.field)
        if not filling.columns:
            message = (
                f"`{filling.field}` tells records apart, so it needs a column, not one value for every row"
            )
            source = "value" if filling.is_fixed else "template" if filling.variable is None else "variable"
            faults.append(Fault((*at, source), message))
        elif filling.empty in (CLEAR, DEFAULT):
            message = (
                f"`{filling.field}` tells records apart, so it can be neither cleared nor given a default"
            )
            faults.append(Fault((*at, "empty"), message))
    return faults


def _missing(draft: Draft, adapter: type[Adapter], target: ObjectType) -> list[Fault]:
    """Fields that must be mapped and are not."""
    mapped = {filling.field for filling in draft.mapping}
    needed = {draft.upsert_key: f"{target.label} are known by it"}
    for name in target.required.get((Mode(draft.mode), draft.upsert_key), ()):
        needed.setdefault(name, f"{adapter.label} demands it for {target.label} in mode {draft.mode}")
    companion = target.companion
    faults = []
    if companion is not None and any(name.startswith(companion.prefix) for name in mapped):
        its = [filling for filling in draft.mapping if filling.field.startswith(companion.prefix)]
        if all(filling.variable is not None for filling in its):
            message = (
                f"only run variables fill fields of the {companion.label.lower()}, and they go along with "
                f"what rows tell of it: map another field that begins with `{companion.prefix}` too"
            )
            faults.append(Fault(("mapping", its[0].field, "variable"), message))
        its_key = companion.prefix + companion.key_field
        if its_key not in mapped and companion.fallback_field not in mapped:
            needed[its_key] = (
                f"{companion.label} fields are mapped, and a {companion.label.lower()} is known by it"
            )
        for name in adapter.object(companion.object).required.get((Mode.UPSERT, companion.key_field), ()):
            if name != companion.key_field:
                needed[companion.prefix + name] = (
                    f"{adapter.label} demands it where {companion.label} fields are mapped"
                )
    return faults + [
        Fault(("mapping",), f"the field `{name}` must be mapped: {why}")
        for name, why in needed.items()
        if name not in mapped
    ]
