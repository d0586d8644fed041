"""How often somebody may try what only those should try often who guess.

| what                                      | counted by               | by whom     |
|-------------------------------------------|--------------------------|-------------|
| a wrong password for one e-mail address   | the address and the name | django-axes |
| wrong passwords for whatever names        | the address              | here        |
| a link to set a new password              | the e-mail address       | here        |
| links for whatever e-mail addresses       | the address              | here        |
| invitations by e-mail, of whichever team  | the e-mail address       | here        |
| a wrong token of a program                | the address              | here        |

Nothing is counted by a name alone that would keep its owner out: who guesses elsewhere locks nobody out.
Private addresses are not counted by themselves: a proxy that is not trusted to tell may stand for everybody.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Any
from unicodedata import normalize

from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.db.models import F, Max, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from syncadmin.lib.client import address_of
from syncadmin.teams.models import Throttle

KEPT = timedelta(days=1)


class Kind(StrEnum):
    SIGN_IN = "sign_in"
    RESET = "reset"
    RESET_FROM = "reset_from"
    INVITATION = "invitation"
    TOKEN = "token"  # noqa: S105 - the word, not a secret


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in so long a time."""

    most: int
    within: timedelta


LIMITS = {
    Kind.SIGN_IN: Limit(50, timedelta(minutes=15)),
    Kind.RESET: Limit(5, timedelta(hours=1)),
    Kind.RESET_FROM: Limit(20, timedelta(hours=1)),
    Kind.INVITATION: Limit(5, timedelta(days=1)),
    Kind.TOKEN: Limit(30, timedelta(minutes=15)),
}


def take(kind: Kind, who: str, *, now: datetime | None = None) -> datetime | None:
    """Count a try. None: it may be made; else the time until which no more may."""
    now, limit, name = now or timezone.now(), LIMITS[kind], _digest(kind, who)
    tries = Throttle.objects.filter(kind=kind, who=name)
    fresh = tries.filter(started_at__gt=now - limit.within)
    while True:
        if fresh.filter(count__lt=limit.most).update(count=F("count") + 1):
            return None
        if tries.filter(started_at__lte=now - limit.within).update(started_at=now, count=1):
            return None
        if (found := fresh.first()) is not None:
            return found.started_at + limit.within
        made = Throttle(kind=kind, who=name, started_at=now, count=1)
        if Throttle.objects.bulk_create([made], ignore_conflicts=True) and fresh.filter(count=1).exists():
            return None


def until(kind: Kind, who: str, *, now: datetime | None = None) -> datetime | None:
    """The time until which no try may be made; None where one may. Counts nothing."""
    now, limit = now or timezone.now(), LIMITS[kind]
    over = Throttle.objects.filter(kind=kind, who=_digest(kind, who), count__gte=limit.most)
    found = over.filter(started_at__gt=now - limit.within).first()
    return found.started_at + limit.within if found else None


def public_place(request: HttpRequest) -> str | None:
    """Where the request comes from, as `place_of`; None for private addresses."""
    found = address_of(request)
    return place_of(request) if found and ip_address(found).is_global else None


def place_of(request: HttpRequest) -> str | None:
    """Where the request comes from: an address. One of version 6 stands for its network of 64 bits, as
    whoever has one of these has them all.
    """
    found = address_of(request)
    if found is None or ip_address(found).version == 4:
        return found
    return str(ip_network(f"{found}/64", strict=False).network_address)


def minutes_until(time: datetime, *, now: datetime | None = None) -> str:
    """How long it is until then, for people."""
    minutes = max(1, math.ceil((time - (now or timezone.now())).total_seconds() / 60))
    return "a minute" if minutes == 1 else f"{minutes} minutes"


# Wrong passwords for one e-mail address: django-axes, with these answers to its questions


def name_of(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Whose password is tried. A digest: people type passwords into the wrong field."""
    typed = (credentials or {}).get("username") or request.POST.get("username", "")
    return name_for(str(typed))


def name_for(email: str) -> str:
    """The same for each way to write it that signs the same person in."""
    return _digest(Kind.SIGN_IN, normalize("NFKC", email).strip().lower())


def locked_until(request: HttpRequest, email: str) -> datetime | None:
    """The time until which this e-mail address cannot sign in from here."""
    tried = AccessAttempt.objects.filter(username=name_for(email), ip_address=place_of(request))
    last = tried.aggregate(last=Max("attempt_time"))["last"]
    return last + settings.AXES_COOLOFF_TIME if last else None


def unlock(email: str) -> int:
    """Forget the wrong passwords that were tried for an e-mail address; tells from how many places."""
    return int(reset(username=name_for(email)))


def old(now: datetime) -> list[QuerySet[Any]]:
    """What is not needed any more."""
    return [
        Throttle.objects.filter(started_at__lt=now - KEPT),
        AccessAttempt.objects.filter(attempt_time__lt=now - KEPT),
    ]


def _digest(kind: Kind, who: str) -> str:
    return salted_hmac(f"throttle.{kind}", who, algorithm="sha256").hexdigest()
