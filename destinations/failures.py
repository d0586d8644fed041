"""What went wrong on the wire, in the words of `errors.py`: by whom it must be put right, and how.

Errors before an answer:

| what                                | error, cause             | may be applied |
|-------------------------------------|--------------------------|----------------|
| an address not to connect to        | Misconfigured, connect   |     |
| the name cannot be resolved         | Temporary, dns           | no  |
| the proxy cannot be used            | Temporary, proxy         | no  |
| … it wants a password (407)         | Misconfigured, proxy     |     |
| no connection                       | Temporary, connect       | no  |
| no connection in time               | Temporary, timeout       | no  |
| a certificate that is not trusted   | Misconfigured, tls       |     |
| another fault of the secure channel | Temporary, tls           | no in the handshake, else yes |
| no answer in time                   | Temporary, timeout       | yes |
| dropped before the answer           | Temporary, dropped       | yes |
| cut off, too large, not JSON        | Temporary, garbled       | yes |

Statuses, where the adapter's own `refusal` does not decide:

| status            | error, cause                                              |
|-------------------|-----------------------------------------------------------|
| 3xx               | Misconfigured, not_found (redirects are not followed)     |
| 401               | AuthExpired                                               |
| 403               | Misconfigured, permission                                 |
| 404, 405          | Misconfigured, not_found                                  |
| 407               | Misconfigured, proxy                                      |
| 408               | Temporary, timeout                                        |
| 429               | RateLimited, budget; concurrency without Retry-After      |
| other 4xx         | Rejected                                                  |
| 5xx               | Temporary, server (503 with Retry-After too)              |
"""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from urllib.parse import urlsplit

import requests.exceptions as theirs
from urllib3 import exceptions as urllib3

from destinations.contract import JSON, Adapter
from destinations.errors import (
    AuthExpired,
    Cause,
    DestinationError,
    Misconfigured,
    RateLimited,
    Rejected,
    Temporary,
)
from syncadmin.lib.outgoing import Refused, TooLarge

OPERATOR = "Whoever runs this server must check"
AGAIN = "The call is made again by itself."
LONGEST_QUOTE = 300

# What OpenSSL says where the two sides could not agree, so that nothing was sent.
_HANDSHAKE = (
    "HANDSHAKE",
    "VERSION",
    "PROTOCOL",
    "CIPHER",
    "HTTP_REQUEST",
    "UNRECOGNIZED_NAME",
    "CERTIFICATE",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request went: for messages. `proxy` is the proxy's host, "" where there is none."""

    service: str
    host: str
    proxy: str = ""
    timeout: float = 0.0


def from_exception(error: Exception, place: Place) -> DestinationError:
    """The decision that a failure of requests, urllib3 or the socket asks for."""
    chain = tuple(_chain(error))

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    refused = next((link for link in chain if isinstance(link, Refused)), None)
    if refused is not None:
        return Misconfigured(f"No request was sent to {place.service}: {refused}", cause=Cause.CONNECT)
    untrusted = next((link for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    if untrusted is not None:
        return _untrusted(untrusted, place)
    if has(theirs.InvalidProxyURL, theirs.ProxyError, urllib3.ProxyError):
        return _proxy(chain, place)
    if has(theirs.InvalidURL, theirs.MissingSchema, theirs.InvalidSchema, urllib3.LocationParseError):
        return Misconfigured(
            f"The base URL of {place.service} is not a web address. Whoever set up the connection must "
            "correct it in the advanced settings.",
            cause=Cause.NOT_FOUND,
        )
    if has(urllib3.NameResolutionError):
        return Temporary(
            f"The name {place.host} cannot be resolved. {OPERATOR} its DNS and its way to the internet; "
            "whoever set up the connection, its base URL.",
            cause=Cause.DNS,
            may_be_applied=False,
        )
    if has(theirs.ConnectTimeout, urllib3.ConnectTimeoutError) and not has(urllib3.NewConnectionError):
        return Temporary(
            f"No connection to {place.host} could be made in time. {OPERATOR} that its firewall lets it "
            f"reach {place.host}.",
            cause=Cause.TIMEOUT,
            may_be_applied=False,
        )
    if has(urllib3.NewConnectionError):
        return Temporary(
            f"{place.host} does not take connections. If this goes on, {_lower(OPERATOR)} the way to it; "
            "whoever set up the connection, its base URL.",
            cause=Cause.CONNECT,
            may_be_applied=False,
        )
    if has(theirs.SSLError, urllib3.SSLError, ssl.SSLError):
        return _insecure(chain, place)
    if has(theirs.Timeout, urllib3.TimeoutError, TimeoutError):
        return Temporary(
            f"{place.host} did not answer within {place.timeout:g} seconds. Whether it took the request is "
            f"not known. {AGAIN}",
            cause=Cause.TIMEOUT,
        )
    if has(TooLarge):
        return Temporary(
            f"The answer of {place.host} is larger than anything that {place.service} is known to send. "
            f"{OPERATOR} what stands between it and {place.host}.",
            cause=Cause.GARBLED,
        )
    if has(IncompleteRead, theirs.ContentDecodingError, theirs.ChunkedEncodingError, urllib3.DecodeError):
        return garbled(place, "was cut off")
    if has(RemoteDisconnected, ConnectionError):
        return Temporary(
            f"{place.host} closed the connection before the whole answer was there. Whether it took the "
            f"request is not known. {AGAIN}",
            cause=Cause.DROPPED,
        )
    if has(HTTPException):
        return garbled(place, "is not HTTP")
    if has(OSError) and not has(theirs.RequestException, urllib3.HTTPError):
        # Raised by requests itself, before it connects.
        return Misconfigured(
            f"The file of trusted certificates cannot be read. {OPERATOR} REQUESTS_CA_BUNDLE.",
            cause=Cause.TLS,
        )
    return Temporary(
        f"The connection to {place.host} failed ({type(error).__name__}). {AGAIN}", cause=Cause.DROPPED
    )


def from_status(
    adapter: type[Adapter],
    place: Place,
    status: int,
    body: JSON,
    headers: Mapping[str, str],
    path: str,
    now: float,
) -> DestinationError:
    """The decision that an answer asks for that is no success. `now` is our clock, in Unix seconds."""
    if status >= 400:
        named = adapter.refusal(status, body, headers, path)
        if named is not None:
            return named
    service, said = place.service, quoted(body)
    says = f" {service} says: {said}" if said else ""
    match status:
        case 401:
            return AuthExpired(
                f"{service} does not accept the credentials (401). An admin must enter them again in the "
                f"connection.{says}"
            )
        case 403:
            return Misconfigured(
                f"{service} does not permit {path} (403). An admin of {service} must give the "
                f"connection's account the permission.{says}"
            )
        case 404 | 405:
            return Misconfigured(
                f"There is no {path} at {place.host} ({status}). Whoever set up the connection must check "
                f"its base URL.{says}",
                cause=Cause.NOT_FOUND,
            )
        case 407:
            return _wants_password(place)
        case 408:
            return Temporary(f"{service} waited too long for the request (408). {AGAIN}", cause=Cause.TIMEOUT)
        case 429:
            pause = retry_after(headers, now)
            if pause is None:
                return RateLimited(
                    f"Too many requests to {service} at once (429). {AGAIN}",
                    cause=Cause.CONCURRENCY,
                    retry_after=None,
                )
            return RateLimited(
                f"The limit of requests to {service} is used up (429). The call is made again in "
                f"{pause:.0f} seconds by itself.",
                cause=Cause.BUDGET,
                retry_after=pause,
            )
    if status >= 500:
        return Temporary(f"{service} has trouble of its own ({status}). {AGAIN}{says}", cause=Cause.SERVER)
    if status >= 400:
        return Rejected(f"{service} refused the request ({status}).{says}")
    return _redirected(place, status, headers)


def garbled(place: Place, what: str) -> Temporary:
    return Temporary(
        f"The answer of {place.host} {what}. Whether it took the request is not known. {AGAIN} If this goes "
        f"on, {_lower(OPERATOR)} what stands between it and {place.host}: a proxy, or a page to sign in.",
        cause=Cause.GARBLED,
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by the Retry-After header: a number or a date. None where it tells neither.

    A date is read against the service's own clock, where it sends that, so that ours may be wrong.
    """
    told = headers.get("Retry-After", "").strip()
    if told.isascii() and told.replace(".", "", 1).isdigit():
        return float(told)
    until = _date(told)
    if until is None:
        return None
    return max(0.0, until - (_date(headers.get("Date", "")) or now))


def quoted(body: JSON) -> str:
    """What the service says in an error's body, as one short line; "" where there is nothing readable."""
    said = body
    for _ in range(3):
        if isinstance(said, list):
            said = next((one for one in said if one), "")
        if isinstance(said, Mapping):
            names = ("message", "error_description", "error", "errors", "detail", "title", "code")
            said = next((said[name] for name in names if said.get(name)), "")
    line = " ".join(said.split()) if isinstance(said, str) else ""
    if line.startswith("<"):
        return ""  # a page, not an answer
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}…"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was made of: requests and urllib3 wrap in arguments, reasons and causes."""
    todo, seen = [error], set()
    while todo:
        link = todo.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = (*link.args, getattr(link, "reason", None), link.__cause__, link.__context__)
        todo += [one for one in inner if isinstance(one, BaseException)]


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _untrusted(error: ssl.SSLCertVerificationError, place: Place) -> Misconfigured:
    why = error.verify_message.rstrip(".")
    return Misconfigured(
        f"The certificate of {place.host} is not to be trusted: {why}. Nothing was sent. {OPERATOR} who "
        "answers there: if it is your company's own proxy or server, its certificate belongs into "
        "REQUESTS_CA_BUNDLE.",
        cause=Cause.TLS,
    )


def _insecure(chain: tuple[BaseException, ...], place: Place) -> Temporary:
    reasons = [str(getattr(link, "reason", "") or "") for link in chain if isinstance(link, ssl.SSLError)]
    in_handshake = any(word in reason for reason in reasons for word in _HANDSHAKE)
    named = next((reason.replace("_", " ").lower() for reason in reasons if reason), "no reason given")
    return Temporary(
        f"No secure connection to {place.host}: {named}. {OPERATOR} that a TLS server answers there and that "
        "nothing between changes the traffic.",
        cause=Cause.TLS,
        may_be_applied=not in_handshake,
    )


def _proxy(chain: tuple[BaseException, ...], place: Place) -> DestinationError:
    words = " ".join(str(link) for link in chain if isinstance(link, OSError))
    if "407" in words:
        return _wants_password(place)
    if "Tunnel connection failed" in words:
        return Temporary(
            f"The proxy {place.proxy} does not connect to {place.host}. {OPERATOR} that it may.",
            cause=Cause.PROXY,
            may_be_applied=False,
        )
    return Temporary(
        f"The proxy {place.proxy} cannot be reached. {OPERATOR} HTTPS_PROXY and HTTP_PROXY, or add "
        f"{place.host} to NO_PROXY.",
        cause=Cause.PROXY,
        may_be_applied=False,
    )


def _wants_password(place: Place) -> Misconfigured:
    return Misconfigured(
        f"The proxy {place.proxy or 'on the way'} wants a name and a password (407). Whoever runs this "
        "server must put them into HTTPS_PROXY and HTTP_PROXY.",
        cause=Cause.PROXY,
    )


def _redirected(place: Place, status: int, headers: Mapping[str, str]) -> Misconfigured:
    host = urlsplit(headers.get("Location", "")).hostname
    return Misconfigured(
        f"{place.host} sends us on to {host or 'another address'} ({status}). Redirects are not followed, as "
        "they would show the credentials elsewhere. Whoever set up the connection must correct its base URL.",
        cause=Cause.NOT_FOUND,
    )
