"""The one way to a destination: session, time-outs, budget, errors, and a redacted record of each exchange.

A client is light and made per call; the session is shared by all threads. Redirects are not followed,
cookies are not kept, nothing is tried twice: that is the engine's to decide, by the errors in
`failures.py`. Knows no Django.
"""

import json
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlencode, urlsplit

import orjson
import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from destinations import failures
from destinations.contract import JSON, Adapter, Reply
from destinations.errors import AuthExpired, ContractBroken, DestinationError, RateLimited
from destinations.gate import Gate
from syncadmin.lib import outgoing
from syncadmin.lib.redact import Redactor

KEPT_BYTES = 1_000_000  # of a body, before compression
CONNECT_SECONDS = 15.0
PATIENCE = 15.0  # seconds that a call waits for the budget once its first request went
QUOTED_BYTES = 65_536  # of an error that is no JSON
AGENT = "Syncadmin"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request and its answer, without secrets. Bodies are compressed and cut at KEPT_BYTES.

    `status` is None where no answer came; `error` is what the caller was told.
    """

    call: str
    method: str
    url: str
    status: int | None
    error: str
    request_headers: Mapping[str, str]
    reply_headers: Mapping[str, str]
    request_body: bytes
    reply_body: bytes
    started_at: datetime
    milliseconds: int


class HttpClient:
    """Implements `contract.Client` for one call. Not for two threads at once.

    `exchanges` holds what was sent, in order. `gate` is asked before each request and told what the
    service says about its limits; without one nothing is counted.
    """

    def __init__(
        self,
        adapter: type[Adapter],
        *,
        base_url: str,
        headers: Mapping[str, str],
        timeout: float,
        secrets: Iterable[str] = (),
        session: requests.Session | None = None,
        networks: outgoing.Networks = (),
        proxies: Mapping[str, str] | None = None,
        ca_bundle: str = "",
        gate: Gate | None = None,
        call_id: str = "",
        version: int = 0,
    ) -> None:
        """`secrets` are removed from the records. Without a session each request makes its own, which may
        connect to `networks` beside public addresses.

        `version` is that of the token in `headers`, where it is one of several in turn.
        """
        self.exchanges: list[Sent] = []
        self.version = version
        self._adapter = adapter
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._timeout = timeout
        self._redactor = Redactor(secrets)
        self._session, self._networks = session, networks
        self._proxies = dict(proxies or {})
        self._verify: bool | str = ca_bundle or True
        self._gate = gate
        self._call_id = call_id
        proxy = next(iter(self._proxies.values()), "")
        self._place = failures.Place(adapter.label, _host(self._base_url), _host(proxy), timeout)

    def for_call(self, call_id: str) -> Self:
        """The same client for another call, with records of its own."""
        other = copy(self)
        other.exchanges, other._call_id = [], call_id
        return other

    def get(self, path: str, *, params: Sequence[tuple[str, str]] = (), read: Sequence[int] = ()) -> Reply:
        return self._request("GET", f"{path}?{urlencode(params)}" if params else path, b"", read)

    def post(self, path: str, body: JSON, *, read: Sequence[int] = ()) -> Reply:
        return self._request("POST", path, _written(body, self._adapter.label), read)

    def put(self, path: str, body: JSON, *, read: Sequence[int] = ()) -> Reply:
        return self._request("PUT", path, _written(body, self._adapter.label), read)

    def delete(self, path: str, *, read: Sequence[int] = ()) -> Reply:
        return self._request("DELETE", path, b"", read)

    def _request(self, method: str, path: str, body: bytes, read: Sequence[int]) -> Reply:
        headers = self._all_headers(has_body=bool(body))
        left_at = 0.0
        if self._gate is not None:
            left_at = self._gate.take(PATIENCE if self.exchanges else 0.0)
        exchange = _Exchange(method, self._base_url + path, headers, body)
        started_at, began = datetime.now(UTC), time.perf_counter()
        try:
            reply = self._answer(exchange, path, read, left_at)
        except DestinationError as error:
            # A service may quote the key that it refuses, or what no database could hold.
            said = self._redactor.text(error.message).replace("\0", "\\x00")
            exchange.error = error.message = said
            error.args = (error.message,)
            if isinstance(error, RateLimited) and self._gate is not None:
                error.retry_after = self._gate.own_pause(error)
                self._gate.refused(error.retry_after, sent_at=started_at.timestamp())
            raise
        finally:
            if self._gate is not None:
                self._gate.landed()
            milliseconds = int((time.perf_counter() - began) * 1000)
            self.exchanges.append(self._record(exchange, started_at, milliseconds))
        return reply

    def _answer(self, exchange: "_Exchange", path: str, read: Sequence[int], left_at: float) -> Reply:
        """The reply that the adapter wants to read. Raises what `failures.py` says for all else."""
        try:
            if self._session is not None:
                self._exchange(exchange, self._session)
            else:
                with outgoing.session(networks=self._networks) as own:
                    self._exchange(exchange, own)
        except (
            requests.RequestException,
            HTTPError,
            OSError,
            outgoing.Refused,
            outgoing.TooLarge,
        ) as error:
            # Half an answer with an error status has said enough, but to one who wants to read it.
            if exchange.status is None or exchange.status < 400 or exchange.status in read:
                raise failures.from_exception(error, self._place) from error
            exchange.reply_body = b""
        status, headers = exchange.status or 0, exchange.reply_headers
        now = time.time()
        if self._gate is not None:
            meter = self._adapter.meter(headers, now)
            if meter is not None:
                self._gate.observe(meter, left_at)
        if status < 300:
            return Reply(status, headers, self._read(exchange))
        told = _read_leniently(exchange.reply_body)
        if status >= 400 and status in read:
            return Reply(status, headers, told)
        raise failures.from_status(self._adapter, self._place, status, told, headers, path, now)

    def _exchange(self, exchange: "_Exchange", over: requests.Session) -> None:
        """Send, and read the answer within its limits of size and time."""
        request = requests.PreparedRequest()
        request.prepare(exchange.method, exchange.url, exchange.headers, data=exchange.body or None)
        # Straight to the transport: Session.send would read a redirect's body without any limit.
        response = over.get_adapter(exchange.url).send(
            request,
            stream=True,
            timeout=(min(CONNECT_SECONDS, self._timeout), self._timeout),
            verify=self._verify,
            proxies=self._proxies,
        )
        with response:
            exchange.status, exchange.reply_headers = response.status_code, response.headers
            exchange.reply_body = outgoing.read(response, seconds=self._timeout)

    def _read(self, exchange: "_Exchange") -> JSON:
        if not exchange.reply_body and exchange.status in (204, 205):
            return None
        try:
            return orjson.loads(exchange.reply_body)
        except orjson.JSONDecodeError:
            kind = exchange.reply_headers.get("Content-Type", "").partition(";")[0]
            what = f"is not JSON ({kind or 'of no type'})" if exchange.reply_body else "is empty"
            raise failures.garbled(self._place, what) from None

    def _all_headers(self, *, has_body: bool) -> dict[str, str]:
        for value in self._headers.values():
            if not (value.isascii() and value.isprintable()):
                raise AuthExpired(
                    f"The credentials for {self._place.service} hold a character that no key has (dots in "
                    "place of a hidden key, say). An admin must copy them again and paste them into the "
                    "connection."
                )
        usual = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": AGENT}
        if has_body:
            usual["Content-Type"] = "application/json"
        return usual | self._headers

    def _record(self, exchange: "_Exchange", started_at: datetime, milliseconds: int) -> Sent:
        return Sent(
            call=self._call_id,
            method=exchange.method,
            url=self._redactor.url(exchange.url),
            status=exchange.status,
            error=exchange.error,
            request_headers=self._redactor.headers(exchange.headers),
            reply_headers=self._redactor.headers(exchange.reply_headers),
            request_body=self._kept(exchange.body),
            reply_body=self._kept(exchange.reply_body),
            started_at=started_at,
            milliseconds=milliseconds,
        )

    def _kept(self, body: bytes) -> bytes:
        # Here, in the thread that talks: compression lets go of the interpreter's lock.
        return zlib.compress(self._redactor.body(body)[:KEPT_BYTES], 1) if body else b""


class _Exchange:
    """A request on its way, and what came back so far."""

    __slots__ = ("body", "error", "headers", "method", "reply_body", "reply_headers", "status", "url")

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method, self.url, self.headers, self.body = method, url, headers, body
        self.status: int | None = None
        self.reply_headers: Mapping[str, str] = CaseInsensitiveDict()
        self.reply_body = b""
        self.error = ""


def _written(body: JSON, service: str) -> bytes:
    """The body as JSON. orjson is strict where the data is odd: whole numbers of more than 64 bits, half
    of a surrogate pair. The standard library writes those.
    """
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        try:
            return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError) as error:
            raise ContractBroken(f"The adapter for {service} made a body that is not JSON: {error}") from None


def _read_leniently(body: bytes) -> JSON:
    """An error's body: JSON, else text, None where it is empty."""
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return body[:QUOTED_BYTES].decode(errors="replace")


def _host(url: str) -> str:
    """Host and port of an address, without the name and the password that a proxy's may have."""
    return urlsplit(url if "//" in url else f"//{url}").netloc.rpartition("@")[2]
