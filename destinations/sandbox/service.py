"""What every look-alike has: keys, a clock, switches, limits, the requests that came in, and luck.

A service is a module of this package that holds `SERVICE`, a class of it, whose `key` is the module's
name and that of the destination. All services are served by one process at one address: Qualified at its
root, another under `/<key>`, with the paths of its vendor after that.
"""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import orjson

from destinations import sandbox as package
from destinations.sandbox.answers import Refused, as_html
from destinations.sandbox.clock import Clock
from destinations.sandbox.faults import SERVER_ERRORS, Faults, Switch
from destinations.sandbox.server import Answer, Request, Server
from destinations.sandbox.state import MEMORY, State

if TYPE_CHECKING:
    from destinations.sandbox.desk import Desk

API_KEY = "sandbox-key"  # may do everything, at every service
REMEMBERED_REQUESTS = 1000


@dataclass(slots=True)
class Seen:
    """A request that came in. `status` is that of the answer, None if none went out; `fault` what struck it.

    `path` is the vendor's, without the service's prefix. `body` is kept only where the sandbox records (in
    tests); it may hold people's data.
    """

    method: str
    path: str
    query: str
    body: bytes
    at: float
    status: int | None = None
    fault: str = ""

    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)


class Limits(Protocol):
    """The limits of an account, as far as every service has them."""

    in_flight: int
    peak: int

    def forget(self) -> None: ...


class Service(ABC):
    """A look-alike: call `start`, then `answer` from as many threads as you like, then `stop`."""

    key: ClassVar[str]
    label: ClassVar[str]
    prefix: ClassVar[str] = ""
    switches: ClassVar[tuple[Switch, ...]]
    scopes: ClassVar[tuple[str, ...]]
    keys: ClassVar[Mapping[str, Iterable[str]]]  # those of a new account
    app: ClassVar[tuple[str, str] | None] = None  # client id and secret, where people sign in

    remembers: ClassVar[type[State]] = State

    state: State
    limits: Limits
    desk: "Desk"

    def __init__(self, *, state: str = MEMORY, record: bool = False) -> None:
        """`state` is a file or `:memory:`. `record` keeps every request with its body."""
        self.state = self.remembers(state)
        self.server: Server | None = None
        self.clock = Clock(self.state.setting("clock_offset") or 0)
        self.faults = Faults(self.switches, self.state.setting("switches"))
        self.faults.listeners.append(self.switches_changed)
        self.clock.listeners.append(self._clock_changed)
        self.requests: deque[Seen] = deque(maxlen=None if record else REMEMBERED_REQUESTS)
        self._record = record
        self._closing = threading.Event()
        if self.state.setting("founded") is None:
            with self.state.transaction():
                for key, scopes in self.keys.items():
                    self.state.save_key(key, scopes)
                self.set_up()
                self.state.save_setting("founded", self.clock.now())
        self._keys = self.state.keys()

    @property
    def url(self) -> str:
        """Where the service is, without a last slash; the vendor's paths come after it."""
        return f"{self.server.url}{self.prefix}" if self.server else ""

    @abstractmethod
    def set_up(self) -> None:
        """Store what a new account has beside its keys; in a transaction."""

    @abstractmethod
    def start(self) -> None:
        """Begin to work off jobs."""

    @abstractmethod
    def stop(self) -> None:
        """Finish what is in hand and close the state. The server has stopped before."""

    def wake(self) -> None:
        """Let slow answers go out at once, because the server is about to stop."""
        self._closing.set()

    def act(self, action: str, **form: Any) -> None:
        """Do what the control page can: `act("keys", key="k", scopes=["lead:view"])`.

        ValueError where the page would say what is wrong.
        """
        self.desk.do(action, form)

    def add_key(self, key: str, *scopes: str) -> None:
        """Add an API key that has these scopes only."""
        self.act("keys", key=key, scopes=list(scopes))

    def refusing_connections(self) -> AbstractContextManager[None]:
        """While this lasts the port is closed, for all services."""
        if self.server is None:
            raise ValueError("The service is not served.")
        return self.server.refusing()

    def keys_changed(self) -> None:
        """Called after a key was added, changed or removed."""
        self._keys = self.state.keys()

    def switches_changed(self) -> None:
        """Called after a switch was changed."""
        self.state.save_setting("switches", self.faults.values())

    def forget_records(self) -> None:
        """Forget records, jobs and requests; keys and switches stay."""
        self.state.clear_records()
        self.requests.clear()

    def _clock_changed(self) -> None:
        self.state.save_setting("clock_offset", self.clock.offset)

    # One request

    def answer(self, request: Request) -> Answer:
        """Answer a request, unless a fault that is switched on is in the way."""
        body = request.body if self._record else b""
        seen = Seen(request.method, request.path, request.query, body, self.clock.now())
        self.requests.append(seen)
        try:
            answer = self.admitted(request, seen)
        except Refused as refused:
            answer = refused.answer
        seen.status = None if answer.dropped else answer.status
        return answer

    @abstractmethod
    def admitted(self, request: Request, seen: Seen) -> Answer:
        """The answer, by way of limits and faults. Refused is an answer too."""

    @abstractmethod
    def too_many(self, retry_after: int | None) -> Answer:
        """A 429 that was made up, with and without Retry-After."""

    @abstractmethod
    def server_error(self, status: int) -> Answer:
        """A 500, 502, 503 or 504."""

    def bearer(self, request: Request) -> str:
        """The token of the request's `Authorization: Bearer …`, or an empty text."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""

    def struck(self, fault: str, act: Callable[[], Answer]) -> Answer:
        """What `act` answers, changed by the fault that struck the request (see WIRE_FAULTS)."""
        if latency := self.faults.number("latency_seconds"):
            self._closing.wait(latency)
        if fault in ("limit_window", "limit_concurrency"):
            seconds = round(self.faults.number("retry_after")) if fault == "limit_window" else None
            return self.dressed(self.too_many(seconds))
        if fault == "drop_before":
            return Answer(0, dropped=True)
        if fault in SERVER_ERRORS:
            if self.faults.flag("errors_applied"):
                _answered(act)
            return self.dressed(self.server_error(SERVER_ERRORS[fault]))
        answer = _answered(act)
        if fault == "slow":
            self._closing.wait(self.faults.number("slow_seconds"))
        if fault == "garble":
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        return replace(answer, dropped=fault == "drop_after", broken=fault == "truncate")

    def dressed(self, answer: Answer) -> Answer:
        """A made-up error with the body that is switched on: the vendor's own, or a proxy's page."""
        return as_html(answer) if self.faults.flag("html_errors") else answer


def _answered(act: Callable[[], Answer]) -> Answer:
    try:
        return act()
    except Refused as refused:
        return refused.answer


@cache
def services() -> Mapping[str, type[Service]]:
    """Every service by the key of its destination; the one at the root of the address comes first."""
    found: list[type[Service]] = []
    for name in sorted(module.name for module in iter_modules(package.__path__)):
        service = getattr(import_module(f"{package.__name__}.{name}"), "SERVICE", None)
        if service is not None:
            found.append(service)
    found.sort(key=lambda each: (each.prefix, each.key))
    return MappingProxyType({each.key: each for each in found})
