"""What goes over the wire to services that are not on this machine, as apprise makes it of our addresses."""

import json
import re
from pathlib import Path
from typing import Any

import apprise
import pytest
import responses
from apprise.attachment.file import AttachFile

from syncs.alerting import wire
from syncs.alerting.addresses import KINDS, TargetKind

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # apprise loads its plugins

MESSAGE = {
    "key": "7d3c",
    "title": "[Acme] The sync “leads” stopped",
    "body": "Run 3 stopped.\nhttps://syncadmin.example.com/t/acme/",
    "short": "The sync “leads” stopped. https://syncadmin.example.com/t/acme/",
    "link": "https://syncadmin.example.com/t/acme/",
}
SLACK = "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/abcdefghijklmnopqrstuvwx"
TEAMS = "https://prod-1.westeurope.logic.azure.com:443/workflows/643e69f83c89"
ENTERED: dict[TargetKind, dict[str, str]] = {
    TargetKind.SLACK: {"url": SLACK},
    TargetKind.TEAMS: {
        "url": f"{TEAMS}/triggers/manual/paths/invoke"
        "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abcd"
    },
    TargetKind.PAGERDUTY: {"key": "a" * 32, "region": "eu"},
    TargetKind.SMS: {
        "sid": f"AC{'0' * 32}",
        "token": "f" * 32,
        "sender": "+15551234567",
        "numbers": "+15557654321",
    },
    TargetKind.WEBHOOK: {"url": "https://hooks.example.com/a?x=1", "token": "t0ken"},
}
PLACES = {
    TargetKind.SLACK: SLACK,
    TargetKind.TEAMS: f"{TEAMS}/triggers/manual/paths/invoke",
    TargetKind.PAGERDUTY: "https://events.eu.pagerduty.com/v2/enqueue",
    TargetKind.SMS: f"https://api.twilio.com/2010-04-01/Accounts/AC{'0' * 32}/Messages.json",
    TargetKind.WEBHOOK: "https://hooks.example.com/a",
}

STATUS = {TargetKind.PAGERDUTY: 202, TargetKind.TEAMS: 202, TargetKind.SMS: 201}


def sent(kind: TargetKind, *states: str) -> list[Any]:
    """The requests that messages with these states become."""
    plugin = apprise.Apprise.instantiate(KINDS[kind].make(ENTERED[kind]).url)
    plugin.request_rate_per_sec = 0
    with responses.RequestsMock() as mock:
        mock.post(PLACES[kind], body="ok" if kind is TargetKind.SLACK else "{}", status=STATUS.get(kind, 200))
        for state in states:
            assert wire._notify(apprise, plugin, MESSAGE | {"state": state})
        return [call.request for call in mock.calls]


@pytest.mark.parametrize("kind", list(ENTERED))
def test_each_service_is_sent_the_sentence_and_the_link_to_where_it_is(kind: TargetKind) -> None:
    (request,) = sent(kind, "open")
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    assert "syncadmin.example.com" in body
    assert "stopped" in body


def test_an_incident_is_opened_and_resolved_under_one_key() -> None:
    opened, again, over = (json.loads(one.body) for one in sent(TargetKind.PAGERDUTY, "open", "open", "over"))
    assert [one["event_action"] for one in (opened, again, over)] == ["trigger", "trigger", "resolve"]
    assert {one["dedup_key"] for one in (opened, again, over)} == {"7d3c"}
    assert opened["routing_key"] == "a" * 32
    assert opened["payload"]["summary"].startswith("[Acme] The sync “leads” stopped")


def test_a_webhook_gets_its_token_its_query_and_what_tells_messages_apart() -> None:
    (request,) = sent(TargetKind.WEBHOOK, "test")
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.url == "https://hooks.example.com/a?x=1"
    told = json.loads(request.body)
    assert (told["alert"], told["state"], told["type"]) == ("7d3c", "test", "info")


def test_a_telephone_gets_one_sentence_and_the_link() -> None:
    (request,) = sent(TargetKind.SMS, "open")
    assert "Run+3" not in str(request.body)


def test_no_address_sends_a_file_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"content": "sesame-7Kq"}')
    monkeypatch.setattr(AttachFile, "download", AttachFile.download)  # put back afterwards
    wire.keep_files_here()
    plugin = apprise.Apprise.instantiate(
        f"discord://417429632418316298/JHZ7lQml277CDHmQKMHI8qBe7bk2ZwO5UKjC?template={secret}"
    )
    plugin.request_rate_per_sec = 0
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(re.compile("https://discord.com/.*"), json={})
        sent = wire._notify(apprise, plugin, MESSAGE | {"state": "test"})
        assert not any("sesame" in str(call.request.body) for call in mock.calls)
    assert not sent
