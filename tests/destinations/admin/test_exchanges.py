"""What went over the wire, as the staff see it."""

import zlib
from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from destinations import connect
from destinations.models import Connection, Exchange
from destinations.sandbox.running import API_KEY, running_sandbox
from syncadmin.lib import shown
from syncadmin.lib.history import list_of, page_of
from syncadmin.teams.models import Team
from tests.syncs.admin.test_pages import asked, listed, text_of

HARM = "<script>alert(1)</script>"
Make = Callable[..., Exchange]


@pytest.fixture
def connection(connect_to: Callable[..., Connection]) -> Connection:
    return connect_to("https://api.example.com")


@pytest.fixture
def exchange(connection: Connection) -> Make:
    def make(*, sent: str = "", answered: str = "", **columns: Any) -> Exchange:
        return Exchange.objects.create(
            **{
                "team": connection.team,
                "connection": connection,
                "method": "POST",
                "url": "https://api.example.com/v2/bulk",
                "status": 202,
                "started_at": timezone.now(),
                "milliseconds": 12,
                "request_body": zlib.compress(sent.encode()) if sent else b"",
                "reply_body": zlib.compress(answered.encode()) if answered else b"",
                **columns,
            }
        )

    return make


def test_bodies_that_are_json_stand_over_several_lines(staff_client: Client, exchange: Make):
    made = exchange(sent='{"items":[{"name":"O\'Brien 🎉"}]}', answered="<html>Bad gateway</html>")
    page = unescape(asked(staff_client, page_of(made)))
    assert '{\n  "items": [\n    {\n      "name": "O\'Brien 🎉"\n    }\n  ]\n}' in page
    assert "<html>Bad gateway</html>" in page


def test_nothing_of_an_exchange_is_taken_for_markup(staff_client: Client, exchange: Make):
    made = exchange(
        sent=f'{{"name": "{HARM}"}}',
        answered=HARM,
        url=f"https://api.example.com/{HARM}",
        error=f"Refused: {HARM}",
        request_headers={"X-Note": HARM},
        reply_headers={HARM: "x"},
    )
    for address in (page_of(made), list_of(Exchange)):
        page = asked(staff_client, address)
        assert HARM not in page
        assert HARM in unescape(page)


def test_a_very_long_body_is_cut_and_says_so(
    staff_client: Client, exchange: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shown, "LONGEST_TEXT", 100)
    page = asked(staff_client, page_of(exchange(answered="x" * 150)))
    assert "… and 50 characters more" in page
    assert "x" * 101 not in page


def test_a_body_that_nests_too_deeply_is_shown_as_it_is(staff_client: Client, exchange: Make):
    assert staff_client.get(page_of(exchange(answered="[" * 100_000))).status_code == 200


def test_an_exchange_without_an_answer_says_so(staff_client: Client, exchange: Make):
    made = exchange(status=None, error="The name could not be resolved.")
    told = text_of(staff_client.get(page_of(made)).text)
    assert "Answer: no answer Error: The name could not be resolved." in told


def test_the_list_is_narrowed_by_answer_team_connection_and_run(
    staff_client: Client, exchange: Make, connect_to: Callable[..., Connection], other_team: Team
):
    subject = uuid4()
    second = connect_to("https://api.example.com", name="second", of=other_team)
    for status in (200, 202, 302, 404, 429, 503, None):
        exchange(status=status)
    exchange(connection=second, team=other_team, subject=subject)

    def count(**narrowed: Any) -> int:
        return listed(staff_client.get(list_of(Exchange, **narrowed)).text)

    assert [count(answer=kind) for kind in ("failed", "none", "2", "3", "4", "429", "5")] == [
        5,
        1,
        3,
        1,
        2,
        1,
        1,
    ]
    assert count(connection=second.public_id) == 1
    assert count(team=other_team.public_id, answer="failed") == 0
    assert count(subject=subject) == count(q=subject) == 1
    assert count(subject=uuid4()) == 0
    assert count(q="bulk") == 0


@pytest.mark.parametrize("narrowed", [{"answer": "x"}, {"subject": "x"}, {"connection": "x"}])
def test_an_address_that_makes_no_sense_leads_to_the_whole_list(
    staff_client: Client, db: None, narrowed: dict[str, str]
):
    assert staff_client.get(list_of(Exchange, **narrowed)).status_code == 302


def test_an_exchange_of_a_run_that_is_gone_has_its_page(staff_client: Client, exchange: Make):
    gone = UUID("00000000-0000-0000-0000-000000000001")
    assert staff_client.get(page_of(exchange(subject=gone, call="12-1"))).status_code == 200


def test_the_key_of_a_real_connection_is_on_no_page(
    staff_client: Client, connect_to: Callable[..., Connection]
):
    with running_sandbox() as sandbox:
        connection = connect_to(sandbox.url, key=API_KEY)
        assert connect.check(connection) is not None
    exchanges = list(Exchange.objects.all())
    assert exchanges
    for one in (connection, connection.account, *exchanges):
        page = staff_client.get(page_of(one)).text
        assert API_KEY not in page
        assert connection.sealed_credentials not in page
    assert "Authorization: [removed]" in page
