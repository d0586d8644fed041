"""Models in the browser: picking a table, writing SQL, the key, and what a change of it costs."""

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from destinations.models import Connection, RemoteAccount
from syncadmin.teams.models import Membership, Team, User
from syncs.models import FieldMapping, LedgerEntry, QueryModel, Run, Source, Sync
from syncs.views import source_health
from syncs.views.model_keys import check_key

OF_ONE = ("", "edit/", "preview/", "remove/")
HTML = "<b>bold</b>"


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def source(team: Team) -> Source:
    folder = settings.FILES_DIR / "models"
    folder.mkdir(parents=True, exist_ok=True)
    people = "".join(f"{n},p{n}@acme.com,{'' if n % 4 else 'VP'}\n" for n in range(1, 201))
    (folder / "people.csv").write_text(f"id,email,title\n{people}")
    (folder / "twice.csv").write_text("id,email\n1,a@acme.com\n1,b@acme.com\n2,c@acme.com\n,d@acme.com\n")
    return Source.objects.create(
        team=team, name="Files", kind="duckdb", options={"path": "models"}, health="good"
    )


@pytest.fixture
def model(team: Team, source: Source) -> QueryModel:
    return QueryModel.objects.create(
        team=team, source=source, name="People", sql="select * from 'people.csv'", primary_key=["id"]
    )


@pytest.fixture
def sync(team: Team, model: QueryModel) -> Sync:
    account = RemoteAccount.objects.create(team=team, destination="qualified")
    connection = Connection.objects.create(team=team, account=account, name="Q", destination="qualified")
    sync = Sync.objects.create(
        team=team, name="Leads", model=model, connection=connection, object_key="leads", upsert_key="email"
    )
    FieldMapping.objects.create(team=team, sync=sync, position=0, field="email", column="email")
    for number in range(3):
        LedgerEntry.objects.create(
            team=team,
            sync=sync,
            generation=1,
            key=bytes([number]) * 16,
            key_text=str(number),
            match_key="",
            run_number=1,
        )
    return sync


def page(response) -> str:
    assert response.status_code == 200, response
    return response.content.decode()


def wanted(source: Source, **changed) -> dict:
    given = {
        "source": str(source.public_id),
        "name": "People",
        "sql": "select * from 'people.csv'",
        "key": ["id"],
        "save": "1",
    }
    return given | changed


def changed(model: QueryModel, **values) -> dict:
    given = {
        "name": model.name,
        "sql": model.sql,
        "key": model.primary_key,
        "seen_at": model.updated_at.isoformat(),
        "save": "1",
    }
    return given | values


def test_a_team_without_a_source_is_led_to_one_and_back(browser):
    shown = page(browser.get("/t/acme/models/add/?next=/t/acme/syncs/add/"))

    assert 'href="/t/acme/sources/add/?next=%2Ft%2Facme%2Fmodels%2Fadd%2F%3Fnext' in shown


def test_of_several_sources_one_is_chosen(browser, team, source):
    Source.objects.create(team=team, name="Other", kind="duckdb")

    shown = page(browser.get("/t/acme/models/add/"))

    assert f"?source={source.public_id}" in shown
    assert "Which source has the rows?" in shown


def test_a_picked_table_is_written_run_and_named_with_its_key_proposed(browser, source):
    shown = page(browser.get(f"/t/acme/models/add/?source={source.public_id}&table=people.csv"))

    assert "select * from &#x27;people.csv&#x27;" in shown
    assert 'value="people"' in shown
    assert 'value="id" checked' in shown
    assert "75% empty" in shown
    assert "p50@acme.com" in shown
    assert "p51@acme.com" not in shown
    assert "counted over all 200 rows" in shown


def test_a_model_is_saved_and_the_page_that_asked_for_it_comes_next(browser, source):
    response = browser.post(
        "/t/acme/models/add/", wanted(source, next="/t/acme/syncs/add/?chosen=newest", key=["email", "id"])
    )

    model = QueryModel.objects.get()
    assert response.url == "/t/acme/syncs/add/?chosen=newest"
    assert (model.name, model.sql, model.primary_key) == (
        "People",
        "select * from 'people.csv'",
        ["email", "id"],
    )


def test_running_a_query_saves_nothing_and_keeps_what_was_typed(browser, source):
    data = wanted(source, sql="select id, email\r\nfrom 'people.csv'", name=HTML, run="1")
    del data["save"]
    shown = page(browser.post("/t/acme/models/add/", data))

    assert "p1@acme.com" in shown
    assert "&lt;b&gt;bold&lt;/b&gt;" in shown
    assert not QueryModel.objects.exists()


def test_an_error_of_the_sql_is_told_with_its_line(browser, source):
    shown = page(
        browser.post("/t/acme/models/add/", wanted(source, sql="select *\nfrom 'people.csv'\nwhere x ="))
    )

    assert "wrong in line 3" in shown
    assert "Line 3 is: where x =" in shown
    assert 'aria-invalid="true"' in shown
    assert not QueryModel.objects.exists()


def test_a_key_must_be_ticked_and_must_be_a_column(browser, source):
    nothing = page(browser.post("/t/acme/models/add/", wanted(source, key=[])))
    unknown = page(browser.post("/t/acme/models/add/", wanted(source, key=["ids"])))

    assert "Tick the column" in nothing
    assert 'value="id" checked' in nothing
    assert "returns no column “ids”" in unknown
    assert not QueryModel.objects.exists()


def test_a_key_that_is_empty_or_repeated_is_told_with_examples_and_saved_when_wanted(browser, source):
    data = wanted(source, sql="select * from 'twice.csv'")
    shown = page(browser.post("/t/acme/models/add/", data))

    assert "In 1 of 4 rows the primary key is empty, for example in row 4" in shown
    assert "1 of 4 rows has a primary key that another row has too" in shown
    assert "<code><bdi>1</bdi></code>" in shown
    assert not QueryModel.objects.exists()

    mark = shown.partition('name="warned" value="')[2].partition('"')[0]
    other = page(
        browser.post(
            "/t/acme/models/add/", data | {"warned": mark, "sql": "select 1 as id union all select 1"}
        )
    )
    assert "Nothing is saved yet" in other  # the warning was about another query

    assert browser.post("/t/acme/models/add/", data | {"warned": mark}).status_code == 302
    assert QueryModel.objects.get().primary_key == ["id"]


def test_several_columns_together_may_be_the_key(browser, source):
    data = wanted(source, sql="select * from 'twice.csv' where id is not null", key=["id", "email"])

    assert browser.post("/t/acme/models/add/", data).status_code == 302


def test_the_model_page_shows_query_key_columns_and_who_uses_it(browser, model, sync):
    shown = page(browser.get(f"/t/acme/models/{model.public_id}/"))

    assert "select * from &#x27;people.csv&#x27;" in shown
    assert "title" in shown
    assert "Leads" in shown
    assert "p1@acme.com" in page(browser.get(f"/t/acme/models/{model.public_id}/preview/"))


def test_another_key_asks_with_the_rows_to_be_sent_again_and_starts_anew(browser, model, sync):
    address = f"/t/acme/models/{model.public_id}/edit/"
    data = changed(model, key=["email"])

    shown = page(browser.post(address, data))

    assert "Save, and send 3 rows again" in shown
    sync.refresh_from_db()
    assert sync.generation == 1

    mark = shown.partition('name="warned" value="')[2].partition('"')[0]
    assert browser.post(address, data | {"warned": mark}).status_code == 302
    sync.refresh_from_db()
    model.refresh_from_db()
    assert (sync.generation, model.primary_key) == (2, ["email"])


def test_the_key_waits_for_a_run_that_goes_by_it(browser, team, model, sync):
    Run.objects.create(team=team, sync=sync, number=1, generation=1, due_at=timezone.now())
    address = f"/t/acme/models/{model.public_id}/edit/"
    shown = page(browser.post(address, changed(model, key=["email"])))
    mark = shown.partition('name="warned" value="')[2].partition('"')[0]

    shown = page(browser.post(address, changed(model, key=["email"], warned=mark)))

    assert "Leads is running" in shown
    model.refresh_from_db()
    assert model.primary_key == ["id"]


def test_other_sql_with_the_same_key_sends_nothing_again(browser, model, sync):
    address = f"/t/acme/models/{model.public_id}/edit/"
    sql = "select id, email\nfrom 'people.csv'"

    assert browser.post(address, changed(model, sql=sql, name="Customers")).status_code == 302

    sync.refresh_from_db()
    model.refresh_from_db()
    assert (sync.generation, model.sql, model.name) == (1, sql, "Customers")


def test_sql_that_drops_what_a_sync_needs_is_not_saved(browser, model, sync):
    address = f"/t/acme/models/{model.public_id}/edit/"

    shown = page(browser.post(address, changed(model, sql="select id from 'people.csv'")))

    assert "The sync Leads needs “email”" in shown
    model.refresh_from_db()
    assert model.sql == "select * from 'people.csv'"


def test_the_second_of_two_editors_is_told_and_keeps_the_input(browser, model):
    address = f"/t/acme/models/{model.public_id}/edit/"
    browser.post(address, changed(model, name="First"))

    shown = page(browser.post(address, changed(model, name="Second")))

    assert "Somebody else changed this model" in shown
    assert 'value="Second"' in shown
    model.refresh_from_db()
    assert model.name == "First"
    assert browser.post(address, changed(model, name="Second")).status_code == 302


def test_a_model_in_use_stays_and_says_who_uses_it(browser, model, sync):
    address = f"/t/acme/models/{model.public_id}/remove/"

    assert "cannot be removed while syncs send its rows" in page(browser.post(address))

    sync.delete()
    assert browser.post(address).status_code == 302
    assert not QueryModel.objects.exists()


def test_a_source_that_is_gone_breaks_no_page(browser, model, source):
    source.options = {"path": "nowhere"}
    source.save()

    for part in ("", "edit/", "preview/"):
        assert "There is no “nowhere”" in page(browser.get(f"/t/acme/models/{model.public_id}/{part}"))
    assert "There is no “nowhere”" in page(browser.get("/t/acme/models/add/"))
    assert "There is no “nowhere”" in page(browser.post("/t/acme/models/add/", wanted(source, name="New")))


def test_values_and_names_are_never_taken_for_markup(browser, source):
    name = 'x<i>"' + "n" * 290
    quoted = name.replace('"', '""')
    sql = f"select 1 as id, '<script>x</script>' as \"{quoted}\", 'שלום' as rtl"
    data = wanted(source, sql=sql, run="1", key=[])
    del data["save"]

    shown = page(browser.post("/t/acme/models/add/", data))

    assert "<script>x" not in shown
    assert "x<i>" not in shown
    assert "<bdi>שלום</bdi>" in shown


def test_a_model_of_many_columns_is_shown(browser, source):
    columns = ", ".join(f"{n} as c{n}" for n in range(150))
    data = wanted(source, sql=f"select {columns}", run="1", key=[])
    del data["save"]

    assert page(browser.post("/t/acme/models/add/", data)).count('type="checkbox"') == 150


def test_bob_looks_and_finds_no_button(client, bob, model):
    client.force_login(bob)

    for address in (
        "/t/acme/models/",
        f"/t/acme/models/{model.public_id}/",
        f"/t/acme/models/{model.public_id}/preview/",
    ):
        shown = page(client.get(address))
        assert "People" in shown
        assert not any(f"{door}/" in shown for door in ("/add", "/edit", "/remove"))
    for part in ("add/", f"{model.public_id}/edit/", f"{model.public_id}/remove/"):
        assert client.post(f"/t/acme/models/{part}").status_code == 403
    assert QueryModel.objects.exists()


def test_what_stands_for_a_person_in_a_models_rows_is_shown_to_editors(browser, client, bob, model):
    address = f"/t/acme/models/{model.public_id}/preview/"
    assert "@acme.com" in page(browser.get(address))
    client.force_login(bob)
    shown = page(client.get(address))
    assert "@acme.com" not in shown
    assert "What is in them is shown to editors." in shown


def test_an_editor_makes_models(client, bob, source):
    Membership.objects.update(role=Membership.Role.EDITOR)
    client.force_login(bob)

    assert client.post("/t/acme/models/add/", wanted(source)).status_code == 302
    assert QueryModel.objects.get().team.slug == "acme"


def test_charlie_finds_nothing(client, charlie, model, source):
    client.force_login(charlie)

    for path in ("", "add/", *(f"{model.public_id}/{part}" for part in OF_ONE)):
        assert client.get(f"/t/acme/models/{path}").status_code == 404
        assert client.post(f"/t/acme/models/{path}").status_code == 404
    for part in OF_ONE:
        assert client.post(f"/t/globex/models/{model.public_id}/{part}").status_code == 404
    assert "Files" not in page(client.get(f"/t/globex/models/add/?source={source.public_id}"))
    assert "Files" not in page(client.post("/t/globex/models/add/", wanted(source)))
    assert QueryModel.objects.count() == 1


@pytest.mark.parametrize("count", [2, 50])
def test_the_list_takes_as_many_queries_for_fifty_as_for_two(
    browser, team, source, count, django_assert_max_num_queries
):
    for number in range(count):
        QueryModel.objects.create(
            team=team, source=source, name=f"{HTML} {number}", sql="select 1", primary_key=["id"]
        )

    with django_assert_max_num_queries(7):
        shown = page(browser.get("/t/acme/models/"))

    assert HTML not in shown
    assert shown.count('<th scope="row">') == count


def test_a_query_too_slow_for_a_page_shows_its_columns_and_can_be_saved_all_the_same(
    browser, source, monkeypatch
):
    monkeypatch.setitem(source_health.QUICK, "statement_timeout", 1)
    slow = "select count(*) as id from range(100_000_000_000) t(n) where sqrt(n) < 0"

    shown = page(browser.post("/t/acme/models/add/", wanted(source, sql=slow)))

    assert "Not all rows could be checked" in shown
    assert "takes too long for a look at its rows" in shown
    mark = shown.partition('name="warned" value="')[2].partition('"')[0]
    assert browser.post("/t/acme/models/add/", wanted(source, sql=slow, warned=mark)).status_code == 302


def test_a_key_is_known_as_runs_know_it(team, source):
    sql = "select * from (values ('1'), ('1.0'), (' 1'), ('A'), ('a')) t(id)"

    assert check_key(source, sql, ["id"]).is_good

    numbers = "select * from (values (1::decimal(9, 2)), (1.00::decimal(9, 2))) t(id)"
    check = check_key(source, numbers, ["id"])

    assert (check.repeated_count, check.repeated, check.is_whole) == (1, ["1"], True)


def test_examples_are_few_however_many_keys_are_repeated(team, source):
    check = check_key(source, "select n % 1000 as id from range(20_000) t(n)", ["id"])

    assert (check.read_count, check.repeated_count, len(check.repeated)) == (20_000, 19_000, 5)
