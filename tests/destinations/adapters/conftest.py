"""The wire of an adapter's tests: canned answers, every one of them checked against the vendor's facts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import responses

from destinations.contract import JSON, Adapter
from destinations.http import HttpClient
from destinations.sandbox.running import running_service
from destinations.sandbox.salesloft import Salesloft
from tests.destinations.openapi import Facts, load


@dataclass
class Wire:
    """What the service answers, and what it was asked. Requests and answers must fit the facts.

    `published=False` is for an answer that the vendor does not publish (a gateway's, a broken one),
    `fits=False` for a path or a request that is meant to be outside the facts.
    """

    mock: responses.RequestsMock
    base_url: str = ""
    facts: Facts | None = None
    unchecked: set[tuple[str, str]] = field(default_factory=set)

    def opens(self, adapter: type[Adapter], facts: Facts, **options: JSON) -> Adapter:
        """The adapter with a real client, as of a connection with these advanced settings."""
        self.base_url, self.facts = adapter.base_url, facts
        client = HttpClient(
            adapter, base_url=self.base_url, headers={"Authorization": "Bearer qk_test"}, timeout=60
        )
        return adapter(client, options)

    def answers(
        self,
        method: str,
        path: str,
        status: int,
        body: JSON = None,
        *,
        headers: dict[str, str] | None = None,
        published: bool = True,
        fits: bool = True,
    ) -> None:
        """The next answer at this path; the last one is repeated."""
        assert self.facts is not None, "call opens() first"
        if published:
            self.facts.check_answer(method, path, status, body)
        if not fits:
            self.unchecked.add((method, path))
        text = body if isinstance(body, str | bytes) else orjson.dumps(body)
        self.mock.add(method, self.base_url + path, body=text, status=status, headers=headers)

    @property
    def asked(self) -> list[tuple[str, str, Any]]:
        """Every request: method, path and JSON body."""
        return [
            (
                str(call.request.method),
                str(call.request.url).removeprefix(self.base_url),
                orjson.loads(call.request.body) if call.request.body else None,
            )
            for call in self.mock.calls
        ]

    def check(self) -> None:
        for (method, path, body), call in zip(self.asked, self.mock.calls, strict=True):
            assert self.facts is not None
            assert call.request.headers["Authorization"] == "Bearer qk_test"
            if (method, path) not in self.unchecked:
                self.facts.check_request(method, path, body)


@pytest.fixture
def salesloft_sandbox() -> Iterator[Salesloft]:
    """The look-alike. What it was asked must be in Salesloft's published description."""
    with running_service(Salesloft, switches={"job_seconds": 0.0}) as running:
        yield running
        for seen in running.requests:
            path = f"{seen.path}?{seen.query}" if seen.query else seen.path
            load("salesloft").check_request(seen.method, path, seen.json() if seen.body else None)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with responses.RequestsMock() as mock:
        made = Wire(mock)
        yield made
        made.check()
