"""Mail services by their domains: those where anybody may have an address, and those for an hour or a day.

The lists are ours, in `mail_lists/`: one domain a line, lower case, international names as Punycode. The
first line says of when they are. Pure: they are read once, when this module is.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

_FOLDER = Path(__file__).parent / "mail_lists"
_DATED = "# As of "


@dataclass(frozen=True, slots=True)
class Shipped:
    """A list that comes with Syncadmin, and of when it is."""

    domains: frozenset[str]
    as_of: date


def _read(name: str) -> Shipped:
    first, *lines = (_FOLDER / f"{name}.txt").read_text(encoding="ascii").splitlines()
    domains = frozenset(line for line in lines if line and not line.startswith("#"))
    return Shipped(domains, date.fromisoformat(first.removeprefix(_DATED)))


PERSONAL = _read("personal")
DISPOSABLE = _read("disposable")


@dataclass(frozen=True, slots=True)
class OwnLists:
    """What an installation or a team says of domains, subdomains included. Blocked wins over allowed."""

    allowed: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()

    def joined(self, other: "OwnLists") -> "OwnLists":
        return OwnLists(self.allowed | other.allowed, self.blocked | other.blocked)


def is_among(domain: str, domains: frozenset[str]) -> bool:
    """Whether the domain, or one that it is a part of, is among these: `a.b.com` is where `b.com` is."""
    while domain:
        if domain in domains:
            return True
        domain = domain.partition(".")[2]
    return False


def is_personal(domain: str, own: OwnLists) -> bool:
    """Whether anybody may have an address there. Subdomains are not looked at: they may be a company's."""
    return domain in PERSONAL.domains and not is_among(domain, own.allowed)


def is_disposable(domain: str, own: OwnLists) -> bool:
    return is_among(domain, DISPOSABLE.domains) and not is_among(domain, own.allowed)


def is_blocked(domain: str, own: OwnLists) -> bool:
    return is_among(domain, own.blocked)
