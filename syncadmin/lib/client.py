"""Where a request came from."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The IP address of whoever asks; None where it is not known (a Unix socket).

    With TRUST_PROXY it is what the proxy next to us wrote last into X-Forwarded-For: whatever stands before
    it was written by somebody else, and may be made up. Without, nobody's word for it counts.
    """
    told = str(request.META.get("REMOTE_ADDR", ""))
    if settings.TRUST_PROXY and (forwarded := request.headers.get("X-Forwarded-For", "")):
        told = forwarded.rpartition(",")[2]
    return _plain(told.strip())


def _plain(told: str) -> str | None:
    """The address without a port, brackets or zone; None for what is no address."""
    if told.startswith("["):
        told = told[1:].partition("]")[0]
    elif told.count(":") == 1:
        told = told.partition(":")[0]
    try:
        return str(ipaddress.ip_address(told.partition("%")[0]))
    except ValueError:
        return None


_asking: ContextVar[HttpRequest | None] = ContextVar("asking", default=None)


@contextmanager
def asking(request: HttpRequest) -> Iterator[None]:
    """Within it `now_asking` is this request: for what is written down far from it."""
    token = _asking.set(request)
    try:
        yield
    finally:
        _asking.reset(token)


def now_asking() -> HttpRequest | None:
    """The request that this is done for; None in a command and in a worker."""
    return _asking.get()


def address_here() -> str | None:
    """Where whoever asks now comes from."""
    request = now_asking()
    return None if request is None else address_of(request)
