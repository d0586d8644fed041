"""The pages about syncs. Alice owns the team, Bob may only look, Charlie is of another team."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations.sandbox.running import Sandbox, running_sandbox
from syncadmin.teams.models import Membership, Team, User
from syncs.engine.run import finish_here
from syncs.models import FieldMapping, LedgerEntry, QueryModel, Run, Source, Sync, SyncDraft
from tests.syncs.engine.scene import make_connection, make_sync, person, write_csv

SQL = "select * from read_csv('people.csv', header = true, all_varchar = true)"
NASTY = '<b>"x"</b>&amp;' + "ש" * 40 + "n" * 45


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0.01}) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path, settings) -> Path:
    """A folder with people.csv: e-mail, given name, title, of three people."""
    settings.FILES_DIR = tmp_path / "files"
    settings.SCRATCH_DIR = tmp_path / "scratch"
    settings.FILES_DIR.mkdir()
    write_csv("people.csv", [_named(n) for n in (1, 2, 3)])
    return settings.FILES_DIR


@pytest.fixture
def connection(team: Team, sandbox: Sandbox):
    return make_connection(team=team, url=sandbox.url)


@pytest.fixture
def model(team: Team, files: Path) -> QueryModel:
    source = Source.objects.get_or_create(team=team, name="files", kind="duckdb")[0]
    return QueryModel.objects.create(team=team, source=source, name="people", sql=SQL, primary_key=["id"])


@pytest.fixture
def sync(team: Team, connection, files: Path) -> Sync:
    mapping = {"email": "email", "first_name": "given_name"}
    return make_sync(team=team, connection=connection, mapping=mapping)


@pytest.fixture
def page(client: Client, alice: User) -> "Browser":
    client.force_login(alice)
    return Browser(client)


class Browser:
    """Alice's browser: pages by the name of their address."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, name: str, *args: Any, status: int = 200, query: str = "") -> str:
        answer = self.client.get(reverse(name, args=["acme", *args]) + query)
        assert answer.status_code == status, answer.content.decode()[:2000]
        return answer.content.decode()

    def post(self, name: str, /, *args: Any, **data: Any) -> Any:
        return self.client.post(reverse(name, args=["acme", *args]), data)


def _named(number: int, **columns: Any) -> dict[str, Any]:
    row = person(number, **columns)
    row["given_name"] = row.pop("first_name")
    return row


def form_of(*rows: dict[str, str], **more: str) -> dict[str, str]:
    """The mapping form with these rows."""
    found = {"rows": str(len(rows)), "action": "next"} | more
    for at, row in enumerate(rows):
        found |= {f"row-{at}-{part}": text for part, text in ({"empty": "leave"} | row).items()}
    return found


EMAIL = {"source": "column:email", "field": "field:email"}
FIRST = {"source": "column:given_name", "field": "field:first_name"}


def begin(page: Browser, model: QueryModel, connection: Any, *, upto: str = "mapping") -> None:
    """Alice adds a sync, up to this step."""
    page.post("sync_add", model=model.public_id)
    page.post("sync_add_object", target=f"{connection.public_id}:leads")
    page.post("sync_add_mode", mode="upsert", upsert_key="email")
    if upto == "review":
        page.post("sync_add_mapping", **form_of(EMAIL, FIRST))


# Adding a sync


def test_alice_adds_a_sync_step_by_step(page, model, connection):
    assert "people" in page.get("sync_add")
    answer = page.post("sync_add", model=model.public_id)
    assert answer.url == reverse("sync_add_object", args=["acme"])
    answer = page.post("sync_add_object", target=f"{connection.public_id}:leads")
    assert answer.url == reverse("sync_add_mode", args=["acme"])
    answer = page.post("sync_add_mode", mode="upsert", upsert_key="email")
    assert answer.url == reverse("sync_add_mapping", args=["acme"])
    answer = page.post("sync_add_mapping", **form_of(EMAIL, FIRST))
    assert answer.url == reverse("sync_add_review", args=["acme"])
    assert "people → qualified leads" in page.get("sync_add_review")
    answer = page.post("sync_add_review", name="Our people", keep_records="on", action="save")
    sync = Sync.objects.get()
    assert answer.url == reverse("sync", args=["acme", sync.public_id])
    assert (sync.name, sync.object_key, sync.mode, sync.upsert_key) == (
        "Our people", "leads", "upsert", "email"
    )  # fmt: skip
    assert list(sync.mappings.values_list("field", "column")) == [
        ("email", "email"),
        ("first_name", "given_name"),
    ]
    assert not SyncDraft.objects.exists()


def test_a_sync_in_work_is_left_and_taken_up_at_will(page, client, model, connection, team):
    begin(page, model, connection)
    page.post("sync_add_mapping", **form_of(EMAIL, {"source": "value", "value": "half"}, action="leave"))
    assert "You began a new sync" in page.get("syncs")
    text = page.get("sync_add_mapping")
    assert 'value="half"' in text
    assert "Go on with it" in page.get("syncs")
    carol = User.objects.create_user("carol@example.com", "x")
    Membership.objects.create(team=team, user=carol, role=Membership.Role.EDITOR)
    client.force_login(carol)
    assert "You began a new sync" not in page.get("syncs")


def test_a_sync_in_work_can_be_thrown_away(page, model, connection):
    begin(page, model, connection)
    page.post("sync_add_mapping", action="discard")
    assert not SyncDraft.objects.exists()


def test_later_steps_send_back_to_what_comes_first(page, model, connection):
    assert page.client.get(reverse("sync_add_mapping", args=["acme"])).url == reverse(
        "sync_add", args=["acme"]
    )
    page.post("sync_add", model=model.public_id)
    answer = page.client.get(reverse("sync_add_review", args=["acme"]))
    assert answer.url == reverse("sync_add_object", args=["acme"])


def test_new_models_and_destinations_lead_back_here(page, model, connection):
    assert "/t/acme/models/add/?next=%2Ft%2Facme%2Fsyncs%2Fadd%2F%3Fchosen%3Dnewest" in page.get("sync_add")
    text = page.get("sync_add_object")
    assert "/t/acme/destinations/add/?next=%2Ft%2Facme%2Fsyncs%2Fadd%2Fdestination%2F%3Fchosen" in text
    newer = QueryModel.objects.create(
        team=model.team, source=model.source, name="newer", sql=SQL, primary_key=["id"]
    )
    text = page.get("sync_add", query="?chosen=newest")
    assert f'value="{newer.public_id}" checked' in text


def test_an_editor_is_told_who_adds_destinations(client, team, model):
    carol = User.objects.create_user("carol@example.com", "x")
    Membership.objects.create(team=team, user=carol, role=Membership.Role.EDITOR)
    client.force_login(carol)
    text = Browser(client).get("sync_add_object")
    assert "An admin of the team can add one" in text
    assert "/destinations/add/" not in text


def test_modes_that_the_destination_lacks_are_shown_with_its_reason(page, model, connection):
    page.post("sync_add", model=model.public_id)
    page.post("sync_add_object", target=f"{connection.public_id}:leads")
    text = page.get("sync_add_mode")
    assert "it has no call that only creates" in text
    assert text.count("disabled") == 2
    assert "What may happen to leads in Qualified?" in text
    answer = page.post("sync_add_mode", mode="insert", upsert_key="email")
    assert "Choose one of the modes that are offered" in answer.content.decode()


def test_the_mapping_opens_with_the_key_and_the_columns_that_fit(page, model, connection):
    begin(page, model, connection)
    text = page.get("sync_add_mapping")
    assert '<option value="column:email" selected>email · text · person1@acme.com</option>' in text
    assert '<option value="column:given_name" selected>' in text
    assert "Proposed: It has the same name. Its values are e-mail addresses." in text
    assert '<optgroup label="Company of the leads">' in text
    assert "Every lead on a company&#x27;s domain takes over the company&#x27;s values" in text


def test_what_was_typed_is_kept_and_errors_stand_at_their_row(page, model, connection):
    begin(page, model, connection)
    wrong = {"source": "column:nonsense", "field": "field:title"}
    half = {"source": "value", "value": "", "field": "field:first_name"}
    unknown = {"source": "value", "value": NASTY, "field": "name", "name": "No_such__c"}
    answer = page.post("sync_add_mapping", **form_of(EMAIL, wrong, half, unknown))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="row-1-source-error">The model&#x27;s query returns no column “nonsense”' in text
    assert 'id="row-2-value-error">Type the value that every row gets.' in text
    assert 'id="row-3-field-error">Qualified lists no field “No_such__c”' in text
    assert NASTY not in text
    assert "No_such__c" in text
    assert not Sync.objects.exists()


def test_the_key_must_be_mapped(page, model, connection):
    begin(page, model, connection)
    text = page.post("sync_add_mapping", **form_of(FIRST)).content.decode()
    assert "The field “email” must be mapped" in text


def test_a_field_mapped_twice_is_told_at_both_rows(page, model, connection):
    begin(page, model, connection)
    text = page.post("sync_add_mapping", **form_of(EMAIL, FIRST, FIRST)).content.decode()
    assert text.count("is mapped twice.</p>") == 2


def test_rows_are_added_and_removed_without_script(page, model, connection):
    begin(page, model, connection)
    page.post("sync_add_mapping", **form_of(EMAIL, FIRST, action="add"))
    text = page.get("sync_add_mapping")
    assert 'name="rows" value="5"' in text
    page.post("sync_add_mapping", **form_of(EMAIL, FIRST, {}, action="remove-0"))
    text = page.get("sync_add_mapping")
    assert 'column:email" selected' not in text
    assert 'column:given_name" selected' in text


def test_refreshing_fields_asks_the_service_and_keeps_what_was_typed(page, model, connection, sandbox):
    begin(page, model, connection)
    connection.fields = {}
    connection.save(update_fields=["fields"])
    asked = len(sandbox.requests)
    page.post("sync_add_mapping", **form_of(EMAIL, {"source": "value", "value": "kept"}, action="refresh"))
    connection.refresh_from_db()
    assert len(sandbox.requests) > asked
    assert "leads" in connection.fields
    assert 'value="kept"' in page.get("sync_add_mapping")


def test_a_field_that_is_new_there_is_asked_for(page, model, connection):
    begin(page, model, connection)
    known = connection.fields["leads"]["fields"]
    connection.fields["leads"]["fields"] = [one for one in known if one["key"] != "first_name"]
    connection.save(update_fields=["fields"])
    answer = page.post("sync_add_mapping", **form_of(EMAIL, FIRST | {"field": "name", "name": "first_name"}))
    assert answer.status_code == 302


def test_fixed_values_and_rules_for_empty_values_are_stored(page, model, connection):
    begin(page, model, connection)
    rows = [
        EMAIL,
        FIRST | {"empty": "default", "default": "friend"},
        {"source": "value", "value": "VP", "field": "field:title"},
        {"source": "column:note", "field": "field:phone", "empty": "clear"},
    ]
    assert page.post("sync_add_mapping", **form_of(*rows)).status_code == 302
    page.post("sync_add_review", name="people", action="save")
    found = FieldMapping.objects.values_list("field", "column", "value", "empty", "default")
    assert list(found) == [
        ("email", "email", None, "leave", None),
        ("first_name", "given_name", None, "default", "friend"),
        ("title", None, "VP", "leave", None),
        ("phone", "note", None, "clear", None),
    ]


def test_a_source_that_is_away_is_told_and_keeps_the_form(page, model, connection):
    begin(page, model, connection, upto="review")
    (django_settings.FILES_DIR / "people.csv").unlink()
    text = page.get("sync_add_mapping")
    assert "The model cannot be read now" in text
    assert '<option value="column:given_name" selected>' in text
    assert "This cannot be saved yet" in page.get("sync_add_review")


def test_a_name_that_is_taken_is_told_at_its_field(page, model, connection, team):
    begin(page, model, connection, upto="review")
    make_sync(team=team, connection=connection, name="taken")
    answer = page.post("sync_add_review", name="taken", action="save")
    assert 'id="name-error">The team already has a sync with this name.' in answer.content.decode()
    assert Sync.objects.count() == 1


def test_a_model_of_another_team_cannot_be_chosen(page, model, connection, other_team):
    source = Source.objects.create(team=other_team, name="theirs", kind="duckdb")
    theirs = QueryModel.objects.create(
        team=other_team, source=source, name="secret", sql=SQL, primary_key=["id"]
    )
    answer = page.post("sync_add", model=theirs.public_id)
    assert answer.status_code == 200
    assert "Choose a model" in answer.content.decode()
    assert "secret" not in answer.content.decode()


# Changing a sync


def edit_mapping(page: Browser, sync: Sync, *rows: dict[str, str]) -> Any:
    return page.post("sync_edit_mapping", sync.public_id, **form_of(*rows, seen=sync.updated_at.isoformat()))


def test_editing_the_mapping_tells_what_changes_and_saves_it(page, sync):
    title = {"source": "column:title", "field": "field:title"}
    assert edit_mapping(page, sync, EMAIL, FIRST, title).status_code == 302
    assert "filled by column title" in page.get("sync_edit", sync.public_id)
    assert "changes to this sync that are not saved" in page.get("sync", sync.public_id)
    page.post("sync_edit", sync.public_id, name=sync.name, keep_records="on", action="save")
    assert sync.mappings.filter(field="title", column="title").exists()
    sync.refresh_from_db()
    assert sync.generation == 1


def test_transformations_from_elsewhere_survive_the_form(page, sync):
    sync.mappings.filter(field="first_name").update(steps=["trim", {"map": {"a": "b"}}])
    text = page.get("sync_edit_mapping", sync.public_id)
    assert "Transformed on the way: Trim blanks; Map “a” to “b”" in text
    kept = FIRST | {"steps": '["trim",{"map":{"a":"b"}}]', "empty": "clear"}
    edit_mapping(page, sync, EMAIL, kept)
    page.post("sync_edit", sync.public_id, name=sync.name, action="save")
    assert sync.mappings.get(field="first_name").steps == ["trim", {"map": {"a": "b"}}]


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ({"template": "{{ given_name }}\n{{ title | upcase }} & “x”"}, "the template “{{ given_name }}"),
        ({"first_of": ["given_name", "title"]}, "the first of given_name, title that is not empty"),
    ],
)
def test_templates_and_the_first_of_several_columns_survive_the_form(page, sync, kept, told):
    sync.mappings.filter(field="first_name").update(
        column=None, steps=["trim"], empty="default", default="-", **kept
    )
    text = page.get("sync_edit_mapping", sync.public_id)
    assert f"Filled by <bdi>{told}" in text
    assert told in page.get("sync", sync.public_id)
    shown = re.search(r'<option value="(kept:[^"]+)" class="kept" selected>', text)[1]
    row = {"source": html.unescape(shown), "field": "field:first_name", "steps": '["trim"]'}
    edit_mapping(page, sync, EMAIL, row | {"empty": "clear"})
    assert told in page.get("sync_edit", sync.public_id)
    page.post("sync_edit", sync.public_id, name=sync.name, action="save")

    saved = sync.mappings.get(field="first_name")
    assert (saved.column, saved.value, saved.steps, saved.empty) == (None, None, ["trim"], "clear")
    assert {name: getattr(saved, name) for name in ("template", "first_of")} == {
        "template": None,
        "first_of": None,
    } | kept


def test_a_kept_template_whose_column_is_gone_is_told_at_its_row(page, sync):
    row = {"source": 'kept:{"template":"{{ given_nam }}"}', "field": "field:first_name"}
    answer = edit_mapping(page, sync, EMAIL, row)
    text = html.unescape(answer.content.decode())
    assert "Line 1 of the template: the model's query returns no column “given_nam”; did you" in text
    for broken in ("kept:", "kept:[]", 'kept:{"value":1}', 'kept:{"first_of":[]}', 'kept:{"first_of":[1]}'):
        answer = edit_mapping(page, sync, EMAIL, row | {"source": broken})
        assert "Choose one of the columns." in answer.content.decode()


def test_a_change_that_sends_all_rows_again_is_asked_about_with_their_number(page, sync, sandbox):
    finish_here(_start(sync))
    assert LedgerEntry.objects.filter(sync=sync, part=0).count() == 3
    sync.refresh_from_db()
    other = QueryModel.objects.create(
        team=sync.team, source=sync.model.source, name="by mail", sql=sync.model.sql, primary_key=["email"]
    )
    page.post("sync_edit_model", sync.public_id, model=other.public_id, seen=sync.updated_at.isoformat())
    text = page.get("sync_edit", sync.public_id)
    assert "another primary key" in text
    assert "<strong>3 rows</strong>" in text
    answer = page.post("sync_edit", sync.public_id, name=sync.name, keep_records="on", action="save")
    assert "Tick this if the rows may be sent again" in answer.content.decode()
    sync.refresh_from_db()
    assert sync.generation == 1
    page.post("sync_edit", sync.public_id, name=sync.name, keep_records="on", again="on", action="save")
    sync.refresh_from_db()
    assert (sync.generation, sync.model) == (2, other)


def test_a_page_opened_before_somebody_elses_change_is_told_too(page, sync):
    seen = sync.updated_at - timedelta(seconds=1)
    page.post("sync_edit_mapping", sync.public_id, **form_of(EMAIL, seen=seen.isoformat()))
    assert "Somebody else changed this sync" in page.get("sync_edit", sync.public_id)


def test_a_mapping_is_not_changed_under_a_run(page, sync):
    run = _start(sync)
    edit_mapping(page, sync, EMAIL)
    answer = page.post("sync_edit", sync.public_id, name=sync.name, keep_records="on", action="save")
    assert f"Run {run.number} is under way" in answer.content.decode()
    assert sync.mappings.count() == 2


def test_a_sync_is_renamed_while_it_runs(page, sync):
    _start(sync)
    page.post("sync_edit", sync.public_id, name="New name", keep_records="on", action="save")
    assert Sync.objects.get().name == "New name"


# Running


def _start(sync: Sync, **options: Any) -> Run:
    from syncs.engine.run import start

    return start(sync, ring=False, **options)


def test_the_first_full_run_is_counted_and_confirmed_before_anything_is_sent(page, sync, sandbox, alice):
    write_csv("people.csv", [_named(1), _named(2), _named(3, email="not an address")])
    first = reverse("sync_first", args=["acme", sync.public_id])
    assert page.post("sync_run", sync.public_id).url == first
    count = Run.objects.get()
    assert (count.dry_run, count.started_by) == (True, alice)
    assert "data-refresh" in page.get("sync_first", sync.public_id)
    finish_here(count)
    text = page.get("sync_first", sync.public_id)
    waiting = reverse("run_rows", args=["acme", count.public_id]) + "?show=waiting"
    assert f'<dt>New or changed</dt><dd><a href="{waiting}">2</a></dd>' in text
    assert f"Send 2 rows to {sync.connection.name}" in text
    assert "The one that" in text
    assert not sandbox.leads()
    answer = page.post("sync_first", sync.public_id, action="send", count=count.public_id)
    run = Run.objects.get(dry_run=False)
    assert answer.url == reverse("run", args=["acme", run.public_id])
    finish_here(run)
    assert len(sandbox.leads()) == 2
    sync.refresh_from_db()
    assert page.post("sync_run", sync.public_id).url.startswith("/t/acme/runs/")


def test_numbers_of_before_a_change_are_not_confirmed(page, sync):
    page.post("sync_run", sync.public_id)
    count = finish_here(Run.objects.get())
    sync.save()
    page.post("sync_first", sync.public_id, action="send", count=count.public_id)
    assert not Run.objects.filter(dry_run=False).exists()


def test_a_count_that_stopped_tells_why(page, sync):
    (django_settings.FILES_DIR / "people.csv").unlink()
    page.post("sync_run", sync.public_id)
    finish_here(Run.objects.get())
    text = page.get("sync_first", sync.public_id)
    assert "The rows could not be counted" in text
    assert "Count again" in text


def test_a_test_sends_ten_rows_or_chosen_ones(page, sync):
    page.post("sync_test", sync.public_id, rows="ten")
    run = Run.objects.get()
    assert (run.limit, run.keys) == (10, None)
    finish_here(run)
    page.post("sync_test", sync.public_id, rows="chosen", keys="2\r\n3\r\n2\r\n")
    assert Run.objects.latest("pk").keys == ["2", "3"]


def test_a_test_without_keys_is_told_at_its_field(page, sync):
    answer = page.post("sync_test", sync.public_id, rows="chosen", keys=" ")
    assert "Type the primary key of at least one row" in answer.content.decode()
    assert not Run.objects.exists()


def test_keys_of_several_columns_are_separated_by_commas(page, sync):
    QueryModel.objects.update(primary_key=["country", "id"])
    answer = page.post("sync_test", sync.public_id, rows="chosen", keys="de, 4\njust one")
    assert "“just one” does not have a value for each of country, id" in answer.content.decode()
    page.post("sync_test", sync.public_id, rows="chosen", keys='de, 4\n["a, b", 5]')
    assert Run.objects.get().keys == ['["de","4"]', '["a, b","5"]']


def test_a_sync_that_runs_already_shows_that_run(page, sync):
    run = _start(sync)
    answer = page.post("sync_test", sync.public_id, rows="ten")
    assert answer.url == reverse("run", args=["acme", run.public_id])
    assert Run.objects.count() == 1


def test_all_rows_are_sent_again_after_asking(page, sync):
    finish_here(_start(sync))
    assert "<strong>3 rows</strong> were sent before" in page.get("sync_full", sync.public_id)
    page.post("sync_full", sync.public_id)
    assert Run.objects.latest("pk").full


def test_a_paused_sync_is_not_run(page, sync):
    page.post("sync_pause", sync.public_id)
    assert "This sync is paused" in page.get("sync", sync.public_id)
    page.post("sync_run", sync.public_id)
    page.post("sync_test", sync.public_id, rows="ten")
    assert not Run.objects.exists()
    assert "leads is paused. Resume it, then run it." in page.get("sync", sync.public_id)
    page.post("sync_resume", sync.public_id)
    page.post("sync_test", sync.public_id, rows="ten")
    assert Run.objects.exists()


def test_removing_a_sync_is_asked_about_and_takes_all_of_it(page, sync, sandbox):
    finish_here(_start(sync))
    text = page.get("sync_remove", sync.public_id)
    assert "history of 1 run" in text
    assert "memory of 3 sent rows" in text
    page.post("sync_remove", sync.public_id)
    assert not Sync.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert len(sandbox.leads()) == 3


def test_a_sync_that_runs_is_not_removed(page, sync):
    _start(sync)
    assert "under way" in page.get("sync_remove", sync.public_id)
    page.post("sync_remove", sync.public_id)
    assert Sync.objects.exists()


# Looking


def test_the_list_shows_the_last_run_and_its_totals(page, sync):
    finish_here(_start(sync))
    text = page.get("syncs")
    assert "Succeeded" in text
    assert "show=arrived" in text
    assert "Run now" in text


def test_a_count_is_no_run_in_the_list(page, sync):
    finish_here(_start(sync, dry_run=True))
    assert "Never run" in page.get("syncs")


def test_an_empty_team_is_told_what_a_sync_is(page):
    text = page.get("syncs")
    assert "A sync sends the rows of a model" in text
    assert text.count("Add sync") == 1


def test_nasty_names_are_shown_as_text(page, sync, model, connection):
    Sync.objects.update(name=NASTY[:100])
    begin(page, model, connection, upto="review")
    page.post("sync_add_review", name=NASTY, action="leave")
    for text in (page.get("syncs"), page.get("sync", sync.public_id), page.get("sync_add_review")):
        assert "<b>" not in text


def test_the_list_is_paged_and_filters_survive(page, team, connection, sync):
    _many(sync, 60)
    text = page.get("syncs", query="?q=many")
    assert text.count("<tr>") == 51
    older = text.split('href="?q=many&amp;after=')[1].split('"')[0]
    text = page.get("syncs", query=f"?q=many&after={older}")
    assert text.count("<tr>") == 11
    assert "No sync fits this" in page.get("syncs", query="?q=nothing")
    assert page.get("syncs", query="?after=nonsense").count("<tr>") == 51


def test_the_list_is_narrowed_to_a_model(page, sync, model):
    Sync.objects.create(
        team=sync.team,
        name="other",
        model=model,
        connection=sync.connection,
        object_key="leads",
        upsert_key="email",
    )
    text = page.get("syncs", query=f"?model={model.public_id}")
    assert ">other</a>" in text
    assert ">leads</a>" not in text
    linked = reverse("syncs", args=["acme"]) + f"?model={model.public_id}"
    assert f'<a href="{linked}">1</a>' in page.get("models")


@pytest.mark.parametrize("count", [2, 50])
def test_the_number_of_queries_does_not_grow(page, sync, count, django_assert_max_num_queries):
    _many(sync, count)
    with django_assert_max_num_queries(11):
        page.get("syncs")
    with django_assert_max_num_queries(16):
        page.get("sync", sync.public_id)
    with django_assert_max_num_queries(8):
        page.get("sync_add_object")


def _many(sync: Sync, count: int) -> None:
    found = [
        Sync(
            team=sync.team,
            name=f"many {number}",
            model=sync.model,
            connection=sync.connection,
            object_key="leads",
            upsert_key="email",
        )
        for number in range(count)
    ]
    Sync.objects.bulk_create(found)
    now = timezone.now()
    Run.objects.bulk_create(
        Run(team=sync.team, sync=one, number=1, generation=1, due_at=now, status="succeeded")
        for one in [*found, sync]
    )


# Who may

LOOKING = ["syncs", "sync"]
CHANGING = [
    "sync_add",
    "sync_add_object",
    "sync_add_mode",
    "sync_add_mapping",
    "sync_add_review",
    "sync_edit",
    "sync_edit_model",
    "sync_edit_object",
    "sync_edit_mode",
    "sync_edit_mapping",
    "sync_run",
    "sync_test",
    "sync_first",
    "sync_full",
    "sync_pause",
    "sync_resume",
    "sync_remove",
]


def _address(name: str, sync: Sync) -> str:
    is_of_one = name != "syncs" and not name.startswith("sync_add")
    return reverse(name, args=["acme", sync.public_id] if is_of_one else ["acme"])


@pytest.mark.parametrize("name", LOOKING)
def test_bob_looks_and_sees_no_buttons(client, bob, sync, name):
    client.force_login(bob)
    answer = client.get(_address(name, sync))
    assert answer.status_code == 200
    text = answer.content.decode().split('id="content"')[1]
    for word in ("Run now", "Add sync", ">Edit<", "Remove", "Pause", "Run a test"):
        assert word not in text, word


@pytest.mark.parametrize("name", CHANGING)
def test_bob_may_change_nothing(client, bob, sync, name):
    client.force_login(bob)
    for answer in (client.get(_address(name, sync)), client.post(_address(name, sync))):
        assert answer.status_code == 403
        assert "needs the role editor" in answer.content.decode()
    assert not Run.objects.exists()
    assert not SyncDraft.objects.exists()


@pytest.mark.parametrize("name", LOOKING + CHANGING)
def test_charlie_finds_nothing(client, charlie, sync, name):
    client.force_login(charlie)
    address = _address(name, sync)
    assert client.get(address).status_code == 404
    assert client.post(address).status_code == 404
    elsewhere = address.replace("/t/acme/", "/t/globex/")
    if str(sync.public_id) in address:
        assert client.get(elsewhere).status_code == 404
        assert client.post(elsewhere).status_code == 404
    assert Sync.objects.filter(pk=sync.pk, paused=False).exists()
