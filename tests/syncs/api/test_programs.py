"""Other programs with an API token: what its scopes let them see and do, of its own team alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncadmin.lib import bearer
from syncadmin.teams.models import ApiToken, AuditEntry, Team, User
from syncs.models import Run, Sync
from tests.syncs.engine.scene import Scene, person

READ, ROWS, RUN = ApiToken.Scope.READ, ApiToken.Scope.ROWS, ApiToken.Scope.RUN


def token_of(team: Team, *scopes: str, name: str = "CI", days: float = 30) -> str:
    """A token's secret."""
    secret = bearer.make("api_")
    ApiToken.objects.create(
        team=team,
        name=name,
        digest=bearer.digest(secret),
        ending=secret[-4:],
        scopes=list(scopes),
        expires_at=timezone.now() + timedelta(days=days),
    )
    return secret


def ask(secret: str, name: str, *ids: Any, method: str = "get", **params: str) -> Any:
    headers = {"Authorization": f"Bearer {secret}"}
    address = reverse(name, args=[str(one) for one in ids], query=params or None)
    return getattr(Client(enforce_csrf_checks=True), method)(address, headers=headers)


@pytest.fixture
def sync(scene: Scene) -> Sync:
    """A sync of which a run left one row that needs attention."""
    scene.rows = [person(1), person(2, email="none")]
    scene.finish()
    return scene.sync


def test_a_program_lists_the_teams_syncs_their_runs_and_the_rows_that_need_attention(sync: Sync) -> None:
    secret = token_of(sync.team, READ, ROWS)
    (listed,) = ask(secret, "api_syncs").json()["data"]
    assert (listed["sync"], listed["name"], listed["schedule"]) == (str(sync.public_id), "leads", "by hand")
    shown = ask(secret, "api_sync", sync.public_id).json()
    (run,) = ask(secret, "api_runs", sync.public_id).json()["data"]
    assert shown["last_run"] == run
    assert (run["status"], run["accepted"], run["invalid"]) == ("attention", 1, 1)
    rows = ask(secret, "api_run_rows", sync.public_id, run["run"]).json()
    assert [(row["key"], row["field"], row["problem"]) for row in rows["data"]] == [
        ("2", "email", "not_an_email")
    ]
    assert rows["older"] is None
    assert AuditEntry.objects.get(action="personal_data.downloaded").who == "the API token “CI”"


def test_a_program_starts_a_run_asks_how_it_goes_and_cancels_it(sync: Sync) -> None:
    secret = token_of(sync.team, READ, RUN)
    started = ask(secret, "api_runs", sync.public_id, method="post")
    assert started.status_code == 202
    run = started.json()["run"]
    assert ask(secret, "api_run", sync.public_id, run).json()["status"] == "queued"
    assert ask(secret, "api_run_cancel", sync.public_id, run, method="post").status_code == 202
    assert Run.objects.get(public_id=run).cancel_requested_at is not None
    done = AuditEntry.objects.filter(action__startswith="run.", who__contains="token").order_by("pk")
    assert [(entry.action, entry.who) for entry in done] == [
        ("run.started", "the API token “CI”"),
        ("run.cancelled", "the API token “CI”"),
    ]
    over = Run.objects.get(number=1)
    assert ask(secret, "api_run_cancel", sync.public_id, over.public_id, method="post").status_code == 409


def test_a_long_list_comes_in_pages(scene: Scene) -> None:
    scene.rows = [person(number, email="none") for number in range(60)]
    run = scene.finish()
    secret = token_of(scene.team, ROWS)
    first = ask(secret, "api_run_rows", scene.sync.public_id, run.public_id).json()
    rest = ask(secret, "api_run_rows", scene.sync.public_id, run.public_id, older=first["older"]).json()
    assert (len(first["data"]), len(rest["data"]), rest["older"]) == (50, 10, None)
    assert len({row["key"] for row in first["data"] + rest["data"]}) == 60


def test_what_is_beyond_its_scopes_is_refused_by_name(sync: Sync) -> None:
    run = Run.objects.get().public_id
    reads, runs = token_of(sync.team, READ), token_of(sync.team, RUN, name="dbt")
    refused = [
        ask(reads, "api_runs", sync.public_id, method="post"),
        ask(reads, "api_run_cancel", sync.public_id, run, method="post"),
        ask(reads, "api_run_rows", sync.public_id, run),
        ask(runs, "api_syncs"),
        ask(runs, "api_run", sync.public_id, run),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert "lacks the scope “rows”" in refused[2].json()["error"]
    assert Run.objects.count() == 1


def test_charlies_token_finds_nothing_of_alices_team(sync: Sync, charlie: User, other_team: Team) -> None:
    run = Run.objects.get().public_id
    secret = token_of(other_team, READ, ROWS, RUN)
    assert ask(secret, "api_syncs").json() == {"data": [], "older": None}
    answers = [
        ask(secret, "api_sync", sync.public_id),
        ask(secret, "api_runs", sync.public_id),
        ask(secret, "api_runs", sync.public_id, method="post"),
        ask(secret, "api_run", sync.public_id, run),
        ask(secret, "api_run_rows", sync.public_id, run),
        ask(secret, "api_run_cancel", sync.public_id, run, method="post"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 6
    assert Run.objects.count() == 1


def test_a_token_that_expired_or_was_never_made_is_nobodys(sync: Sync) -> None:
    expired = token_of(sync.team, READ, days=-1)
    for secret in (expired, "api_made-up", ""):
        answer = ask(secret, "api_syncs")
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert ApiToken.objects.get().used_at is None


def test_when_a_token_was_used_last_is_kept(sync: Sync) -> None:
    secret = token_of(sync.team, READ)
    ask(secret, "api_syncs")
    used = ApiToken.objects.get().used_at
    assert used is not None
    ask(secret, "api_syncs")
    assert ApiToken.objects.get().used_at == used, "reads write little"


def test_no_page_of_rows_is_read_without_a_line_in_the_audit_log(sync: Sync) -> None:
    secret, run = token_of(sync.team, ROWS), Run.objects.get()
    for number, params in enumerate(({}, {"older": "made-up"}, {"newer": "made-up"}), 1):
        assert len(ask(secret, "api_run_rows", sync.public_id, run.public_id, **params).json()["data"]) == 1
        assert AuditEntry.objects.filter(action="personal_data.downloaded").count() == number
