"""Starts and stops a sandbox: for `manage.py sandbox`, and in a thread for tests.

`Sandbox` serves all services at one address, each at its prefix, as `Sandbox.of(Salesloft)`; what has no
service's name in it is Qualified's.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from destinations.sandbox.control import Control
from destinations.sandbox.faults import Faults
from destinations.sandbox.qualified import Qualified
from destinations.sandbox.qualified_state import Company, Lead
from destinations.sandbox.server import Server
from destinations.sandbox.service import API_KEY, Seen, Service, services
from destinations.sandbox.state import MEMORY

__all__ = ["API_KEY", "Sandbox", "running_sandbox", "running_service"]

S = TypeVar("S", bound=Service)


class Sandbox:
    """A sandbox at an address. Port 0 takes any free one. `record` keeps all requests with their bodies.

    `state` is the file of the service at the root; another service has one beside it, with its own name in
    it (`sandbox.sqlite3`, `sandbox-salesloft.sqlite3`).
    """

    def __init__(
        self, *, address: str = "127.0.0.1", port: int = 0, state: str = MEMORY, record: bool = False
    ) -> None:
        self.services: list[Service] = []
        try:
            for kind in services().values():
                self.services.append(kind(state=_file(state, kind), record=record))
        except BaseException:
            self._close_states()
            raise
        self.service = self.of(Qualified)
        self.server = Server(Control(self.services), address=address, port=port)
        for each in self.services:
            each.server = self.server

    def of(self, kind: type[S]) -> S:
        """The running service of this kind: `sandbox.of(Salesloft)`."""
        return next(each for each in self.services if isinstance(each, kind))

    def start(self) -> None:
        """Open the port and begin to work off jobs. OSError where the port cannot be had."""
        try:
            self.server.start()
        except OSError:
            self._close_states()
            raise
        for each in self.services:
            each.start()

    def stop(self) -> None:
        """Let answers in progress go out, finish the jobs in hand, close the state."""
        for each in self.services:
            each.wake()
        self.server.stop()
        for each in self.services:
            each.stop()

    def _close_states(self) -> None:
        for each in self.services:
            each.state.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def faults(self) -> Faults:
        """The switches: `sandbox.faults.set(drop_after_next=1)`."""
        return self.service.faults

    @property
    def requests(self) -> list[Seen]:
        """What came in, the oldest first; not what went to the control page."""
        return list(self.service.requests.copy())

    @property
    def peak_in_flight(self) -> int:
        """The most requests that were ever in flight at once."""
        return self.service.limits.peak

    def leads(self) -> dict[str, Lead]:
        """The stored leads by e-mail in lower case."""
        return self.service.leads()

    def companies(self) -> dict[str, Company]:
        """The stored companies by domain."""
        return self.service.companies()

    def act(self, action: str, **form: Any) -> None:
        """Do what the control page can (see `Service.act`)."""
        self.service.act(action, **form)

    def add_key(self, key: str, *scopes: str) -> None:
        """Add an API key that has these scopes only."""
        self.service.add_key(key, *scopes)

    def add_field(self, entity: str, name: str, type: str, *, options: Iterable[str] = ()) -> None:
        """Add a field to leads (`lead`) or companies (`company`), or change it."""
        self.act("fields", entity=entity, name=name, type=type, options=list(options))

    def remove_field(self, entity: str, name: str) -> None:
        self.act("fields/remove", entity=entity, name=name)

    def advance_clock(self, seconds: float) -> None:
        """Let time pass at once."""
        self.service.clock.advance(seconds)

    def wait_for_jobs(self, seconds: float = 60) -> bool:
        """Wait until every job that can finish has finished. False: it took longer."""
        return self.service.jobs.wait_until_done(seconds)

    def refusing_connections(self) -> AbstractContextManager[None]:
        """While this lasts the port is closed."""
        return self.server.refusing()


@contextmanager
def running_sandbox(
    *,
    port: int = 0,
    address: str = "127.0.0.1",
    state: str = MEMORY,
    record: bool = True,
    switches: Mapping[str, Any] | None = None,
) -> Iterator[Sandbox]:
    """A sandbox in threads of this process, with these switches set."""
    sandbox = Sandbox(address=address, port=port, state=state, record=record)
    sandbox.faults.set(**(switches or {}))
    with sandbox:
        yield sandbox


@contextmanager
def running_service(
    kind: type[S], *, state: str = MEMORY, record: bool = True, switches: Mapping[str, Any] | None = None
) -> Iterator[S]:
    """One service of a sandbox in threads of this process, with these switches set; it is at its `url`."""
    sandbox = Sandbox(state=state, record=record)
    service = sandbox.of(kind)
    service.faults.set(**(switches or {}))
    with sandbox:
        yield service


def _file(state: str, kind: type[Service]) -> str:
    """The state file of a service, beside that of the service at the root."""
    if state == MEMORY or not kind.prefix:
        return state
    path = Path(state)
    return str(path.with_name(f"{path.stem}-{kind.key}{path.suffix}"))
