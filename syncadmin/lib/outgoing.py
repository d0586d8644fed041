"""Where this machine may connect to for people who name addresses: destinations, sources, webhooks.

What is checked is the very address that a socket is about to connect to, after the name was looked up: a
name that gives one answer to a check and another to the connection gains nothing, and so a redirect.
Link-local addresses and those where clouds hand out credentials are never connected to. Private addresses
and this machine only where the operator lists them (ALLOWED_NETWORKS).

Through a proxy it is the proxy that looks names up and connects: then only addresses are checked that are
written as such, and the names that clouds give their metadata. The proxy itself is the operator's, and is
not checked.
"""

import io
import socket
import time
from collections.abc import Sequence
from http.client import HTTPResponse
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

Address: TypeAlias = IPv4Address | IPv6Address
Networks: TypeAlias = Sequence[IPv4Network | IPv6Network]

LOOPBACK: Networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
MOST_BYTES = 64_000_000  # of an answer; more is no answer of an API
CHUNK_BYTES = 65_536

# Where clouds answer machines of theirs. Read 2026-11-21:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html (fd00:ec2::254)
# https://docs.cloud.google.com/compute/docs/metadata/querying-metadata (fd20:ce::254)
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
# https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata (100.100.100.200)
NEVER: Networks = tuple(
    ip_network(text)
    for text in (
        *("169.254.0.0/16", "fe80::/10"),
        *("fd00:ec2::/32", "fd20:ce::/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),
    )
)
_METADATA_NAMES = ("metadata.google.internal", "metadata.goog", "metadata", "instance-data")
# NAT64, also that of networks of one's own (RFC 8215), and "IPv4-compatible".
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
_WRAPS_IPV4 = (ip_network("64:ff9b::/96"), _LOCAL_NAT64, ip_network("::/96"))


class Refused(Exception):
    """No connection was made: the address is not one to connect to. `str(error)` is for people."""


class TooLarge(Exception):
    """The answer has more bytes than we read."""


# What decides


def why_not(address: Address, networks: Networks) -> str | None:
    """What speaks against a connection to the address; None where nothing does, as for listed networks."""
    for meant in _meant_by(address):
        if _is_in(meant, NEVER):
            return "link-local, or where a cloud hands out the credentials of its machines"
    for meant in _meant_by(address):
        if _is_in(meant, networks) or _is_in(address, networks):
            continue
        if meant.is_loopback or meant.is_unspecified or _is_in(meant, (ip_network("0.0.0.0/8"),)):
            return "this machine itself"
        if not meant.is_global or meant.is_multicast or _is_in(meant, (_LOCAL_NAT64,)):
            return "private"
    return None


def refusal(host: str, address: Address, networks: Networks) -> Refused | None:
    """The error for a host that leads to an address that may not be connected to."""
    why = why_not(address, networks)
    if why is None:
        return None
    shown = host if host.strip("[]") == str(address) else f"{host} leads to {address}, and that"
    if any(_is_in(meant, NEVER) for meant in _meant_by(address)):
        return Refused(
            f"{shown} is {why}: it is never connected to. Whoever set it up must correct the host."
        )
    return Refused(
        f"{shown} is {why}: nothing was sent there. If it is meant, whoever runs this server must add "
        f"{address} or its network to ALLOWED_NETWORKS."
    )


def written_address(host: str) -> Address | None:
    """The address that a host is, in any form that resolvers read (127.1, 0x7f000001, 2130706433).

    None where it is a name.
    """
    text = host.strip("[]")
    try:
        return ip_address(text)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(text)) if text.isascii() and " " not in text else None
    except OSError:
        return None


def _meant_by(address: Address) -> tuple[Address, ...]:
    """The address, and what it leads to where it wraps another."""
    if isinstance(address, IPv4Address):
        return (address,)
    wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if _is_in(address, _WRAPS_IPV4) and int(address) & 0xFFFF_FFFF > 1:
        wrapped.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    found = tuple(one for one in wrapped if one is not None)
    if address.ipv4_mapped is not None:
        return found  # it is that address, written in another way
    return (address, *found)


def _is_in(address: Address, networks: Networks) -> bool:
    return any(address.version == network.version and address in network for network in networks)


# Connections


def resolved(host: str, port: int, networks: Networks) -> list[tuple[Any, ...]]:
    """The addresses of a host that may be connected to, as `socket.getaddrinfo` gives them.

    Raises Refused where there are only others, OSError or UnicodeError where the host has none.
    """
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    refused = None
    good = []
    for entry in found:
        error = refusal(host, ip_address(str(entry[4][0])), networks)
        refused = refused or error
        if error is None:
            good.append(entry)
    if not good and refused is not None:
        raise refused
    return good


def _connected(connection: HTTPConnection, networks: Networks) -> socket.socket:
    """A socket to the connection's host, at an address that was checked. Errors are those of urllib3."""
    host: str = connection._dns_host
    try:
        found = resolved(host, connection.port, networks)
    except (socket.gaierror, UnicodeError) as error:
        raise NameResolutionError(host, connection, error) from error  # type: ignore[arg-type]
    failure: OSError = OSError("The name has no address.")
    for family, kind, protocol, _, address in found:
        line = socket.socket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                line.setsockopt(*option)
            line.settimeout(connection.timeout)
            line.connect(address)
            return line
        except OSError as error:
            line.close()
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, f"No connection in {connection.timeout} seconds.") from failure
    raise NewConnectionError(connection, f"No connection: {failure}") from failure


class _Line(io.RawIOBase):
    """What comes in on a socket, all of it by one deadline: drop by drop gains no time."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self._raw = line, line.makefile("rb", buffering=0)
        seconds = line.gettimeout()
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("The answer took too long.")
            self._line.settimeout(left)
        return self._raw.readinto(buffer) or 0

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """An answer that is there within the time-out, headers and body together."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Line(sock))


def _pools(networks: Networks | None) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, of connections that check where they go; None: they go to the operator's own proxy."""

    class Plain(HTTPConnection):
        response_class = _TimedResponse

        def _new_conn(self) -> socket.socket:
            return super()._new_conn() if networks is None else _connected(self, networks)

    class Secure(HTTPSConnection):
        response_class = _TimedResponse

        def _new_conn(self) -> socket.socket:
            return super()._new_conn() if networks is None else _connected(self, networks)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Checked(HTTPAdapter):
    """A transport that connects to nothing else, and reads answers within limits of size and time."""

    def __init__(self, networks: Networks, *, threads: int, most_bytes: int | None) -> None:
        self._networks, self._most_bytes = networks, most_bytes
        super().__init__(pool_maxsize=max(1, threads), max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._networks)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **more)
        if proxy.lower().startswith("http"):
            manager.pool_classes_by_scheme = _pools(None)
        return manager

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, stream: bool = False, timeout: Any = None, **more: Any
    ) -> requests.Response:
        if select_proxy(request.url or "", more.get("proxies")):
            check_written(request.url or "", self._networks)
        response = super().send(request, stream=True, timeout=timeout, **more)
        if not stream:
            seconds = timeout[1] if isinstance(timeout, tuple) else timeout
            try:
                with response:
                    response._content = read(response, seconds=seconds, most_bytes=self._most_bytes)
            except (TimeoutError, ReadTimeoutError) as error:
                raise requests.ReadTimeout(error, request=request) from error
            except DecodeError as error:
                raise requests.exceptions.ContentDecodingError(error, request=request) from error
            except (HTTPError, OSError) as error:
                raise requests.exceptions.ChunkedEncodingError(error, request=request) from error
            response._content_consumed = True  # type: ignore[attr-defined]
        return response


def session(threads: int = 1, *, networks: Networks = ()) -> requests.Session:
    """A session for so many threads that connects to public addresses and the listed networks only.

    Beside the errors of requests it raises Refused where an address may not be connected to, and TooLarge
    where an answer is. A time-out counts for the whole answer.
    """
    made = requests.Session()
    restrict(made, threads=threads, networks=networks)
    return made


def restrict(
    session: requests.Session, *, networks: Networks, threads: int = 1, most_bytes: int | None = None
) -> None:
    """Let a session connect as those of `session` do.

    It reads no environment: proxies are said per request.
    """
    session.trust_env = False
    adapter = _Checked(networks, threads=threads, most_bytes=most_bytes)
    session.mount("https://", adapter)
    session.mount("http://", adapter)


def read(response: requests.Response, *, seconds: float | None, most_bytes: int | None = None) -> bytes:
    """The body, unpacked. Raises TooLarge, and TimeoutError where it is not there in so many seconds."""
    deadline = None if seconds is None else time.monotonic() + seconds
    chunks, size = [], 0
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > (MOST_BYTES if most_bytes is None else most_bytes):
            raise TooLarge
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(chunks)


def check_written(url: str, networks: Networks) -> None:
    """Raise Refused for an address that says itself that it may not be connected to: all that we know of one
    that a proxy looks up.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    address = written_address(host)
    if address is None and (host == "localhost" or host.endswith(".localhost")):
        address = ip_address("127.0.0.1")
    if host in _METADATA_NAMES:
        address = ip_address("169.254.169.254")
    error = refusal(host, address, networks) if address is not None else None
    if error is not None:
        raise error
