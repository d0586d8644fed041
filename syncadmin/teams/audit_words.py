"""An entry of the audit log as people read it; times in the reader's zone."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime

from syncadmin.teams.audit import Action
from syncadmin.teams.models import AuditEntry

_WORDS: dict[str, str] = dict(Action.choices)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_GROUPS = {
    "signin": "Signing in",
    "sso": "Single sign-on",
    "team": "The team",
    "member": "Members",
    "invitation": "Invitations",
    "connection": "Connections",
    "source": "Sources",
    "model": "Models",
    "sync": "Syncs",
    "schedule": "Schedules",
    "guard": "Guards",
    "api_token": "API tokens",
    "run": "Runs",
    "personal_data": "Personal data",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between before and after; a text is empty where there was nothing."""

    name: str
    before: str
    after: str


def action(code: str) -> str:
    """What was done; the code itself where a later version of the program wrote it."""
    return str(_WORDS.get(code, code))


def choices() -> list[tuple[str, Any]]:
    """The actions that a team's log may hold, by what they are about, as a select shows them."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for code, words in Action.choices:
        begin = code.partition(".")[0]
        if begin != "installation":
            groups.setdefault(_GROUPS.get(begin, "More"), []).append((code, str(words)))
    return [("", "Anything"), *groups.items()]


def changes(entry: AuditEntry) -> list[Change]:
    """What differs between before and after; with only one of them, all of it that says something."""
    found = (Change(name, _text(was), _text(now)) for name, was, now in _pairs(entry.before, entry.after))
    return [change for change in found if change.before or change.after]


def _pairs(before: Any, after: Any, within: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What differs, by name; objects within objects as names with dots, where they are on both sides."""
    if isinstance(before or {}, Mapping) and isinstance(after or {}, Mapping) and (before or after):
        before, after = before or {}, after or {}
        for name in {**before, **after}:
            inner = f"{within}.{name}" if within else _plain(str(name))
            yield from _pairs(before.get(name), after.get(name), inner)
    elif before != after and within:
        yield within, before, after


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(map(str, value))
    if isinstance(value, list) and all(isinstance(one, list) and len(one) == 2 for one in value):
        return ", ".join(f"{_text(name)} = {_text(what)}" for name, what in value)
    if isinstance(value, str) and _TIME.fullmatch(value):
        return date_format(localtime(datetime.fromisoformat(value)), "j M Y, H:i e")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
