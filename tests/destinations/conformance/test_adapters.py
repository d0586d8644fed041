"""Every adapter keeps every promise."""

import inspect
from typing import Any

import pytest

from destinations.registry import adapters
from tests.destinations.conformance.promises import PROMISES, Promise
from tests.destinations.conformance.subject import on_the_bench


def kept(promise: Promise, adapter: Any, **fixtures: Any) -> None:
    with on_the_bench(adapter) as subject:
        wanted = inspect.signature(promise).parameters
        promise(subject, **{name: value for name, value in fixtures.items() if name in wanted})


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("key", sorted(adapters()))
def test_every_adapter_keeps_every_promise(
    key: str, promise: Promise, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    kept(promise, adapters()[key], caplog=caplog)
