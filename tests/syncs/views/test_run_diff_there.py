"""A dry run's rows beside what is at Salesloft now. Alice owns the team."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from destinations import connect, looking
from destinations.contract import Found, Mode, Operation, Target
from destinations.models import Connection, Exchange, RemoteAccount
from destinations.sandbox.running import API_KEY, running_service
from destinations.sandbox.salesloft import Salesloft
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team, User
from syncs.engine.run import finish_here, start
from syncs.models import LedgerEntry, Run, Sync
from tests.syncs.engine.conftest import folders, impatience  # noqa: F401
from tests.syncs.engine.scene import QUICK, write_csv
from tests.syncs.engine.test_salesloft_runs import PEOPLE, crowd, make_sync
from tests.syncs.views.test_runs import text, url


@pytest.fixture
def salesloft() -> Iterator[Salesloft]:
    with running_service(Salesloft, switches={"job_seconds": 0.0, "window_cost": 100_000}) as running:
        yield running


@pytest.fixture
def connection(
    transactional_db: None,
    folders: None,  # noqa: F811
    impatience: None,  # noqa: F811
    team: Team,
    salesloft: Salesloft,
) -> Connection:
    made = Connection(
        team=team,
        account=RemoteAccount.objects.create(
            team=team, destination="salesloft", windows=[[100_000, 60]], reserve_percent=0
        ),
        name="salesloft",
        destination="salesloft",
        options={"base_url": salesloft.url} | QUICK,
    )
    made.credentials = {"api_key": Secret(API_KEY)}
    made.save()
    connect.refresh_fields(made, "people")
    return made


@pytest.fixture
def tried(connection: Connection) -> Run:
    """Three people were sent; since, all of them have another title in the source."""
    sync: Sync = make_sync(connection, PEOPLE)
    write_csv("rows.csv", crowd(3))
    finish_here(start(sync, ring=False))
    write_csv("rows.csv", crowd(3, title="CEO"))
    Exchange.objects.all().delete()
    return finish_here(start(sync, ring=False, dry_run=True))


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def change_there(connection: Connection, email: str, **values: Any) -> None:
    """Somebody edits the person in Salesloft."""
    adapter = connect.open_adapter(connection)
    adapter.client.post(
        "/v2/person_upserts", {"upsert_key": "email_address", "email_address": email, **values}
    )


def test_what_somebody_else_changed_there_is_shown_beside_what_was_sent(
    as_alice: Client, connection: Connection, tried: Run, salesloft: Salesloft
) -> None:
    change_there(connection, "p1@x.test", title="Head of Sales")
    salesloft.requests.clear()

    page = as_alice.post(url("run_diff_there", tried.public_id))

    words = text(page)
    assert "1 of 3 records at Salesloft is not as it was last sent" in words
    assert "VP Head of Sales CEO" in words
    assert words.count("As last sent") == 2
    assert [seen.method for seen in salesloft.requests] == ["GET"]
    assert Exchange.objects.filter(team=tried.team).count() == 1
    connection.account.refresh_from_db()
    assert not connection.account.budget["holders"]


def test_a_slow_service_is_asked_for_one_record_after_another(
    connection: Connection, salesloft: Salesloft
) -> None:
    """Each answer takes longer than what the budget granted may be used."""
    salesloft.faults.set(slow_rate=1.0, slow_seconds=0.6)
    target = Target(connect.adapter_of(connection).object("accounts"), "domain")
    asked = [Operation(f"look-{at}", Mode.UPSERT, f"x{at}.test", {"domain": f"x{at}.test"}) for at in (1, 2)]

    assert looking.look_up(connection, target, asked) == [Found(0), Found(0)]


def test_a_record_that_is_not_there_any_more_is_told(as_alice: Client, tried: Run) -> None:
    LedgerEntry.objects.filter(key_text="2").update(match_key="gone@x.test")

    assert "Not there any more" in text(as_alice.post(url("run_diff_there", tried.public_id)))


def test_the_refusal_is_told_in_the_services_words(
    as_alice: Client, tried: Run, salesloft: Salesloft
) -> None:
    salesloft.faults.set(error_503_rate=1.0)

    words = text(as_alice.post(url("run_diff_there", tried.public_id)))

    assert "Salesloft could not be asked." in words
    assert "503" in words


def test_nothing_is_asked_of_an_account_that_is_down(
    as_alice: Client, tried: Run, salesloft: Salesloft
) -> None:
    now = timezone.now()
    RemoteAccount.objects.update(
        down_since=now, down_until=now + timedelta(hours=1), down_reason="It is down."
    )
    salesloft.requests.clear()

    words = text(as_alice.post(url("run_diff_there", tried.public_id)))

    assert "Nothing was asked." in words
    assert not salesloft.requests


def test_only_a_form_asks(as_alice: Client, tried: Run, salesloft: Salesloft) -> None:
    salesloft.requests.clear()
    assert "Compare with what is there now" in text(as_alice.get(url("run_diff", tried.public_id)))
    assert as_alice.get(url("run_diff_there", tried.public_id)).status_code == 302
    assert not salesloft.requests


def test_an_update_by_a_key_is_shown_with_the_look_up_before_it(
    as_alice: Client, connection: Connection, salesloft: Salesloft
) -> None:
    write_csv("rows.csv", crowd(2))
    sync = make_sync(connection, PEOPLE, mode="update")
    salesloft.requests.clear()

    found = as_alice.get(url("sync_preview", sync.public_id), {"key": "1"}).context["looked"].wires

    assert [(one.method, one.needs) for one in found] == [("GET", False), ("PUT", True)]
    assert "email_addresses=p1%40x.test" in found[0].url
    assert found[1].url.endswith("/v2/people/ID-THAT-IS-FOUND")
    assert not salesloft.requests


def test_a_connection_that_is_no_longer_shared_is_not_asked(
    tried: Run, connection: Connection, other_team: Team, as_alice: Client
) -> None:
    Connection.objects.filter(pk=connection.pk).update(team=other_team)
    shown = as_alice.post(url("run_diff_there", tried.public_id)).content.decode()
    assert "no longer shares the connection" in shown
    assert not Exchange.objects.exists()
