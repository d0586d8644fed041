"""Who is told what goes wrong, as a document says it."""

from collections.abc import Callable

import pytest
import responses

from syncadmin.teams.models import Team, User
from syncs.configuration.export import export
from syncs.models import AlertRule, AlertTarget
from tests.syncs.configuration import conftest
from tests.syncs.configuration.conftest import DOCUMENT

Apply = Callable[..., list[str]]
Refused = Callable[..., list[tuple[int, str]]]

ALERTS = """\
alerts:
  targets:
    people: {type: email, to: [Alice@example.com]}
    pager: {type: pagerduty, key: "${OTHER_KEY}0123456789", region: eu}
    hook: {type: webhook, url: "https://hooks.example.com/${QUALIFIED_API_KEY}"}
  rules:
    - {when: failed}
    - {when: rows, percent: 5, to: [hook, people]}
    - {when: stale, hours: 24, sync: leads-to-qualified, to: []}
"""
SECRETS = {
    "PAGER_KEY": "k3y-of-another0123456789",
    "HOOK_URL": "https://hooks.example.com/k3y-of-acme",
}


@pytest.fixture(autouse=True)
def world(files: object, qualified: responses.RequestsMock, alice: User) -> None:
    """A file to read, a service that lists its fields, and the team acme with Alice."""


def test_a_document_makes_targets_and_rules_once(applied: Apply) -> None:
    assert applied(text=DOCUMENT + ALERTS)[-6:] == [
        "alert target people: new, email",
        "alert target pager: new, pagerduty",
        "alert target hook: new, webhook",
        "alert rule failed: nothing → to all targets",
        "alert rule rows: nothing → percent 5, to hook, people",
        "alert rule stale of leads-to-qualified: nothing → hours 24, to nobody",
    ]
    assert applied(text=DOCUMENT + ALERTS) == []
    hook = AlertTarget.objects.get(name="hook")
    assert hook.address.reveal() == "jsons://hooks.example.com/k3y-of-acme"
    assert hook.shown == "Webhook · hooks.example.com"
    assert AlertTarget.objects.get(name="pager").shown == "PagerDuty · EU service"
    silenced = AlertRule.objects.get(kind="stale")
    assert (silenced.sync.name, silenced.to_all, silenced.targets.count()) == ("leads-to-qualified", False, 0)


def test_what_a_document_does_not_name_stays_and_what_it_changes_is_told(applied: Apply) -> None:
    applied(text=DOCUMENT + ALERTS)
    assert applied() == []
    other = ALERTS.replace("percent: 5", "percent: 9, rows: 100").replace("/${QUALIFIED", "/x/${QUALIFIED")
    assert applied(text=DOCUMENT + other) == [
        "alert target hook: address: changed",
        "alert rule rows: percent 5, to hook, people → rows 100, percent 9, to hook, people",
    ]
    assert AlertTarget.objects.get(name="hook").address.reveal() == "jsons://hooks.example.com/x/k3y-of-acme"
    left_out = ALERTS.split("    - {when: rows")[0].replace(
        ', url: "https://hooks.example.com/${QUALIFIED_API_KEY}"', ""
    )
    assert applied(text=DOCUMENT + left_out) == []
    assert AlertRule.objects.count() == 3


def test_an_export_holds_no_secret_and_changes_nothing_when_it_is_applied(
    applied: Apply, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(text=DOCUMENT + ALERTS)
    text = export(team)
    assert "k3y" not in text
    assert 'key: "${PAGER_KEY}"' in text
    assert "when: stale" in text
    monkeypatch.setattr(conftest, "ENVIRONMENT", conftest.ENVIRONMENT | SECRETS)
    assert applied(text=text) == []


@pytest.mark.parametrize(
    ("wrong", "line", "words"),
    [
        ("  targets: {x: {type: slak, url: y}}", 15, "there is no type `slak`; did you mean `slack`?"),
        (
            "  targets: {x: {type: slack, url: y}}",
            15,
            "`url` of alert target x: It must be like https://hooks",
        ),
        ("  targets: {x: {type: slack}}", 15, "alert target x has no address"),
        ("  targets: {x: {type: sms, sid: y}}", 15, "alert target x has no `token`"),
        (
            "  targets: {x: {type: email, to: [bob@elsewhere.com]}}",
            15,
            "bob@elsewhere.com is not of the team",
        ),
        ("  targets: {x: {type: email, too: []}}", 15, "unknown key `too`"),
        ("  rules: [{when: faild}]", 15, "an alert rule's `when` must be"),
        ("  rules: [{when: rows}]", 15, "a rule of `rows` needs `rows` or `percent`"),
        ("  rules: [{when: rows, percent: 101}]", 15, "must be a whole number from 0 to 100"),
        ("  rules: [{when: failed, percent: 5}]", 15, "unknown key `percent`"),
        ("  rules: [{when: failed}, {when: failed}]", 15, "there are two rules for `failed`"),
        ("  rules: [{when: failed, to: [nowhere]}]", 15, "there is no alert target `nowhere`"),
        ("  rules: [{when: failed, sync: lead}]", 15, "there is no sync `lead`"),
        ("  rules: [{when: connection, sync: leads-to-qualified}]", 15, "is for all syncs"),
        ("  rules: failed", 15, "an alert rule must be a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(refused: Refused, wrong: str, line: int, words: str) -> None:
    told = refused(text=f"{DOCUMENT}alerts:\n{wrong}\n")
    assert any(at == line and words in said for at, said in told), told
    assert not AlertTarget.objects.exists()
