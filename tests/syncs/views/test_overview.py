"""The overview of a team. Alice owns, Bob may only look, Charlie is a stranger."""

import pytest
from django.test import Client

from syncadmin.teams.models import User
from syncs.models import WorkerBeat
from tests.syncs.engine.conftest import folders, impatience, sandbox, scene  # noqa: F401
from tests.syncs.engine.scene import Scene
from tests.syncs.views.test_runs import acme, as_alice, text, url  # noqa: F401

pytestmark = pytest.mark.usefixtures("acme")


def test_it_says_that_no_worker_is_there_and_what_to_do(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    words = text(as_alice.get(url("overview")))
    assert "No worker is running, so nothing is sent." in words
    assert "python manage.py up" in words

    WorkerBeat.objects.beat("machine 1")
    assert "No worker" not in text(as_alice.get(url("overview")))


def test_an_empty_team_is_not_bothered_about_workers(as_alice: Client, alice: User) -> None:  # noqa: F811
    assert "No worker" not in text(as_alice.get(url("overview")))
