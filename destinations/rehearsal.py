"""What an adapter would send, by its own code, with nothing sent: each request ends before it leaves.

Nothing of a connection's secrets is read: what stands for them is hidden as in any record of a request.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import BaseAdapter

from destinations.connect import adapter_of
from destinations.contract import Adapter
from destinations.errors import DestinationError
from destinations.http import HttpClient, Sent
from destinations.models import Connection

STANDS_FOR = "the-key-of-the-connection"


class NotSent(requests.ConnectionError):
    """The request ended here, as it was meant to."""


class _Nowhere(BaseAdapter):
    """A transport that keeps every request from leaving."""

    def send(self, *_: Any, **__: Any) -> requests.Response:
        raise NotSent("Nothing is sent in a rehearsal.")

    def close(self) -> None:
        """There is nothing to close."""


def rehearse(connection: Connection, ask: Callable[[Adapter], object]) -> list[Sent]:
    """The requests that the adapter makes of what is asked, up to the first whose answer it needs."""
    kind = adapter_of(connection)
    with requests.Session() as nowhere:
        nowhere.trust_env = False
        for scheme in ("https://", "http://"):
            nowhere.mount(scheme, _Nowhere())
        client = HttpClient(
            kind,
            base_url=connection.options.get("base_url") or kind.base_url,
            headers=_headers(kind, connection),
            secrets=[STANDS_FOR],
            timeout=1.0,
            session=nowhere,
        )
        with suppress(DestinationError):  # there is no answer: the request alone was wanted
            ask(kind(client, connection.options))
        return client.exchanges


def _headers(kind: type[Adapter], connection: Connection) -> dict[str, str]:
    way = kind.api_key()
    if connection.sign_in == Connection.SignIn.OAUTH or way is None:
        return {"Authorization": f"Bearer {STANDS_FOR}"}
    return way.headers({way.field: STANDS_FOR})
