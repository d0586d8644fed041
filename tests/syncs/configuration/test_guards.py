"""Guards in a document: applied, exported, applied again without a change, and told where they are wrong."""

import pytest
import yaml

from syncadmin.teams.models import Team
from syncs.configuration.export import export
from syncs.engine import guard_keys
from syncs.engine.guard_supplies import guarded_by
from syncs.models import GuardKeys, MailDomain, QueryModel, Sync, SyncVersion
from tests.syncs.configuration.conftest import DOCUMENT

GUARDS = """\
    guards:
      - name: Only here
        send_only:
          all:
            - {column: score, greater_than: 5}
            - any: [{column: given_name, is_not: Test}, {field: email, in: [a@example.com, "007"]}]
      - {personal_emails: {field: email}}
      - {suppressed: {column: email, keys: [Ada@Example.com, 007, eve@example.com]}}
      - {suppressed: {field: email, model: leads, model_column: email}}
      - {new_domains: {field: email, most: 20}}
      - {keep_first: {column: score, descending: true}}
      - {never_send: {keys: [007], emails: [bob@example.com]}}
"""
WITH_GUARDS = DOCUMENT + GUARDS


def test_guards_are_applied_exported_and_applied_again_without_a_change(applied, qualified):
    lines = applied(text=WITH_GUARDS)
    assert any("4 fields mapped, 7 guards" in line for line in lines)
    sync = Sync.objects.get()
    stored = GuardKeys.objects.get(sync=sync)
    assert (stored.key_count, stored.name) == (3, sync.guards[2]["suppressed"]["list"])
    assert guard_keys.digest("ada@example.com") in guard_keys.unpacked(stored.digests)
    assert sync.guards[3]["suppressed"]["model"] == str(QueryModel.objects.get().public_id)
    assert sync.guards[6] == {"never_send": {"keys": ["007"], "emails": ["bob@example.com"]}}

    text = export(Team.objects.get())
    told = yaml.safe_load(text)["syncs"]["leads-to-qualified"]["guards"]

    assert "example.com" not in str(told[2])  # the keys themselves are not kept
    assert len(told[2]["suppressed"]["digests"].split()) == 3
    assert told[3]["suppressed"]["model"] == "leads"
    assert applied(text=WITH_GUARDS) == []
    assert applied(text=text) == []


def test_a_change_of_guards_is_told_and_what_no_guard_names_any_more_is_gone(applied, qualified):
    applied(text=WITH_GUARDS)
    lines = applied(
        {"007, eve@example.com]": "008]", "      - {personal_emails: {field: email}}\n": ""}, text=WITH_GUARDS
    )
    assert lines == [
        "sync leads-to-qualified: guards: new: Hold back rows whose email is among 2 pasted keys",
        "sync leads-to-qualified: guards: taken out: Hold back personal e-mail addresses in email",
        "sync leads-to-qualified: guards: taken out: Hold back rows whose email is among 3 pasted keys",
    ]
    assert GuardKeys.objects.get().key_count == 2
    assert [version.number for version in SyncVersion.objects.order_by("number")] == [1, 2]
    applied()
    assert (Sync.objects.get().guards, GuardKeys.objects.count()) == ([], 0)
    assert guarded_by(Sync.objects.get()) is None


def test_guards_in_another_order_are_a_change(applied, qualified):
    turned = (
        GUARDS.replace("      - {personal_emails: {field: email}}\n", "")
        + "      - {personal_emails: {field: email}}\n"
    )
    applied(text=WITH_GUARDS)
    assert applied(text=DOCUMENT + turned) == ["sync leads-to-qualified: guards: another order"]


def test_a_model_of_the_same_document_may_hold_the_keys_and_be_renamed(applied, qualified):
    sql = "select email as who from 'leads.csv'"
    more = f'  stop: {{source: files, sql: "{sql}", primary_key: who}}\nconnections:'
    guards = "    guards: [{suppressed: {field: email, model: stop, model_column: who}}]\n"
    text = DOCUMENT.replace("connections:", more) + guards
    applied(text=text)
    model = QueryModel.objects.get(name="stop")
    assert Sync.objects.get().guards[0]["suppressed"]["model"] == str(model.public_id)
    model.name = "do not contact"
    model.save()
    told = yaml.safe_load(export(Team.objects.get()))["syncs"]["leads-to-qualified"]["guards"]
    assert told[0]["suppressed"]["model"] == "do not contact"


NESTED = """\
- hold_back:
          all:
            - {column: score, is: 5}
            - {column: score, above: 5}"""


@pytest.mark.parametrize(
    ("guards", "line", "message"),
    [
        ("- {personal_emial: {field: email}}", 1, "`personal_emial`; did you mean `personal_emails`?"),
        ("- {personal_emails: {feild: email}}", 1, "unknown key `feild`"),
        (NESTED, 4, "there is no comparison `above`"),
        ("- hold_back: {all: [{column: score, greater_than: many}]}", 1, "“many” is no number"),
        ("- hold_back: {all: [{column: shoe_size, is: 5}]}", 1, "returns no column `shoe_size`"),
        ("- {personal_emails: {field: phone}}", 1, "no field `phone` is mapped"),
        ("- {suppressed: {field: email, model: stop, model_column: who}}", 1, "there is no model `stop`"),
        ("- {suppressed: {field: email, list: abc, count: 1}}", 1, "unknown key `list`"),
        ("- {suppressed: {field: email, digests: abc}}", 1, "as an export writes them"),
        ("- {suppressed: {field: email, keys: []}}", 1, "at least one"),
        ("- {new_domains: {field: email, most: none}}", 1, "whole number"),
        ("- {never_send: {emails: [nobody]}}", 1, "“nobody” is not an e-mail address"),
        ("- {keep_first: {column: score}}\n      - {keep_first: {column: email}}", 2, "at most one guard"),
        ("- {name: x}", 1, "a guard has exactly one kind"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_guard_is_told_at_its_line(refused, qualified, guards, line, message):
    problems = refused(text=f"{DOCUMENT}    guards:\n      {guards}\n")
    assert [(at, said) for at, said in problems if message in said and at == 14 + line], problems
    assert Sync.objects.count() == 0


def test_guards_that_are_no_list_are_told(refused, qualified):
    ((line, said),) = refused(text=f"{DOCUMENT}    guards: {{field: email}}\n")
    assert (line, "must be a list" in said) == (14, True)


def test_a_document_that_would_let_somebody_pass_who_must_never_be_sent_is_refused(
    applied, refused, qualified
):
    never = "    guards:\n      - {never_send: {emails: [Ada@example.com, nobody@example.com]}}\n"
    ((line, said),) = refused(text=DOCUMENT + never)
    assert (line, "no other guard holds back `Ada@example.com`;" in said) == (15, True)
    held = never + "      - {hold_back: {all: [{column: given_name, is: ada}]}}\n"
    applied(text=DOCUMENT + held)
    assert refused({"given_name, is: ada": "given_name, is: bob"}, text=DOCUMENT + held)
    alone = never.replace("]}}", "], by_list_alone: [ada@example.com]}}")
    applied(text=DOCUMENT + alone)
    assert applied(text=export(Team.objects.get())) == []


def test_the_teams_own_domains_are_applied_and_exported_and_stay_where_nothing_is_said(applied, qualified):
    lists = "mail_domains: {allowed: [gmail.com], blocked: [https://www.Acme.com/x, rival.com]}\n"
    assert applied(text=DOCUMENT + lists)[1:4] == [
        "mail domain acme.com: on no list → blocked",
        "mail domain gmail.com: on no list → allowed",
        "mail domain rival.com: on no list → blocked",
    ]
    text = export(Team.objects.get())
    assert yaml.safe_load(text)["mail_domains"] == {
        "blocked": ["acme.com", "rival.com"],
        "allowed": ["gmail.com"],
    }
    assert (applied(), applied(text=text)) == ([], [])
    assert applied(text=f"{DOCUMENT}mail_domains: {{blocked: gmail.com}}\n") == [
        "mail domain acme.com: blocked → on no list",
        "mail domain gmail.com: allowed → blocked",
        "mail domain rival.com: blocked → on no list",
    ]
    assert list(MailDomain.objects.values_list("domain", "verdict")) == [("gmail.com", "blocked")]


def test_what_is_wrong_with_the_teams_domains_is_told_at_its_line(refused):
    text = "mail_domains:\n  allowed: [acme.com, x]\n  blocked:\n    - acme.com\n  bloked: a.com\n"
    told = [(line - 13, said) for line, said in refused(text=DOCUMENT + text) if line > 13]
    assert told == [
        (2, "`allowed` of `mail_domains` holds “x”, which is not a domain"),
        (4, "`mail_domains` both allows and blocks acme.com"),
        (5, "unknown key `bloked` in `mail_domains`; did you mean `blocked`?"),
    ]
