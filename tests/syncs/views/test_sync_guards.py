"""The pages about guards. Alice owns the team, Bob may only look, Charlie is of another team."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations import registry
from destinations.contract import Field, Kind
from destinations.models import Connection, RemoteAccount
from syncadmin.teams.models import Team, User
from syncs.configuration.models import missing_columns
from syncs.engine import guard_keys
from syncs.engine.guard_kinds import KINDS
from syncs.models import (
    GuardKeys,
    MailDomain,
    QueryModel,
    RejectedRow,
    Run,
    Source,
    Sync,
    SyncDraft,
    SyncVersion,
)
from syncs.views import guard_trial, sync_guards
from tests.syncs.engine.scene import make_sync, person, write_csv

PEOPLE = [
    person(1),
    person(2, title="CEO"),
    person(3, email="ada@gmail.com", note="many"),
    person(4, email="x@acme.com", note="9"),
    person(5, email="x@acme.com", note="10"),
]
TITLE_IS = {"hold_back": {"all": [{"column": "title", "is": "CEO"}]}}
PERSONAL = {"personal_emails": {"field": "email"}}


@pytest.fixture
def sync(team: Team, tmp_path: Path, settings) -> Sync:
    """Leads from people.csv, to a destination that nobody needs to ask here."""
    settings.FILES_DIR = tmp_path
    write_csv("people.csv", PEOPLE)
    account = RemoteAccount.objects.create(team=team, destination="qualified")
    fields = [Field("email", "E-mail", Kind.EMAIL), Field("title", "Title", Kind.TEXT)]
    fetched = registry.remember_fields({}, "leads", fields, fetched_at=timezone.now())
    connection = Connection.objects.create(
        team=team, account=account, name="q", destination="qualified", fields=fetched
    )
    return make_sync(team=team, connection=connection)


class Browser:
    """Somebody's browser: the pages of one sync's guards."""

    def __init__(self, client: Client, sync: Sync) -> None:
        self.client, self.sync, self.text, self.status = client, sync, "", 0

    def get(self, name: str = "sync_guards", *args: str, query: str = "") -> str:
        return self._took(self.client.get(self._url(name, *args) + query))

    def post(self, name: str, /, *args: str, **data: Any) -> str:
        """Post what the page that is open holds as its mark, with this."""
        seen = re.search(r'name="seen" value="(\w+)"', self.text)
        hidden = {"seen": seen[1]} if seen else {}
        return self._took(self.client.post(self._url(name, *args), hidden | data, follow=True))

    def _url(self, name: str, *args: str) -> str:
        ids = [] if name == "mail_domains" else [self.sync.public_id]
        return reverse(name, args=["acme", *ids, *args])

    def _took(self, answer: Any) -> str:
        self.status = answer.status_code
        self.text = html.unescape(re.sub(r"</?bdi>", "", answer.content.decode()))
        return self.text

    def keys(self) -> list[str]:
        """The addresses of the guards on the list that is open."""
        return re.findall(r'id="guard-(\w+)"', self.text)


@pytest.fixture
def alices(alice: User, sync: Sync) -> Browser:
    client = Client()
    client.force_login(alice)
    return Browser(client, sync)


def stored(sync: Sync) -> list[dict[str, Any]]:
    return Sync.objects.get(pk=sync.pk).guards


def conditions(*groups: list[tuple[str, str, str]], **more: str) -> dict[str, str]:
    """The conditions builder's form."""
    found = {"groups": str(len(groups)), "match": "all", "action": "save"} | more
    for at, group in enumerate(groups):
        found[f"group-{at}"] = str(len(group))
        for within, parts in enumerate(group):
            found |= {
                f"group-{at}-{within}-{part}": text
                for part, text in zip(("look", "way", "value"), parts, strict=True)
            }
    return found


def test_alice_adds_changes_reorders_and_removes_guards(alices, sync):
    assert "This sync has no guards" in alices.get()
    alices.get("guard_add", "hold_back")
    lines = (
        [("column:title", "is", "CEO"), ("column:title", "is_empty", "")],
        [("field:email", "ends_with", "x.io")],
    )
    assert (
        "Saved. Hold back rows where (title is CEO or title is empty) and email ends with x.io."
        in alices.post("guard_add", "hold_back", **conditions(*lines, name="Bosses"))
    )
    assert stored(sync) == [
        {
            "name": "Bosses",
            "hold_back": {
                "all": [
                    {"any": [{"column": "title", "is": "CEO"}, {"column": "title", "is_empty": True}]},
                    {"field": "email", "ends_with": "x.io"},
                ]
            },
        }
    ]
    alices.get("guard_add", "personal_emails")
    assert '<option value="field:email" selected>' in alices.text
    alices.post("guard_add", "personal_emails", look="field:email")
    first, second = alices.keys()

    alices.get("guard_edit", first)
    assert ">CEO</textarea>" in alices.text
    alices.post("guard_edit", first, **conditions([("column:title", "is", "CEO")]))
    assert stored(sync) == [TITLE_IS, PERSONAL]

    alices.post("sync_guards", action=f"up-{second}")
    assert stored(sync) == [PERSONAL, TITLE_IS]
    alices.get("guard_remove", second)
    assert "Remove this guard?" in alices.text
    alices.post("guard_remove", second)
    assert stored(sync) == [TITLE_IS]
    versions = SyncVersion.objects.filter(sync=sync).order_by("number")
    assert [len(version.definition.get("guards", [])) for version in versions] == [0, 1, 2, 2, 2, 1]


def test_the_builder_works_with_its_buttons_alone_and_keeps_what_was_typed(alices, sync):
    alices.get("guard_add", "send_only")
    typed = [("column:note", "greater_than", "many")]
    alices.post("guard_add", "send_only", **conditions(typed, action="add"))
    assert alices.text.count("-look") == 2
    alices.post("guard_add", "send_only", **conditions(typed, [("", "is", "")], action="or-0", name="Mine"))
    assert 'name="group-0-1-look"' in alices.text
    alices.post("guard_add", "send_only", **conditions(typed, [("column:gone", "is", "x")], name="Mine"))
    assert "“many” is no number; write it like 5 or 2.5" in alices.text
    assert (">many</textarea>" in alices.text, 'value="Mine"' in alices.text) == (True, True)
    alices.post("guard_add", "send_only", **conditions([("column:gone", "is", "x")]))
    assert "returns no column “gone”" in alices.text
    alices.post("guard_add", "send_only", **conditions([("", "is", "")]))
    assert "Say at least one condition." in alices.text
    alices.post("guard_add", "send_only", **conditions(typed, typed, action="drop-0-0"))
    assert alices.text.count('name="group-0-0-look"') == 1
    assert stored(sync) == []


def test_among_very_many_columns_names_are_typed(alices, sync, monkeypatch):
    monkeypatch.setattr(sync_guards, "MOST_OPTIONS", 1)
    text = alices.get("guard_add", "hold_back")
    assert ('list="looks"' in text, '<option value="column:title">' in text) == (True, True)
    alices.post("guard_add", "hold_back", **conditions([("title", "is", "CEO")]))
    assert stored(sync) == [TITLE_IS]


def test_guards_of_which_a_sync_has_one_are_offered_once(alices, sync):
    Sync.objects.filter(pk=sync.pk).update(guards=[{"keep_first": {"column": "note"}}])
    alices.get("guard_add", "keep_first")
    assert alices.status == 404
    alices.get("guard_add", "new_domains")
    assert (alices.status, 'name="most" value="20"' in alices.text) == (200, True)
    text = alices.get()
    assert [kind for kind in KINDS if f"/guards/add/{kind}/" not in text] == ["keep_first"]


def test_a_suppression_list_may_be_a_model_of_the_team_with_that_column(alices, sync, team):
    source = Source.objects.get(team=team)
    sql = "select email as who from 'people.csv'"
    model = QueryModel.objects.create(team=team, source=source, name="stop", sql=sql, primary_key=["who"])
    form = {"look": "field:email", "source": "model", "model": str(model.public_id)}
    alices.get("guard_add", "suppressed")
    alices.post("guard_add", "suppressed", **form, model_column="whom")
    assert "returns no column of this name. It returns who." in alices.text
    alices.post("guard_add", "suppressed", **form, model_column="who")
    assert "among the keys in who of stop" in alices.text
    assert stored(sync)[0]["suppressed"]["model"] == str(model.public_id)


def test_pasted_keys_are_kept_as_digests_added_to_and_taken_from(alices, sync):
    alices.get("guard_add", "suppressed")
    alices.post("guard_add", "suppressed", look="field:email", source="replace", pasted=" \n")
    assert "Paste at least one key" in alices.text
    alices.post(
        "guard_add", "suppressed", look="field:email", source="replace", pasted="Ada@Acme.com\nbob\n\nbob"
    )
    assert "among 2 pasted keys" in alices.text
    (key,) = alices.keys()
    text = alices.get("guard_edit", key)
    assert ("Leave the 2 pasted keys" in text, "ada@" in text.lower()) == (True, False)
    alices.post("guard_edit", key, look="field:email", source="add", pasted="eve")
    (key,) = alices.keys()
    alices.get("guard_edit", key)
    alices.post("guard_edit", key, look="field:email", source="take", pasted="BOB")
    kept = GuardKeys.objects.get(sync=sync)
    assert guard_keys.unpacked(kept.digests) == guard_keys.digests(["ada@acme.com", "eve"])
    (key,) = alices.keys()
    alices.get("guard_edit", key)
    alices.post("guard_edit", key, look="column:email", source="keep")
    assert stored(sync)[0]["suppressed"] == {"column": "email", "list": kept.name, "count": 2}
    assert GuardKeys.objects.get(sync=sync).key_count == 2


def test_a_try_tells_what_each_guard_would_hold_back(alices, sync, monkeypatch):
    monkeypatch.setattr(guard_trial, "SECONDS", 0.0)  # the first rows are judged however late they come
    guards = [
        TITLE_IS,
        PERSONAL,
        {"keep_first": {"column": "note", "descending": True}},
        {"new_domains": {"field": "email", "most": 1}},
    ]
    Sync.objects.filter(pk=sync.pk).update(guards=guards)
    text = re.sub(r"<[^>]+>|\s+", " ", alices.get(query="?try=1"))
    assert "Tried on 5 rows" in text
    told = re.sub(r"\s+", " ", text)
    assert "Rows where title is CEO 1 row 2" in told
    assert "Personal e-mail addresses 1 row 3" in told
    assert "Several rows for one record 1 row 4" in told
    assert "None of them 2 would be sent" in told
    assert "only a run can tell" in told
    Sync.objects.filter(pk=sync.pk).update(guards=[{"email_syntax": {"column": "gone"}}])
    assert "looks at the column “gone”, which the model no longer returns" in alices.get(query="?try=1")


def test_a_model_whose_keys_a_guard_reads_stays_and_keeps_its_column(alices, sync, team):
    source = Source.objects.get(team=team)
    sql = "select email as who from 'people.csv'"
    model = QueryModel.objects.create(team=team, source=source, name="stop", sql=sql, primary_key=["who"])
    look = {"field": "email", "model": str(model.public_id), "model_column": "who"}
    Sync.objects.filter(pk=sync.pk).update(guards=[{"suppressed": look}, TITLE_IS])
    address = reverse("model_remove", args=["acme", model.public_id])
    assert "while guards read keys from it" in alices.client.post(address).content.decode()
    assert QueryModel.objects.filter(pk=model.pk).exists()
    assert missing_columns(model, ["email"]) == {"leads": ["who"]}
    assert missing_columns(sync.model, ["id", "email", "first_name"]) == {"leads": ["title"]}


def test_a_runs_list_of_what_was_held_back_goes_by_guard_and_says_who_must_act(alices, sync, team):
    run = Run.objects.create(
        team=team, sync=sync, number=1, generation=1, due_at=timezone.now(), read_count=4_003,
        held_back_count=4_003, held_by=[["Only <VPs>", 4_000], ["Never to be sent", 2]],
    )  # fmt: skip
    held = {"team": team, "sync": sync, "run": run, "key": b"1", "stage": "held_back"}
    for at, (problem, name, who) in enumerate(
        [
            ("guard", "Only <VPs>", "editor"),
            ("guard", "Never to be sent", "nobody"),
            ("same_as", "", "nobody"),
        ]
    ):
        reason = f"Reason {at}."
        RejectedRow.objects.create(
            **held, key_text=str(at), problem=problem, field=name, who=who, reason=reason
        )
    address = reverse("run_rows", args=["acme", run.public_id]) + "?show=held_back"
    told = re.sub(r"<[^>]+>|\s+", " ", alices.client.get(address).content.decode())
    told = html.unescape(re.sub(r"\s+", " ", told))
    assert "4,000 rows: Held back by “Only <VPs>” Who must act: Whoever edits the sync" in told
    assert "2 rows: Held back by “Never to be sent” Who must act: Nobody For example row 1" in told
    assert "1 row: The same record twice" in told
    assert "4,003 were held back in all" in told
    one = alices.client.get(
        f"{address}&stage=held_back&problem=guard&field=Only%20%3CVPs%3E"
    ).content.decode()
    assert "The guard held back 4,000 rows in all; the first 1 is kept here." in one
    row = RejectedRow.objects.get(key_text="0")
    page = alices.client.get(reverse("run_row", args=["acme", run.public_id, row.public_id])).content.decode()
    assert "each run looks at it again" in page


# People who must never be sent


def test_a_save_tells_who_would_be_sent_of_those_who_never_must_and_asks(alices, sync):
    text = alices.get("guard_add", "never_send")
    assert re.findall(r"<textarea[^>]*>([^<]*)</textarea>", text) == ["", ""]
    alices.post("guard_add", "never_send", emails="nobody", row_keys="")
    assert re.findall(r'<p class="error"[^>]*>([^<]*)', alices.text) == ["“nobody” is not an e-mail address."]
    alices.post("guard_add", "never_send", emails="person2@acme.com\nnobody@acme.com", row_keys="3")
    assert "must never be sent, and would pass all of your other guards" in alices.text
    assert (stored(sync), alices.text.count('name="excused"')) == ([], 2)  # nobody@ is not in the model
    assert ">person2@acme.com\nnobody@acme.com</textarea>" in alices.text

    Sync.objects.filter(pk=sync.pk).update(guards=[TITLE_IS, PERSONAL])
    alices.get("guard_add", "never_send")
    alices.post("guard_add", "never_send", emails="person2@acme.com\nnobody@acme.com", row_keys="3")
    assert stored(sync)[2] == {
        "never_send": {"emails": ["person2@acme.com", "nobody@acme.com"], "keys": ["3"]}
    }

    key = alices.keys()[1]
    alices.get("guard_remove", key)
    alices.post("guard_remove", key)
    assert ("The list is enough for 3" in alices.text, len(stored(sync))) == (True, 3)
    alices.post("guard_remove", key, excused="3")
    assert stored(sync)[1]["never_send"]["by_list_alone"] == ["3"]
    assert "Held back by this list alone: 3." in alices.get()


def test_a_change_of_the_mapping_asks_it_too(alices, sync):
    by_field = {"hold_back": {"all": [{"field": "title", "is": "CEO"}]}}
    Sync.objects.filter(pk=sync.pk).update(guards=[by_field, {"never_send": {"keys": ["2"]}}])
    rows = {"rows": "2", "action": "next"}
    for at, (column, key) in enumerate([("email", "email"), ("note", "title")]):
        rows |= {f"row-{at}-source": f"column:{column}", f"row-{at}-field": f"field:{key}"}
        rows |= {f"row-{at}-empty": "leave"}
    alices.get("sync_edit_mapping")
    alices.post("sync_edit_mapping", **rows)
    alices.post("sync_edit", name="leads", action="save")
    assert "would pass all of your other guards" in alices.text
    assert sync.mappings.get(field="title").column == "title"
    alices.post("sync_edit", name="leads", action="save", excused="2")
    assert sync.mappings.get(field="title").column == "note"
    assert stored(sync)[1] == {"never_send": {"keys": ["2"], "by_list_alone": ["2"]}}


def test_a_mapping_without_the_field_that_a_guard_looks_at_is_not_saved(alices, sync):
    Sync.objects.filter(pk=sync.pk).update(guards=[{"hold_back": {"all": [{"field": "title", "is": "CEO"}]}}])
    rows = {"rows": "1", "action": "next", "row-0-source": "column:email", "row-0-field": "field:email"}
    alices.get("sync_edit_mapping")
    alices.post("sync_edit_mapping", **rows, **{"row-0-empty": "leave"})
    alices.post("sync_edit", name="leads", action="save")
    assert "no field “title” is mapped" in alices.text
    assert sync.mappings.filter(field="title").exists()


# Who may, and two at once


def test_bob_looks_and_may_change_nothing_and_charlie_finds_nothing(sync, bob, charlie):
    Sync.objects.filter(pk=sync.pk).update(guards=[TITLE_IS, PERSONAL])
    client = Client()
    client.force_login(bob)
    bobs = Browser(client, sync)
    assert "Hold back rows where title is CEO." in bobs.get()
    assert ("Remove" in bobs.text, "Add a guard" in bobs.text) == (False, False)
    key = bobs.keys()[0]
    bobs.post("sync_guards", action=f"down-{key}")
    for name, args in (("guard_edit", [key]), ("guard_remove", [key]), ("guard_add", ["hold_back"])):
        bobs.get(name, *args)
        assert bobs.status == 403
        bobs.post(name, *args, look="field:email")
        assert bobs.status == 403
    bobs.get("mail_domains")
    bobs.post("mail_domains", domains="acme.com", verdict="blocked")
    assert (stored(sync), MailDomain.objects.count()) == ([TITLE_IS, PERSONAL], 0)
    client.force_login(charlie)
    for name, args in (
        ("sync_guards", []),
        ("guard_edit", [key]),
        ("guard_remove", [key]),
        ("mail_domains", []),
    ):
        bobs.get(name, *args)
        assert bobs.status == 404


def test_of_two_who_change_guards_at_once_the_second_is_told_and_may_go_on(alices, sync, alice):
    other = Browser(alices.client, sync)
    other.get("guard_add", "personal_emails")
    alices.get("guard_add", "hold_back")
    other.post("guard_add", "personal_emails", look="field:email")

    alices.post("guard_add", "hold_back", **conditions([("column:title", "is", "CEO")], name="Mine"))

    assert "Somebody else changed the guards meanwhile" in alices.text
    assert "Hold back personal e-mail addresses in email." in alices.text
    assert 'value="Mine"' in alices.text
    assert stored(sync) == [PERSONAL]
    alices.post("guard_add", "hold_back", **conditions([("column:title", "is", "CEO")]))
    assert stored(sync) == [PERSONAL, TITLE_IS]


def test_guards_wait_for_a_run_that_was_planned_with_them(alices, sync, team):
    run = Run.objects.create(team=team, sync=sync, number=1, generation=1, due_at=timezone.now())
    alices.get("guard_add", "personal_emails")
    alices.post("guard_add", "personal_emails", look="field:email")
    assert (f"Run {run.number} is under way" in alices.text, stored(sync)) == (True, [])


def test_a_draft_of_the_sync_goes_on_after_its_guards_changed(alices, sync, team, alice):
    sync.refresh_from_db()
    draft = SyncDraft.objects.create(team=team, user=alice, sync=sync, based_on=sync.updated_at)
    alices.get("guard_add", "personal_emails")
    alices.post("guard_add", "personal_emails", look="field:email")
    draft.refresh_from_db()
    assert draft.based_on == Sync.objects.get(pk=sync.pk).updated_at


# The team's own domains


def test_alice_blocks_and_allows_domains_of_her_team(alices, team, settings):
    settings.BLOCKED_DOMAINS = frozenset({"rival.example"})
    assert "rival.example" in alices.get("mail_domains")
    alices.post("mail_domains", domains="acme, x", verdict="blocked")
    assert ("“acme” is not a domain" in alices.text, ">acme, x</textarea>" in alices.text) == (True, True)
    alices.post("mail_domains", domains="https://www.Acme.com/x\nbob@müller.de", verdict="blocked")
    alices.post("mail_domains", domains="acme.com gmail.com", verdict="allowed")
    found = MailDomain.objects.filter(team=team).values_list("domain", "verdict")
    assert sorted(found) == [
        ("acme.com", "allowed"),
        ("gmail.com", "allowed"),
        ("xn--mller-kva.de", "blocked"),
    ]
    alices.post("mail_domains", remove="acme.com")
    assert MailDomain.objects.filter(team=team).count() == 2
