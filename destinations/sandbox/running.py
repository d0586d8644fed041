"""Starts and stops a sandbox: for `manage.py sandbox`, and in a thread for tests."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from destinations.sandbox.control import Control
from destinations.sandbox.faults import Faults
from destinations.sandbox.qualified import Qualified, Seen
from destinations.sandbox.server import Server
from destinations.sandbox.state import MEMORY, Company, Lead, Span

API_KEY = "sandbox-key"


class Sandbox:
    """A sandbox at an address. Port 0 takes any free one. `record` keeps all requests with their bodies."""

    def __init__(
        self, *, address: str = "127.0.0.1", port: int = 0, state: str = MEMORY, record: bool = False
    ) -> None:
        self.service = Qualified(state=state, record=record)
        self.control = Control(self.service)
        self.server = Server(self.control, address=address, port=port)
        self.control.server = self.server

    def start(self) -> None:
        """Open the port and begin to work off jobs. OSError where the port cannot be had."""
        try:
            self.server.start()
        except OSError:
            self.service.state.close()
            raise
        self.service.start()

    def stop(self) -> None:
        """Let answers in progress go out, finish the job in hand, close the state."""
        self.service.wake()
        self.server.stop()
        self.service.stop()

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
        return {
            lead.match_key: lead for lead in self.service.state.leads(Span(), limit=-1, oldest_first=True)
        }

    def companies(self) -> dict[str, Company]:
        """The stored companies by domain."""
        return {company.domain: company for company in self.service.state.companies(limit=-1)}

    def act(self, action: str, **form: Any) -> None:
        """Do what the control page can: `sandbox.act("keys", key="k", scopes=["lead:view"])`.

        ValueError where the page would say what is wrong.
        """
        self.control.do(action, form)

    def add_key(self, key: str, *scopes: str) -> None:
        """Add an API key that has these scopes only."""
        self.act("keys", key=key, scopes=list(scopes))

    def add_field(self, entity: str, name: str, type: str, *, options: Iterable[str] = ()) -> None:
        """Add a field to leads (`lead`) or companies (`company`), or change it."""
        self.act("fields", entity=entity, name=name, type=type, options=list(options))

    def remove_field(self, entity: str, name: str) -> None:
        self.act("fields/remove", entity=entity, name=name)

    def advance_clock(self, seconds: float) -> None:
        """Let time pass at once."""
        self.service.clock.advance(seconds)

    def wait_for_jobs(self, seconds: float = 10) -> bool:
        """Wait until every job that can finish has finished. False: it took longer."""
        return self.service.jobs.wait_until_done(seconds)

    @contextmanager
    def refusing_connections(self) -> Iterator[None]:
        """While this lasts the port is closed."""
        self.server.refuse()
        try:
            yield
        finally:
            self.server.accept()


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
