"""The pages of alerts: Alice owns the team, Bob may only look, Charlie is of another team."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncadmin.teams.models import AuditEntry, Membership, Team, User
from syncs.alerting.rules import Kind
from syncs.alerts.look import look
from syncs.models import Alert, AlertMessage, AlertRoute, AlertRule, AlertTarget, Run, Sync
from tests.syncs.alerts.conftest import Place, connection_of, ended, place, rule_of, syncs_of, target_at

__all__ = ["place"]

SLACK = "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/abcdefghijklmnopqrstuvwx"
SECRET = "abcdefghijklmnopqrstuvwx"


@pytest.fixture
def page(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def sync(team: Team) -> Sync:
    return syncs_of(connection_of(team), 1)[0]


def url(name: str, *args: Any) -> str:
    return reverse(name, args=["acme", *args])


def shown(client: Client, name: str = "alerts", *args: Any) -> str:
    answer = client.get(url(name, *args))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_alice_begins_with_a_target_and_the_usual_rules(page: Client, team: Team, alice: User) -> None:
    assert "Nobody is told yet" in shown(page)
    assert "E-mail" in shown(page, "alert_target_add")
    answer = page.post(url("alert_target_add_kind", "email"), {"name": "Us", "people": [alice.pk]})
    assert answer.status_code == 302
    assert "E-mail · alice@example.com" in shown(page)
    page.post(url("alert_rules_usual"))
    page.post(url("alert_rules_usual"))
    assert set(AlertRule.objects.values_list("kind", flat=True)) == set(Kind)
    found = shown(page)
    assert "More than 5% of the rows need attention" in found
    assert "No success for 1 day" in found
    assert "Nothing is wrong of what the rules watch." in found
    answer = page.post(url("alert_target_test", AlertTarget.objects.get().public_id), follow=True)
    assert "The mail server took it, to 1 person." in answer.content.decode()
    assert mail.outbox[0].subject == "[Acme] A test"
    assert AuditEntry.objects.filter(action="alert.made").count() == 7


def test_the_address_of_a_target_is_never_shown_again(page: Client, team: Team) -> None:
    answer = page.post(url("alert_target_add_kind", "slack"), {"name": "Slack", "url": SLACK})
    assert answer.status_code == 302
    target = AlertTarget.objects.get()
    edit = url("alert_target_edit", target.public_id)
    found = shown(page) + page.get(edit).content.decode()
    assert "Slack · hooks.slack.com" in found
    assert SECRET not in found + str(AuditEntry.objects.values_list()) + str(vars(target))
    page.post(edit, {"name": "Slack, #data", "url": ""})
    target.refresh_from_db()
    assert (target.name, target.address.reveal()) == ("Slack, #data", SLACK)
    page.post(edit, {"name": "Slack, #data", "url": SLACK.replace("B0BBBBBBB", "B0CCCCCCC")})
    target.refresh_from_db()
    assert "B0CCCCCCC" in target.address.reveal()


@pytest.mark.parametrize(
    ("kind", "typed", "words"),
    [
        ("slack", {"url": "https://example.com/x"}, "It must be like https://hooks.slack.com/services/"),
        ("slack", {"url": ""}, "This field is required"),
        ("teams", {"url": "http://x.logic.azure.com/?sig=1"}, "whole address of the workflow"),
        ("pagerduty", {"key": "short", "region": "eu"}, "An integration key has 32 letters and digits."),
        ("webhook", {"url": "ftp://example.com/"}, "It must be like https://hooks.example.com/alerts."),
        (
            "sms",
            {"sid": "AC1", "token": "2", "sender": "+15551234567", "numbers": "+1"},
            "An account SID is AC",
        ),
        ("other", {"url": "nonsense://somewhere"}, "no address of a service that is known here"),
        ("other", {"url": "discord://1234567890"}, "This is no whole address of Discord"),
        ("other", {"url": "mailto://me:pw@example.com"}, "cannot be a target here"),
        ("email", {}, "Choose at least one person."),
        ("slack", {"name": "taken", "url": SLACK}, "The team already has a target with this name."),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_is_stored(
    page: Client, team: Team, kind: str, typed: dict[str, str], words: str
) -> None:
    AlertTarget.objects.create(team=team, name="taken", kind="email")
    answer = page.post(url("alert_target_add_kind", kind), {"name": "Somewhere"} | typed)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert AlertTarget.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "typed", "address", "told"),
    [
        (
            "webhook",
            {"url": "https://me:pw@hooks.example.com:8443/a?x=1", "token": "t0ken"},
            "jsons://me:pw@hooks.example.com:8443/a?-x=1&%2BAuthorization=Bearer%20t0ken",
            "Webhook · hooks.example.com:8443",
        ),
        (
            "pagerduty",
            {"key": "a" * 32, "region": "eu"},
            f"pagerduty://{'a' * 32}@events/Syncadmin?action=map&region=eu&image=no",
            "PagerDuty · EU service",
        ),
        (
            "sms",
            {
                "sid": f"AC{'0' * 32}",
                "token": "f" * 32,
                "sender": "+1 555 123-4567",
                "numbers": "+49 30 1234567, +15557654321",
            },
            f"twilio://AC{'0' * 32}:{'f' * 32}@+15551234567/+49301234567/+15557654321",
            "SMS · Twilio, 2 numbers",
        ),
        ("other", {"url": "discord://1234567890/abcdefghij"}, "discord://1234567890/abcdefghij", "Discord"),
    ],
)
def test_each_kind_becomes_an_address_of_which_only_the_service_is_shown(
    page: Client, team: Team, kind: str, typed: dict[str, str], address: str, told: str
) -> None:
    assert page.post(url("alert_target_add_kind", kind), {"name": "There"} | typed).status_code == 302
    target = AlertTarget.objects.get()
    assert (target.address.reveal(), target.shown) == (address, told)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("http://10.0.0.5/hook", "10.0.0.5 is private"),
        ("http://169.254.169.254/latest", "it is never connected to"),
        ("http://user:sesame@10.1.2.3/hook", "10.1.2.3 is private"),
    ],
)
def test_a_webhook_at_an_address_that_is_not_reached_is_refused_at_its_field(
    page: Client, team: Team, typed: str, why: str
) -> None:
    answer = page.post(url("alert_target_add_kind", "webhook"), {"name": "There", "url": typed})
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert "sesame" not in answer.content.decode()
    assert not AlertTarget.objects.exists()


def test_a_test_that_fails_says_why(page: Client, team: Team, place: Place) -> None:
    place.status = 404
    target = target_at(team, place.url, "hook")
    answer = page.post(url("alert_target_test", target.public_id), follow=True)
    assert (
        "The test to “hook” failed. 127.0.0.1 no longer knows this address (404)." in answer.content.decode()
    )
    assert "Not working" in shown(page, "alerts"), "the list says so too, until something arrives"
    target.refresh_from_db()
    assert (target.failure_count, target.paused_until) == (0, None), "alerts are tried all the same"
    log = shown(page, "alert_log")
    assert "[Acme] A test" in log
    assert "Failed" in log
    assert "tests whether alerts arrive at “hook”" in shown(
        page, "alert_message", AlertMessage.objects.get().public_id
    )


def test_a_rule_of_a_sync_is_made_on_its_page_and_shown_there(page: Client, team: Team, sync: Sync) -> None:
    target = AlertTarget.objects.create(team=team, name="Us", kind="email")
    rule_of(team, Kind.FAILED)
    assert "as for all syncs" in shown(page, "sync", sync.public_id)
    add = f"{url('alert_rule_add')}?sync={sync.public_id}"
    assert "A connection needs attention" not in page.get(add).content.decode()
    typed = {"kind": "failed", "to_all": "some", "targets": [target.public_id]}
    assert page.post(add, typed).url == url("sync", sync.public_id)
    rule = AlertRule.objects.get(sync=sync)
    assert list(rule.targets.all()) == [target]
    found = shown(page, "sync", sync.public_id)
    assert "as for all syncs" not in found
    again = page.post(add, typed)
    assert again.status_code == 422  # there is one of the kind
    edit = url("alert_rule_edit", rule.public_id)
    page.post(edit, {"kind": "failed", "to_all": "some", "targets": []})
    assert "Nobody" in shown(page)
    page.post(url("alert_rule_remove", rule.public_id))
    assert AlertRule.objects.get().sync is None


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"kind": "rows"}, "Enter a number of rows, or a share of them."),
        ({"kind": "rows", "percent": "101"}, "less than or equal to 100"),
        ({"kind": "stale", "hours": ""}, "Enter a number of hours."),
        ({"kind": "stale", "hours": "0"}, "greater than or equal to 1"),
        ({"kind": "other"}, "Select a valid choice"),
        ({"kind": "failed", "to_all": "some", "targets": ["elsewhere"]}, "Select a valid choice"),
    ],
)
def test_a_rule_that_cannot_be_is_told(page: Client, team: Team, typed: dict[str, Any], words: str) -> None:
    answer = page.post(url("alert_rule_add"), {"to_all": "all"} | typed)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not AlertRule.objects.exists()


def test_what_is_wrong_now_leads_to_where_it_is_and_a_removed_rule_takes_it_along(
    page: Client, team: Team, sync: Sync
) -> None:
    rule = rule_of(team, Kind.FAILED)
    (run,) = ended([sync], Run.Status.STOPPED, stop_reason="It is out of order.")
    look()
    found = shown(page)
    assert f'<a href="{url("run", run.public_id)}">The sync “sync 0 of qualified” stopped</a>' in found
    assert "Once that is put right, the sync has to run again." in found
    page.post(url("alert_rule_remove", rule.public_id))
    assert "stopped</a>" not in shown(page)
    assert not AlertMessage.objects.exists()
    assert Alert.objects.get().recovered_at is not None


def test_a_target_that_is_removed_leaves_its_log(page: Client, team: Team) -> None:
    target = target_at(team, "json://127.0.0.1:9/", "hook")
    AlertMessage.objects.create(
        team=team,
        target=target,
        target_name="hook",
        sort="test",
        title="T",
        body="B",
        created_at=timezone.now(),
    )
    assert "1 message" in shown(page, "alert_target_remove", target.public_id)
    page.post(url("alert_target_remove", target.public_id))
    assert "hook" in shown(page, "alert_log")
    assert not AlertTarget.objects.exists()


def test_bob_looks_and_changes_nothing_and_charlie_finds_nothing(
    client: Client, bob: User, charlie: User, team: Team, sync: Sync
) -> None:
    target, rule = target_at(team, "json://127.0.0.1:9/", "hook"), rule_of(team, Kind.FAILED)
    sent = AlertMessage.objects.create(
        team=team, target_name="hook", sort="test", title="T", body="B", created_at=timezone.now()
    )
    looks = [("alerts",), ("alert_log",), ("alert_message", sent.public_id)]
    acts = [
        ("alert_rule_add",),
        ("alert_rules_usual",),
        ("alert_rule_edit", rule.public_id),
        ("alert_rule_remove", rule.public_id),
        ("alert_target_test", target.public_id),
        ("alert_target_add",),
        ("alert_target_add_kind", "webhook"),
        ("alert_target_edit", target.public_id),
        ("alert_target_remove", target.public_id),
    ]
    typed = {"kind": "rows", "rows": 1, "to_all": "all", "name": "x", "url": "http://127.0.0.1:9/"}
    client.force_login(bob)
    assert {client.get(url(*one)).status_code for one in looks} == {200}
    assert {client.post(url(*one), typed).status_code for one in acts} == {403}
    assert "Send a test" not in shown(client) and "Add a rule" not in shown(client)
    Membership.objects.filter(user=bob).update(role="editor")
    assert {client.get(url(*one)).status_code for one in acts[5:]} == {403}
    assert client.post(url("alert_rule_add"), typed).status_code == 302
    client.force_login(charlie)
    assert {client.post(url(*one), typed).status_code for one in [*looks, *acts]} == {404}
    theirs = reverse("alert_rule_add", args=["globex"])
    assert client.get(f"{theirs}?sync={sync.public_id}").status_code == 404
    assert (AlertTarget.objects.count(), AlertRule.objects.count()) == (1, 2)


def test_a_form_from_elsewhere_is_refused(alice: User, team: Team) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(url("alert_rules_usual")).status_code == 403
    assert not AlertRule.objects.exists()


def test_the_pages_take_few_queries_however_much_there_is(
    page: Client, team: Team, django_assert_max_num_queries: Any
) -> None:
    syncs = syncs_of(connection_of(team), 60)
    targets = [target_at(team, "json://127.0.0.1:9/", f"hook {number}") for number in range(10)]
    rules = AlertRule.objects.bulk_create(
        AlertRule(team=team, kind=Kind.FAILED, sync=sync, to_all=False) for sync in syncs
    )
    AlertRoute.objects.bulk_create(AlertRoute(team=team, rule=rule, target=targets[0]) for rule in rules)
    ended(syncs, Run.Status.STOPPED)
    look()
    assert "hook 0" in shown(page)
    for name in ("alerts", "alert_log"):
        with django_assert_max_num_queries(12):
            page.get(url(name))
