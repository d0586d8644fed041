"""The demo's configuration and its runs: by the same doors as everybody's."""

import time
from collections.abc import Callable
from pathlib import Path

import requests
from django.utils import timezone

from destinations.sandbox.control import PREFIX
from destinations.sandbox.running import API_KEY
from syncadmin.teams.models import User
from syncs.configuration.apply import apply, try_connections
from syncs.demo.login import TEAM
from syncs.engine.lease import holder_is_dead
from syncs.engine.run import AlreadyRunning, Paused, start
from syncs.models import Run, Sync

DOCUMENT = Path(__file__).with_name("demo.yaml")
SYNCS = ("companies", "leads")
LONGEST_TEXT = 255  # signs that a text field of the sandbox takes, as many a CRM has it
ROWS = 100_000  # more than the sample has: it goes to a sandbox, and nobody is there to confirm numbers
QUIET_SECONDS = 90.0
MOST_SECONDS = 300.0
LOOK_SECONDS = 0.25


def configure(sandbox_url: str) -> list[str]:
    """Apply the document and test its connection; what it changed, one line each.

    ConfigurationError where it cannot be applied; what a test found is on the connection's page.
    """
    environment = {"SANDBOX_URL": sandbox_url, "SANDBOX_API_KEY": API_KEY}
    applied = apply(DOCUMENT.read_text(encoding="utf-8"), environment)
    list(try_connections(applied))
    return applied.lines


def prepare_sandbox(sandbox_url: str) -> None:
    """Let a sandbox that is still empty refuse long texts, so that the service's own refusals are seen too.

    requests.RequestException where nobody answers. Switches that somebody set later stay as they are.
    """
    with requests.Session() as session:
        session.trust_env = False
        state = session.get(f"{sandbox_url}{PREFIX}state.json", timeout=10).json()
        if not any(state["counts"].values()):
            switches = {"longest_string": LONGEST_TEXT}
            session.post(f"{sandbox_url}{PREFIX}switches", json=switches, timeout=10).raise_for_status()


def begin(user: User) -> list[Run]:
    """Queue a run of each sync, for the worker. One that is under way already is taken as it is.

    A sync that somebody paused in an earlier demo stays at rest.
    """
    found = []
    for name in SYNCS:
        sync = Sync.objects.get(team__slug=TEAM, name=name)
        try:
            found.append(start(sync, started_by=user, confirmed=ROWS))
        except Paused:
            continue
        except AlreadyRunning as error:
            _free_from_the_dead(error.run)
            found.append(error.run)
    return found


def _free_from_the_dead(run: Run) -> None:
    """End the lease of a worker that was killed on this machine, which nobody will renew."""
    if run.lease_holder and holder_is_dead(run.lease_holder):
        Run.objects.filter(pk=run.pk, lease_token=run.lease_token).update(lease_expires_at=timezone.now())


def follow(runs: list[Run], look: Callable[[list[Run]], None]) -> bool:
    """Wait for the runs' end. False: nothing moves any more, or it takes too long.

    `look` is called with the runs as they are every now and then; what it raises ends the wait.
    """
    began = moved = time.monotonic()
    seen: object = None
    while not all(run.is_over for run in runs):
        time.sleep(LOOK_SECONDS)
        for run in runs:
            run.refresh_from_db()
        look(runs)
        now = time.monotonic()
        state = [(run.status, run.waiting_count, run.waits_for) for run in runs]
        if state != seen:
            seen, moved = state, now
        if now - moved > QUIET_SECONDS or now - began > MOST_SECONDS:
            return False
    return True
