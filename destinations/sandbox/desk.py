"""What can be seen and done at a service from outside it: what the control page and its JSON show.

`Desk` has what every service has: switches, keys, the clock. A service's desk adds its records (`Listing`),
its actions, and parts of the page.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from destinations.sandbox.clock import iso
from destinations.sandbox.service import Service

ALL_ROWS = 1_000_000
CLOCK_LIMIT = 400 * 86400

Form: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Listing:
    """Records of one kind. `rows` takes the text searched for (or an empty one) and how many at most.

    `key` names them in the counts and in `<key>.json`; `search` is the name of the text that they can be
    searched by, empty where they cannot.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: Callable[[str, int], Rows]
    search: str = ""
    search_label: str = ""


class Desk:
    """The desk of one service. `clear_label` says what the button forgets."""

    clear_label = "Forget all records"

    def __init__(self, service: Service) -> None:
        self.service = service
        self.actions: dict[str, Callable[[Form], None]] = {
            "switches": self._set_switches,
            "reset": self._reset,
            "keys": self._save_key,
            "keys/remove": self._remove_key,
            "clear": self._clear,
            "clock": self._advance_clock,
            "refuse": self._refuse,
        }

    def do(self, action: str, form: Form) -> None:
        """Do one of the actions. ValueError says what is wrong with the form."""
        if action not in self.actions:
            raise ValueError(f"There is no action named {action}.")
        self.actions[action](form)

    def state(self) -> dict[str, Any]:
        """All that the page shows, but the records."""
        service = self.service
        return {
            "service": service.key,
            "url": service.url,
            "clock": iso(service.clock.now()),
            "counts": service.state.counts(),
            "in_flight": service.limits.in_flight,
            "peak_in_flight": service.limits.peak,
            "switches": service.faults.values(),
            "keys": [{"key": key, "scopes": sorted(scopes)} for key, scopes in service.state.keys().items()],
            **self.more(),
        }

    # What a service's desk adds

    def more(self) -> dict[str, Any]:
        """What the service has to tell beside that."""
        return {}

    def facts(self) -> Mapping[str, object]:
        """What stands at the top of the page beside the counts, by its name."""
        return {}

    def parts(self) -> Iterable[tuple[str, str, str]]:
        """Parts of the page between keys and records: anchor, title, HTML."""
        return ()

    def listings(self) -> tuple[Listing, ...]:
        """The kinds of records that there are."""
        return ()

    def requests(self, limit: int) -> list[dict[str, Any]]:
        """The latest requests, newest first, without their bodies."""
        return [
            {
                "at": iso(each.at),
                "method": each.method,
                "path": each.path,
                "status": each.status,
                "fault": each.fault,
            }
            for each in self.service.requests.copy()
        ][: -limit - 1 : -1]

    # What can be done everywhere

    def _set_switches(self, form: Form) -> None:
        """Set switches by name. `shown` names the flags of the form: those without a value are off."""
        changes = {key: value for key, value in form.items() if key != "shown"}
        unticked = dict.fromkeys(str(form.get("shown", "")).split(), False)
        self.service.faults.set(**(unticked | changes))

    def _reset(self, form: Form) -> None:
        self.service.faults.reset()
        self.service.limits.forget()

    def _save_key(self, form: Form) -> None:
        key = text(form, "key")
        if any(c.isspace() for c in key):
            raise ValueError("A key has no blanks.")
        self.service.state.save_key(key, scopes_of(form, self.service.scopes))
        self.service.keys_changed()

    def _remove_key(self, form: Form) -> None:
        self.service.state.remove_key(text(form, "key"))
        self.service.keys_changed()

    def _clear(self, form: Form) -> None:
        self.service.forget_records()

    def _advance_clock(self, form: Form) -> None:
        self.service.clock.advance(seconds_of(form, most=CLOCK_LIMIT))

    def _refuse(self, form: Form) -> None:
        """Refuse all connections for some seconds, the control page's too."""
        seconds = seconds_of(form, most=3600)
        if self.service.server is not None:
            self.service.server.refuse(seconds)


def read_form(body: bytes) -> dict[str, Any]:
    """The fields of a posted form; `scopes` may come several times."""
    values = parse_qs(body.decode(), keep_blank_values=True)
    return {name: found if name == "scopes" else found[-1] for name, found in values.items()}


def text(form: Form, name: str) -> str:
    """A text that must be there."""
    value = form.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is missing.")
    return value.strip()


def scopes_of(form: Form, known: Iterable[str]) -> list[str]:
    """The scopes of a form: a list, or a text with blanks."""
    scopes = form.get("scopes", [])
    scopes = scopes.split() if isinstance(scopes, str) else scopes
    if not isinstance(scopes, list) or not set(scopes) <= set(known):
        raise ValueError(f"scopes must be some of {', '.join(known)}.")
    return scopes


def seconds_of(form: Form, *, most: float) -> float:
    """More than 0 and at most so many seconds."""
    try:
        seconds = float(form.get("seconds", ""))
    except (TypeError, ValueError):
        raise ValueError("seconds must be a number.") from None
    if not 0 < seconds <= most:
        raise ValueError(f"seconds must be more than 0 and at most {most}.")
    return seconds
