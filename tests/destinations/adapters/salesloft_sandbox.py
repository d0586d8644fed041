"""Salesloft's adapter against the look-alike: connect, send, and see what is stored."""

from typing import Any

from destinations.adapters.salesloft import Adapter
from destinations.contract import JSON, Call, Outcome, Pending, Target
from destinations.errors import Temporary
from destinations.http import HttpClient
from destinations.sandbox.salesloft import Salesloft
from destinations.sandbox.salesloft_state import Record
from syncadmin.lib.outgoing import LOOPBACK
from tests.destinations.adapters.salesloft_calls import call


def connect(sandbox: Salesloft, key: str = "sandbox-key", *, timeout: float = 60, **options: JSON) -> Adapter:
    client = HttpClient(
        Adapter,
        base_url=sandbox.url,
        headers={"Authorization": f"Bearer {key}"},
        timeout=timeout,
        secrets=[key],
        networks=LOOPBACK,
    )
    return Adapter(client, {"base_url": sandbox.url, **options})


def only(adapter: Adapter, target: Target, values: dict[str, JSON], **more: Any) -> Outcome:
    """The outcome of one record sent in one call."""
    (outcome,) = done(adapter.send(target, call(target, values, **more)))
    return outcome


def done(answer: list[Outcome] | Pending) -> list[Outcome]:
    assert isinstance(answer, list)
    return answer


def deliver(sandbox: Salesloft, adapter: Adapter, target: Target, one: Call) -> list[Outcome]:
    """A bulk job to its end, as the engine drives it: each state goes through JSON, errors come again."""
    answer = adapter.send(target, one)
    for _ in range(60):
        if isinstance(answer, list):
            return answer
        assert sandbox.wait_for_jobs()
        try:
            answer = adapter.advance(target, one, answer.state)
        except Temporary:
            continue
    raise AssertionError("The job has no end.")


def people(sandbox: Salesloft) -> dict[str, Record]:
    return {str(one.match_key): one for one in sandbox.people()}
