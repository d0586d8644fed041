"""What all tests of syncs stand on."""

from collections.abc import Iterator

import pytest

from syncs.alerts import sending


@pytest.fixture(scope="session", autouse=True)
def slow_starts() -> Iterator[None]:
    """A process that sends alerts may take its time to begin: the machine may be busy with other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "STARTING_SECONDS", 200.0)
        yield
