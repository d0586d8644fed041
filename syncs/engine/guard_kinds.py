"""The kinds of guards: what each may hold, and how it is told. Pure.

A guard is an object with a `name`, if people gave one, and exactly one kind:

- `{"send_only": {"all": […]}}` rows that are so are sent, others held back; `{"hold_back": {"any": […]}}`
- `{"email_syntax": {"column": "email"}}` what is no e-mail address; an empty value passes
- `{"personal_emails": {"field": "email"}}`, `disposable_emails`, `blocked_domains`: by the domain
- `{"suppressed": {"field": "email", "list": "…", "count": 3}}` keys that somebody pasted, or of a model:
  `{"suppressed": {"field": "email", "model": "…", "model_column": "email"}}`
- `{"new_domains": {"field": "email", "most": 20}}` more new records than that of a domain never sent before
- `{"keep_first": {"column": "updated_at", "descending": true}}` of rows with one upsert key only the first
- `{"never_send": {"keys": ["42"], "emails": […]}}` these people; `by_list_alone` are those of whom
  somebody said that no other guard needs to hold them back

`list` and `model` are ids of ours; a document has the keys, or the model's name, in their place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from destinations.contract import JSON
from syncs.engine import addresses
from syncs.engine.guard_columns import COLUMN, FIELD, Look
from syncs.engine.guard_conditions import (
    LONGEST,
    Fault,
    Path,
    condition_faults,
    look_faults,
    look_of,
    looks_of,
)
from syncs.engine.guard_words import conditions_told, listed

MOST_GUARDS = 30
MOST_NEVER = 100
MOST_OF_DOMAIN = 1_000_000
LONGEST_NAME = 100

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """`title` is what to call a guard without a name, `told` what it does.

    `faults` checks a guard's content at a path, `looks` says what it looks at.

    `cause` says why a row is held back, after “Held back by …:”; `remedy` what would free it, and `who` must
    do that, as in `RejectedRow.Who`. `once`: a sync has at most one of it.
    """

    title: Callable[[Spec], str]
    faults: Callable[[Spec, Path], list[Fault]]
    looks: Callable[[Spec], list[Look]]
    told: Callable[[Spec], str]
    cause: Callable[[Spec], str]
    remedy: str
    who: str
    once: bool = False


def kind_of(guard: Spec) -> str:
    """The kind of a checked guard."""
    return next(key for key in guard if key != "name")


def content_of(guard: Spec) -> Spec:
    content: Spec = guard[kind_of(guard)]
    return content


def sentence(guard: Spec) -> str:
    """What a checked guard does, in a sentence."""
    return KINDS[kind_of(guard)].told(content_of(guard))


def name_of(guard: Spec) -> str:
    """What people call a checked guard: the name it was given, or a short one of its kind."""
    name = str(guard.get("name") or KINDS[kind_of(guard)].title(content_of(guard)))
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def looks(guard: Spec) -> list[Look]:
    """All columns and fields that a checked guard looks at."""
    return KINDS[kind_of(guard)].looks(content_of(guard))


def guard_faults(guards: JSON) -> list[Fault]:
    """What is wrong with a sync's guards, each with its path: ("0", "send_only", "all", "1", "is")."""
    if not isinstance(guards, list):
        return [((), "guards are a list, such as [{personal_emails: {field: email}}]")]
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    if len(guards) > MOST_GUARDS:
        faults.append(((), f"a sync has at most {MOST_GUARDS} guards"))
    for at, guard in enumerate(guards[:MOST_GUARDS]):
        path = (str(at),)
        kinds = [key for key in guard if key != "name"] if isinstance(guard, dict) else []
        if len(kinds) != 1 or kinds[0] not in KINDS:
            strange = next((key for key in kinds if key not in KINDS), "")
            near = get_close_matches(strange, (*KINDS, "name"), n=1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; there are {', '.join(KINDS)}"
            said = f"there is no guard `{strange}`{hint}"
            if not strange:
                said = f"a guard has exactly one kind: {', '.join(KINDS)}"
            faults.append(((*path, strange) if strange else path, said))
            continue
        if (fault := _name_fault(guard)) is not None:
            faults.append(((*path, "name"), fault))
        kind, content = kinds[0], guard[kinds[0]]
        if not isinstance(content, dict):
            faults.append(((*path, kind), f"`{kind}` holds a mapping"))
            continue
        faults += KINDS[kind].faults(content, (*path, kind))
        if KINDS[kind].once and kind in seen:
            faults.append(
                (path, f"a sync has at most one guard `{kind}`; another is number {seen[kind] + 1}")
            )
        seen.setdefault(kind, at)
    return faults


def _name_fault(guard: Spec) -> str | None:
    name = guard.get("name", "x")
    if isinstance(name, str) and name.strip() and len(name) <= LONGEST_NAME:
        return None
    return f"a guard's name is a text of 1 to {LONGEST_NAME} signs"


def unknown_looks(
    guards: Sequence[Spec], columns: Sequence[str] | None, fields: Sequence[str]
) -> list[Fault]:
    """Where checked guards look at what is not there. Columns are None where nobody knows them."""
    faults: list[Fault] = []
    for at, guard in enumerate(guards):
        for look in dict.fromkeys(looks(guard)):
            if look.kind == COLUMN and columns is not None and look.name not in columns:
                said = f"the model's query returns no column `{look.name}`"
            elif look.kind == FIELD and look.name not in fields:
                said = f"no field `{look.name}` is mapped"
            else:
                continue
            told = f"the guard “{name_of(guard)}” looks at something that is not there: {said}"
            faults.append(((str(at), kind_of(guard)), told))
    return faults


# The kinds


def _closed(spec: Spec, path: Path, *known: str) -> list[Fault]:
    """Keys that a kind does not have."""
    faults: list[Fault] = [
        ((*path, key), f"unknown key `{key}`; there {'is' if len(known) == 1 else 'are'} {listed(known)}")
        for key in spec
        if key not in known
    ]
    return faults


def _one_look(spec: Spec, path: Path) -> list[Fault]:
    return [*look_faults(spec, path), *_closed(spec, path, COLUMN, FIELD)]


def _suppressed_faults(spec: Spec, path: Path) -> list[Fault]:
    faults = [*look_faults(spec, path)]
    faults += _closed(spec, path, COLUMN, FIELD, "list", "count", "model", "model_column")
    if ("list" in spec) == ("model" in spec):
        return [*faults, (path, "give either the keys, or the model that has them")]
    if "list" in spec:
        if not isinstance(spec["list"], str) or not isinstance(spec.get("count"), int):
            faults.append((path, "the pasted keys are not there"))
    elif not isinstance(spec["model"], str):
        faults.append(((*path, "model"), "`model` must be the name of a model"))
    else:
        name = spec.get("model_column")
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST:
            faults.append(((*path, "model_column"), "name the model's column with the keys"))
    return faults


def _new_domains_faults(spec: Spec, path: Path) -> list[Fault]:
    faults = [*look_faults(spec, path), *_closed(spec, path, COLUMN, FIELD, "most")]
    most = spec.get("most")
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MOST_OF_DOMAIN:
        faults.append(((*path, "most"), f"`most` must be a whole number from 1 to {MOST_OF_DOMAIN:,}"))
    return faults


def _keep_first_faults(spec: Spec, path: Path) -> list[Fault]:
    faults = [*look_faults(spec, path), *_closed(spec, path, COLUMN, "descending")]
    if FIELD in spec:
        faults.append(((*path, FIELD), "rows are put in order by a `column` of the model"))
    if not isinstance(spec.get("descending", False), bool):
        faults.append(((*path, "descending"), "`descending` must be true or false"))
    return faults


def _never_faults(spec: Spec, path: Path) -> list[Fault]:
    faults = _closed(spec, path, "keys", "emails", "by_list_alone")
    for part in ("keys", "emails", "by_list_alone"):
        texts = spec.get(part, [])
        good = isinstance(texts, list) and all(isinstance(one, str) and one.strip() for one in texts)
        if not good or any(len(one) > LONGEST for one in texts):
            faults.append(((*path, part), f"`{part}` must be a list of texts of at most {LONGEST} signs"))
        elif part == "emails":
            bad = [one for one in texts if addresses.email(one) is None]
            faults += [((*path, part), f"“{one[:80]}” is not an e-mail address") for one in bad]
    if faults:
        return faults
    count = len(spec.get("keys", [])) + len(spec.get("emails", []))
    if not 1 <= count <= MOST_NEVER:
        said = f"name 1 to {MOST_NEVER} people by `keys` or `emails`; longer lists are for `suppressed`"
        faults.append((path, said))
    return faults


def _suppressed_told(spec: Spec) -> str:
    if "list" in spec:
        count = spec["count"]
        keys = f"{count:,} pasted key{'' if count == 1 else 's'}"
    else:
        keys = f"the keys in {spec['model_column']} of {spec['model']}"
    return f"Hold back rows whose {look_of(spec).name} is among {keys}."


def _never_told(spec: Spec) -> str:
    people = [*spec.get("keys", []), *spec.get("emails", [])]
    count = len(people)
    return f"Never send {'this person' if count == 1 else f'these {count} people'}: {listed(people, most=5)}."


def _keep_told(spec: Spec) -> str:
    which = "greatest" if spec.get("descending") else "smallest"
    return f"Of several rows for one record, send the one with the {which} {spec[COLUMN]}."


def _one(spec: Spec) -> list[Look]:
    return [look_of(spec)]


def _name(spec: Spec) -> str:
    return look_of(spec).name


_CONDITIONS_REMEDY = "If it should be sent, whoever edits the sync must change the guard's conditions."
_DOMAIN_REMEDY = "If this one is meant, whoever edits the sync must allow its domain, or change the guard."

KINDS: dict[str, Kind] = {
    "send_only": Kind(
        lambda spec: f"Only rows where {conditions_told(spec)}",
        condition_faults,
        looks_of,
        lambda spec: f"Send only rows where {conditions_told(spec)}.",
        lambda spec: "the row is not one of those that the sync sends",
        _CONDITIONS_REMEDY,
        "editor",
    ),
    "hold_back": Kind(
        lambda spec: f"Rows where {conditions_told(spec)}",
        condition_faults,
        looks_of,
        lambda spec: f"Hold back rows where {conditions_told(spec)}.",
        lambda spec: "the row is one of those that the sync leaves out",
        _CONDITIONS_REMEDY,
        "editor",
    ),
    "email_syntax": Kind(
        lambda spec: f"No e-mail address in {_name(spec)}",
        _one_look,
        _one,
        lambda spec: f"Hold back rows whose {_name(spec)} is not an e-mail address.",
        lambda spec: f"{_name(spec)} is not an e-mail address",
        "Whoever owns the source's data must correct it; the next run then sends the row.",
        "data",
    ),
    "personal_emails": Kind(
        lambda spec: "Personal e-mail addresses",
        _one_look,
        _one,
        lambda spec: f"Hold back personal e-mail addresses in {_name(spec)}.",
        lambda spec: f"{_name(spec)} is an address at a mail service where anybody may have one",
        _DOMAIN_REMEDY,
        "editor",
    ),
    "disposable_emails": Kind(
        lambda spec: "Disposable e-mail addresses",
        _one_look,
        _one,
        lambda spec: f"Hold back disposable e-mail addresses in {_name(spec)}.",
        lambda spec: f"{_name(spec)} is an address of a service that hands them out for a day",
        _DOMAIN_REMEDY,
        "editor",
    ),
    "blocked_domains": Kind(
        lambda spec: "Blocked domains",
        _one_look,
        _one,
        lambda spec: f"Hold back the domains that the team or the installation blocks, in {_name(spec)}.",
        lambda spec: f"the domain of {_name(spec)} is blocked",
        "If it is meant, an editor must take the domain off the team's list, or whoever hosts Syncadmin off "
        "the installation's.",
        "editor",
    ),
    "suppressed": Kind(
        lambda spec: "Suppression list",
        _suppressed_faults,
        _one,
        _suppressed_told,
        lambda spec: f"{_name(spec)} is on the suppression list",
        "Nobody needs to act. To send the row all the same, an editor must take its key off the list.",
        "nobody",
    ),
    "new_domains": Kind(
        lambda spec: "Flood from a new domain",
        _new_domains_faults,
        _one,
        lambda spec: (
            f"Hold back a domain in {_name(spec)} that was never sent before, once a run has more than "
            f"{spec['most']:,} new records of it."
        ),
        lambda spec: (
            f"this run has more than {spec['most']:,} new records of this domain, and none was ever sent"
        ),
        "Whoever edits the sync must look whether these people are meant, and then allow the domain, or "
        "raise the number.",
        "editor",
        once=True,
    ),
    "keep_first": Kind(
        lambda spec: "Several rows for one record",
        _keep_first_faults,
        _one,
        _keep_told,
        lambda spec: f"another row for the same record comes first by {_name(spec)}",
        "Nobody needs to act.",
        "nobody",
        once=True,
    ),
    "never_send": Kind(
        lambda spec: "Never to be sent",
        _never_faults,
        lambda spec: [],
        _never_told,
        lambda spec: "somebody said that this person must never be sent",
        "Nobody needs to act. To send the row all the same, an editor must take it off the list.",
        "nobody",
        once=True,
    ),
}


def texts_in(tree: JSON) -> Iterator[str]:
    """The texts that guards hold, whoever is named in them: without blanks around, in lower case."""
    if isinstance(tree, dict | list):
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from texts_in(one)
    elif isinstance(tree, str):
        yield tree.strip().casefold()
