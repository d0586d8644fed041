"""Sends messages to one target: a process of its own, which ends when its time is over, whatever hangs.

`python -m syncs.alerting.wire` reads one line of JSON and writes one for each message that it tried:

```
{"address": "slack://…", "seconds": 10, "messages": [{"key", "title", "body", "short", "state", "link"}], …}
{"sent": true, "told": "Slack took it (200)."}
```

With no messages it says what the address is: {"service": "Slack", "problem": ""}. The address never leaves
this process: what libraries log is not written anywhere, and what is told holds no part of an address but a
host.
"""

import json
import logging
import os
import re
import socket
import sys
import threading
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.utils import should_bypass_proxies

from syncadmin.lib import outgoing
from syncadmin.lib.redact import Redactor

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")
MOST_BYTES = 1_000_000  # of an answer
SHORTEST_PIECE = 6  # of an address, that is hidden where a service repeats it
_CODE = re.compile(r"[A-Za-z0-9_ .,-]{1,80}")


class Requests:
    """What went over the wire. Every request of every service passes here, and connects only where it may."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.proxies: dict[str, str] = asked["proxies"]
        self._ca_bundle: str = asked["ca_bundle"]
        self.networks = [ip_network(text) for text in asked["networks"]]
        address = asked["address"]
        pieces = re.split(r"[/:@?&=,+\s]+", f"{address} {unquote(address)}")
        self._hide = Redactor(piece for piece in pieces if len(piece) >= SHORTEST_PIECE)
        self.host, self.status, self.answer = "", 0, ""
        self.error: Exception | None = None

    def forget(self) -> None:
        self.host, self.status, self.error, self.answer = "", 0, None, ""

    def take_over(self) -> None:
        """From now on whoever makes a session of requests makes one of these."""
        seen = self

        class Session(requests.Session):
            def __init__(self) -> None:
                super().__init__()
                outgoing.restrict(self, networks=seen.networks, most_bytes=MOST_BYTES)

            def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
                return seen.watch(super().send, request, more)

        requests.Session = requests.sessions.Session = Session  # type: ignore[misc]

    def watch(self, send: Any, request: requests.PreparedRequest, more: dict[str, Any]) -> requests.Response:
        self.forget()
        self.host = urlsplit(request.url or "").hostname or ""
        more |= {"proxies": self._ways(request.url or ""), "allow_redirects": False}
        if self._ca_bundle:
            more["verify"] = self._ca_bundle
        try:
            answer: requests.Response = send(request, **more)
        except Exception as error:
            self.error = error
            raise
        self.status = answer.status_code
        self.answer = self._hide.text(_code_in(answer))
        return answer

    def _ways(self, url: str) -> dict[str, str]:
        """The proxies for a request; none where the host needs none."""
        if should_bypass_proxies(url, self.proxies["no"] or None):
            return {}
        return {scheme: self.proxies[scheme] for scheme in ("https", "http") if self.proxies[scheme]}


def keep_files_here() -> None:
    """No address reads a file of this machine: some name one as a template or as a key, and would send it."""
    from apprise.attachment.file import AttachFile

    AttachFile.download = lambda *_, **__: False  # type: ignore[method-assign]  # it is not opened then


def keep_to_networks(networks: outgoing.Networks, proxies: Iterable[str]) -> None:
    """Whatever opens a socket of its own, as plugins for other protocols do, gets no further than requests.

    It holds for the whole process, and cannot be taken back.
    """
    ways = {urlsplit(proxy).hostname or "" for proxy in proxies if proxy}
    free = {str(found[4][0]) for way in ways if way for found in _looked_up(way)}

    def check(event: str, given: tuple[Any, ...]) -> None:
        if event not in ("socket.connect", "socket.sendto"):
            return
        host = str(given[1][0]) if isinstance(given[1], tuple) else ""
        address = outgoing.written_address(host.partition("%")[0])
        if host not in free and (address is None or outgoing.why_not(address, networks)):
            raise ConnectionRefusedError(f"{host} is not an address to connect to.")

    sys.addaudithook(check)


def _looked_up(host: str) -> Sequence[tuple[Any, ...]]:
    try:
        return socket.getaddrinfo(host, None)
    except OSError:
        return ()


def not_whole(address: str) -> str:
    """Why an address is none: its service is known, and a part of it is missing; or no service is."""
    from apprise.manager_plugins import NotificationManager

    scheme, services = address.partition("://")[0].lower(), NotificationManager()
    if scheme not in services:
        return "This is no address of a service that is known here."
    name = services[scheme].service_name
    return f"This is no whole address of {name}: a part is missing, or not as it must be. See appriseit.com."


def told(seen: Requests, service: str, *, sent: bool) -> str:
    """What came of it, for people: what happened, and who must do what."""
    service = "The webhook" if service == "JSON" else service  # nobody knows it by its format
    host = seen.host if _HOST.fullmatch(seen.host) else service
    if sent:
        return f"{service} took it ({seen.status})." if seen.status else f"{service} took it."
    if seen.error is not None:
        return _failed(seen.error, host)
    status, said = seen.status, f": {seen.answer}" if seen.answer else ""
    if not status:
        return f"{service} could not be asked. An admin must look at the address."
    if status in {401, 403}:
        return f"{host} refused the credentials ({status}{said}). An admin must enter the address anew."
    if status in {404, 410}:
        return f"{host} no longer knows this address ({status}{said}). An admin must make a new one there."
    if 300 <= status < 400:
        return f"{host} sends us on ({status}), which is not followed. An admin must correct the address."
    if status == 429:
        return f"{host} takes no more messages for now ({status}). It is tried again."
    if status >= 500:
        return f"{host} has a fault ({status}{said}). It is tried again."
    return f"{host} refused the message ({status}{said}). An admin must look at the address."


def _failed(error: Exception, host: str) -> str:
    if isinstance(error, outgoing.Refused):
        return str(error)
    if isinstance(error, requests.exceptions.SSLError):
        return f"{host} shows no certificate that we trust. Whoever runs it must put that right."
    if isinstance(error, requests.exceptions.ProxyError):
        return "The proxy on the way does not connect. Whoever runs this server must see why."
    if isinstance(error, requests.exceptions.Timeout):
        return f"No answer from {host} in time. It is tried again."
    if isinstance(error, requests.exceptions.ConnectionError):
        is_unknown = "resolve" in str(error).lower() or isinstance(error.__context__, socket.gaierror)
        why = "no such host is known" if is_unknown else "no connection"
        return (
            f"{host} cannot be reached: {why}. It is tried again; an admin may have to correct the address."
        )
    return f"{host} cannot be asked. An admin must look at the address."


def _code_in(answer: requests.Response) -> str:
    """The service's own word for what is wrong, where it is one: nothing long, nothing that was sent."""
    found: Any = ""
    try:
        said = answer.json()
        found = said.get("error") or said.get("message") if isinstance(said, dict) else ""
    except ValueError:
        found = answer.text if answer.status_code >= 400 else ""
    return found.strip() if isinstance(found, str) and _CODE.fullmatch(found.strip()) else ""


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    out = os.fdopen(os.dup(1), "w")
    with open(os.devnull, "w") as nowhere:  # what libraries print or log holds addresses
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    logging.disable(logging.CRITICAL)
    lock = threading.Lock()

    def say(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    seconds = float(asked["seconds"])
    seen = Requests(asked)
    seen.take_over()
    keep_to_networks(seen.networks, (seen.proxies["https"], seen.proxies["http"]))

    def expire() -> None:
        with lock:
            host = f" from {seen.host}" if _HOST.fullmatch(seen.host) else ""
            say(sent=False, told=f"No answer{host} within {seconds:g} seconds. It is tried again.")
            os._exit(0)

    import apprise

    keep_files_here()
    asset = apprise.AppriseAsset(
        app_id="Syncadmin",
        app_desc="Syncadmin",
        http_redirects=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    plugin: Any = apprise.Apprise.instantiate(asked["address"], asset=asset)
    service = str(plugin.service_name) if plugin is not None else ""
    speaks_http = plugin is not None and hasattr(sys.modules[type(plugin).__module__], "requests")
    if not asked["messages"]:
        problem = ""
        if plugin is None:
            problem = not_whole(asked["address"])
        elif not speaks_http:
            problem = f"{service} is not reached by web requests, so it cannot be a target here."
        say(service=service, problem=problem)
        return
    if plugin is None or not speaks_http:
        say(sent=False, told="The address can no longer be read. An admin must enter it anew.")
        return
    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    plugin.request_rate_per_sec = 0
    plugin.socket_read_timeout = plugin.socket_connect_timeout = seconds
    for message in asked["messages"]:
        seen.forget()
        sent = _notify(apprise, plugin, message)
        with lock:
            say(sent=sent, told=told(seen, service, sent=sent))
        if not sent:
            return


def _notify(apprise: Any, plugin: Any, message: dict[str, Any]) -> bool:
    types = {"open": "FAILURE", "over": "SUCCESS", "test": "INFO"}
    kind = apprise.NotifyType[types[message["state"]]]
    if hasattr(plugin, "dedup"):
        plugin.dedup = message["key"]  # PagerDuty: an incident is raised once, and resolved by its own key
    if isinstance(getattr(plugin, "payload_extras", None), dict):
        more = {"alert": message["key"], "state": message["state"], "link": message["link"]}
        plugin.payload_extras |= more
    is_short = 0 < plugin.body_maxlen <= 400
    title, body = ("", message["short"]) if is_short else (message["title"], message["body"])
    written = apprise.NotifyFormat.TEXT
    if plugin.notify_format == apprise.NotifyFormat.MARKDOWN:
        # Not turned into it by apprise: that puts a backslash before each dot, and links lead nowhere.
        body, written = body.replace("\n", "\n\n"), apprise.NotifyFormat.MARKDOWN
    sender = apprise.Apprise(asset=plugin.asset)
    sender.add(plugin)
    try:
        return bool(sender.notify(body=body, title=title, notify_type=kind, body_format=written))
    except Exception:
        return False


if __name__ == "__main__":
    main()
