"""One guard as its page has it: what was typed, right or wrong, and the guard that it says. Pure.

What the form of each kind holds beside the guard's name: see `KINDS` of `engine/guard_kinds.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncs.engine import addresses, guard_keys
from syncs.engine.guard_columns import COLUMN, FIELD
from syncs.engine.guard_kinds import LONGEST_NAME, content_of, guard_faults, kind_of
from syncs.forms.guard_conditions import (
    Groups,
    TypedCondition,
    groups_of,
    put_faults,
    read_groups,
    spec_of_look,
    tree_of,
)
from syncs.forms.sync_words import sentence

CONDITIONAL = ("send_only", "hold_back")
KEEP, ADD, TAKE, REPLACE, MODEL = "keep", "add", "take", "replace", "model"
_LONGEST_PASTED = 3_000_000
# Not “keys”: a template that asks a dictionary for them gets all of its keys.
PARTS = (
    "name", "match", "look", "most", "direction", "source", "pasted", "model", "model_column", "emails",
    "row_keys",
)  # fmt: skip

# What each kind is called where one is chosen, what it is for, and whether it has a look of its own.
CHOICES = {
    "send_only": (
        "Send only some rows",
        "Rows that meet your conditions are sent, the others are held back.",
    ),
    "hold_back": ("Leave some rows out", "Rows that meet your conditions are held back."),
    "personal_emails": (
        "No personal e-mail addresses",
        "Gmail, Outlook, GMX and the like: the domain says nothing of a company.",
    ),
    "disposable_emails": (
        "No disposable e-mail addresses",
        "Mailinator and the like: addresses for an hour or a day.",
    ),
    "blocked_domains": (
        "No blocked domains",
        "Those on your team's list, such as your own company and competitors.",
    ),
    "email_syntax": (
        "No broken e-mail addresses",
        "A column that is to hold an address and holds something else. Empty ones pass.",
    ),
    "suppressed": (
        "A suppression list",
        "People who asked not to be contacted: keys that you paste, or a model that has them.",
    ),
    "new_domains": (
        "No floods from a new domain",
        "Many new people at once, of a domain that was never sent before: often a mistake or spam.",
    ),
    "keep_first": (
        "One of several rows for a record",
        "Where rows share the key at the destination, one is kept by an order; otherwise all need attention.",
    ),
    "never_send": (
        "People who must never be sent",
        "Up to a hundred people by name. They are held back whatever else you change, and every save checks "
        "that your other guards hold them back too.",
    ),
}


@dataclass(slots=True)
class GuardForm:
    """What stands in the form. `errors` are by the part of the form; those of "" belong to none."""

    kind: str
    values: dict[str, str] = field(default_factory=dict)
    groups: Groups = field(default_factory=list)
    kept_list: str = ""
    kept_count: int = 0
    excused: tuple[str, ...] = ()
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return CHOICES[self.kind][0]

    @property
    def help(self) -> str:
        return CHOICES[self.kind][1]

    @property
    def is_conditional(self) -> bool:
        return self.kind in CONDITIONAL

    @property
    def has_look(self) -> bool:
        return not self.is_conditional and self.kind != "never_send"

    @property
    def told_errors(self) -> list[tuple[str, list[str]]]:
        """The errors by part."""
        return list(self.errors.items())

    def wrong(self, part: str, message: str) -> None:
        self.errors.setdefault(part, []).append(message)

    @property
    def is_wrong(self) -> bool:
        return bool(self.errors) or any(one.errors for group in self.groups for one in group)


def blank_form(kind: str, look: str) -> GuardForm:
    """A new guard's form; `look` is what is probably meant."""
    values = dict.fromkeys(PARTS, "")
    values |= {"match": "all", "look": look, "most": "20", "direction": "descending", "source": REPLACE}
    groups = [[TypedCondition()]] if kind in CONDITIONAL else []
    return GuardForm(kind, values, groups)


def form_of(guard: Mapping[str, Any]) -> GuardForm:
    """A stored guard as its form has it."""
    kind, content = kind_of(guard), content_of(guard)
    form = blank_form(kind, "")
    form.values["name"] = guard.get("name", "")
    if kind in CONDITIONAL:
        form.values["match"], form.groups = groups_of(content)
        return form
    if kind == "never_send":
        form.values["emails"] = "\n".join(content.get("emails", ()))
        form.values["row_keys"] = "\n".join(content.get("keys", ()))
        form.excused = tuple(content.get("by_list_alone", ()))
        return form
    form.values["look"] = f"{COLUMN}:{content[COLUMN]}" if COLUMN in content else f"{FIELD}:{content[FIELD]}"
    form.values["most"] = str(content.get("most", form.values["most"]))
    form.values["direction"] = "descending" if content.get("descending") else "ascending"
    if kind == "suppressed":
        form.kept_list, form.kept_count = content.get("list", ""), content.get("count", 0)
        form.values |= {"source": KEEP if form.kept_list else MODEL, "model": content.get("model", "")}
        form.values["model_column"] = content.get("model_column", "")
    return form


def read_form(kind: str, data: Mapping[str, str], stored: Mapping[str, Any] | None) -> GuardForm:
    """What was typed. `stored` is the guard that is changed, None for a new one."""
    before = form_of(stored) if stored is not None else GuardForm(kind)
    values = {part: data.get(part, "")[:_LONGEST_PASTED] for part in PARTS}
    values["match"] = "any" if values["match"] == "any" else "all"
    return GuardForm(kind, values, read_groups(data), before.kept_list, before.kept_count, before.excused)


def guard_of(form: GuardForm, kept: bytes | None) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The guard that the form says, and its pasted keys by name; what is wrong is put at the form.

    `kept` are the keys that are stored already, of a list that is added to or taken from.
    """
    lists: dict[str, bytes] = {}
    content = _content(form, kept, lists)
    name = form.values.get("name", "").strip()
    if len(name) > LONGEST_NAME:
        form.wrong("name", f"A name has at most {LONGEST_NAME} signs.")
    guard: dict[str, Any] = {"name": name[:LONGEST_NAME]} if name else {}
    guard[form.kind] = content
    if not form.errors:
        _put(form, guard)
    return guard, lists


def _content(form: GuardForm, kept: bytes | None, lists: dict[str, bytes]) -> dict[str, Any]:
    values = form.values
    if form.is_conditional:
        return tree_of(values["match"], form.groups)
    if form.kind == "never_send":
        emails = _lines(values["emails"])
        found: dict[str, Any] = {"emails": emails, "keys": _lines(values["row_keys"])}
        still = [one for one in form.excused if one in {*emails, *found["keys"]}]
        return {key: told for key, told in (found | {"by_list_alone": still}).items() if told}
    content: dict[str, Any] = dict(spec_of_look(values["look"]))
    if not content:
        form.wrong("look", "Choose what the guard looks at.")
    if form.kind == "new_domains":
        content["most"] = int(values["most"]) if values["most"].strip().isdecimal() else values["most"]
    elif form.kind == "keep_first":
        content |= {"descending": True} if values["direction"] != "ascending" else {}
    elif form.kind == "suppressed" and values["source"] == MODEL:
        content |= {"model": values["model"], "model_column": values["model_column"].strip()}
        if not values["model"]:
            form.wrong("model", "Choose the model that has the keys.")
        if not values["model_column"].strip():
            form.wrong("model_column", "Type the name of the model's column with the keys.")
    elif form.kind == "suppressed":
        content |= _pasted(form, kept, lists)
    return content


def _pasted(form: GuardForm, kept: bytes | None, lists: dict[str, bytes]) -> dict[str, Any]:
    how, before = form.values["source"], guard_keys.unpacked(kept or b"")
    if how == KEEP and form.kept_list:
        return {"list": form.kept_list, "count": form.kept_count}
    pasted = guard_keys.digests(form.values["pasted"].splitlines())
    if not pasted:
        form.wrong("pasted", "Paste at least one key, one to a line.")
    found = before | pasted if how == ADD else before - pasted if how == TAKE else pasted
    if pasted and not found:
        form.wrong("pasted", "No key would be left. Remove the guard instead.")
    if len(found) > guard_keys.MOST_PASTED:
        most = f"{guard_keys.MOST_PASTED:,}"
        form.wrong(
            "pasted", f"These are {len(found):,} keys; a list has at most {most}. Use a model for more."
        )
    stored = guard_keys.packed(found)
    name = guard_keys.name_of(stored)
    lists[name] = stored
    return {"list": name, "count": len(found)}


def _put(form: GuardForm, guard: Mapping[str, Any]) -> None:
    """Put what the checks say at the parts of the form."""
    faults = [(path[2:], message) for path, message in guard_faults([dict(guard)])]
    if form.is_conditional:
        whole = [message for path, message in faults if len(path) < 2]
        if whole and not any(not one.is_blank for group in form.groups for one in group):
            form.wrong("", "Say at least one condition.")
            return
        rest = put_faults(form.values["match"], form.groups, faults)
        for group in form.groups:
            for one in group:
                one.errors = [sentence(message) for message in one.errors]
        for message in rest:
            form.wrong("", sentence(message))
        return
    parts = {COLUMN: "look", FIELD: "look", "keys": "row_keys"}
    for path, message in faults:
        part = parts.get(path[0], path[0]) if path else ""
        form.wrong(part if part in PARTS else "", sentence(message))


def put_look_fault(form: GuardForm, messages: Iterable[str]) -> None:
    """What a guard looks at is not there."""
    for message in messages:
        form.wrong("look" if form.has_look else "", sentence(message))


def _lines(text: str) -> list[str]:
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def likely_look(fields: Sequence[tuple[str, str, str]], columns: Sequence[str], kind: str) -> str:
    """What a new guard of the kind probably looks at: a field of e-mail addresses; or a time of change."""
    if kind == "keep_first":
        words = ("updated", "modified", "created")
        near = (name for word in words for name in columns if word in name.lower())
        return next((f"{COLUMN}:{name}" for name in near), "")
    if kind == "email_syntax":
        return next((f"{COLUMN}:{name}" for name in columns if "mail" in name.lower()), "")
    return next((f"{FIELD}:{key}" for key, held, _ in fields if held == "email"), "")


def tidied_domain(text: str) -> str | None:
    """A domain as lists keep it, from a domain or an e-mail address."""
    text = text.strip()
    return addresses.domain(text.rpartition("@")[2]) if text else None
