"""A connection of Alice's team to Qualified, at whatever address a test listens."""

from collections.abc import Callable

import pytest

from destinations.models import Connection, RemoteAccount
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team

KEY = "qk_live_of_alice_0001"


@pytest.fixture
def account(team: Team) -> RemoteAccount:
    return RemoteAccount.objects.create(team=team, destination="qualified")


@pytest.fixture
def connect_to(team: Team) -> Callable[..., Connection]:
    """Make a connection: `connect_to("http://127.0.0.1:9001", name="second")`, with an account of its own."""

    def make(base_url: str, *, name: str = "qualified", key: str = KEY, of: Team = team) -> Connection:
        connection = Connection(
            team=of,
            account=RemoteAccount.objects.create(team=of, destination="qualified"),
            name=name,
            destination="qualified",
            options={"base_url": base_url},
        )
        connection.credentials = {"api_key": Secret(key)}
        connection.save()
        return connection

    return make
