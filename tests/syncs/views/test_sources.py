"""Sources in the browser: adding, testing, changing, uploading and removing them."""

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from destinations.models import Connection, RemoteAccount
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Membership, Team, User
from syncs.models import FieldMapping, QueryModel, Source, Sync
from syncs.views.sync_columns import describe
from tests.postgres import PASSWORD, Database, Server, postgres_server  # noqa: F401

ALL = ("", "add/", "add/postgres/", "add/duckdb/", "add/upload/")
OF_ONE = ("", "edit/", "test/", "remove/")
HTML = "<script>alert('x')</script>"


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def database(postgres_server: Server):  # noqa: F811
    with postgres_server.database() as database:
        database.execute("create table people (id int, email text)")
        yield database


@pytest.fixture
def files() -> Path:
    folder = settings.FILES_DIR / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "people.csv").write_text("id,email\n1,ann@acme.com\n")
    return folder


@pytest.fixture
def source(team: Team, files: Path) -> Source:
    return Source.objects.create(
        team=team, name="Files", kind="duckdb", options={"path": "sources"}, health="good"
    )


def fields(database: Database, **changed: str) -> dict[str, str]:
    given = {
        "name": "Warehouse",
        "time_zone": "UTC",
        "setting-host": "127.0.0.1",
        "setting-port": str(database.server.port),
        "setting-database": database.name,
        "setting-user": "reader",
        "setting-password": PASSWORD,
        "setting-sslmode": "prefer",
        "setting-channel_binding": "prefer",
    }
    return given | {key.replace("__", "-"): value for key, value in changed.items()}


def csv_file(text: str | bytes, name: str = "people.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text, "text/csv")


def page(response) -> str:
    assert response.status_code == 200, response
    return response.content.decode()


def test_an_empty_team_is_told_what_a_source_is(browser):
    shown = page(browser.get("/t/acme/sources/"))

    assert "A source is the database or the files" in shown
    assert 'href="/t/acme/sources/add/"' in shown
    assert all(
        word in page(browser.get("/t/acme/sources/add/")) for word in ("PostgreSQL", "Files", "Uploaded")
    )


def test_postgres_is_added_by_its_fields_and_tested_at_once(browser, database):
    response = browser.post("/t/acme/sources/add/postgres/", fields(database), follow=True)

    source = Source.objects.get()
    assert (source.name, source.health) == ("Warehouse", "good")
    assert source.credentials == {"password": Secret(PASSWORD)}
    shown = page(response)
    assert "It works. Connected to" in shown
    assert "people" in shown
    assert PASSWORD not in shown


def test_postgres_is_added_by_an_address_alone(browser, database):
    browser.post("/t/acme/sources/add/postgres/", {"url": database.url, "name": "", "time_zone": "UTC"})

    source = Source.objects.get()
    assert (source.name, source.health) == (database.name, "good")
    assert source.credentials == {"password": Secret(PASSWORD)}


def test_an_address_fills_the_fields_and_its_password_stays_on_the_server(browser, database):
    data = fields(database, setting__host="", setting__database="", setting__password="")
    shown = page(browser.post("/t/acme/sources/add/postgres/", data | {"url": database.url, "fill": "1"}))

    assert f'value="{database.name}"' in shown
    assert "You entered it already" in shown
    assert "pass w" not in shown
    assert "pass%20w" not in shown
    assert Source.objects.count() == 0

    browser.post("/t/acme/sources/add/postgres/", fields(database, setting__password=""))

    assert Source.objects.get().health == "good"


def test_an_address_that_is_none_is_told_at_its_field_and_not_repeated(browser, database):
    data = fields(database) | {"url": "mysql://reader:hunter2@db/x"}
    shown = page(browser.post("/t/acme/sources/add/postgres/", data))

    assert "is no address of a PostgreSQL database" in shown
    assert "hunter2" not in shown
    assert 'aria-invalid="true"' in shown


def test_a_source_that_does_not_work_is_saved_only_by_one_who_knows(browser, database):
    wrong = fields(database, setting__password="wrong password")
    shown = page(browser.post("/t/acme/sources/add/postgres/", wrong))

    assert "It does not work, and nothing is saved yet." in shown
    assert "wrong password" not in shown
    assert Source.objects.count() == 0

    shown = page(browser.post("/t/acme/sources/add/postgres/", wrong | {"anyway": "1"}, follow=True))

    source = Source.objects.get()
    assert source.health == "attention"
    assert source.health_reason in shown.replace("&#x27;", "'")


def test_what_was_typed_is_kept_and_told_at_its_field(browser, database):
    shown = page(
        browser.post("/t/acme/sources/add/postgres/", fields(database, name=HTML, setting__port="many"))
    )

    assert "Port: must be a whole number." in shown
    assert 'value="many"' in shown
    assert HTML not in shown
    assert Source.objects.count() == 0


def test_a_name_is_used_once(browser, source):
    shown = page(
        browser.post(
            "/t/acme/sources/add/duckdb/",
            {"name": "Files", "time_zone": "UTC", "setting-path": "."},
        )
    )

    assert "already has a source with this name" in shown


def test_a_path_out_of_the_folder_is_refused_at_its_field(browser, files):
    data = {"name": "Files", "time_zone": "UTC", "setting-path": "../.."}
    shown = page(browser.post("/t/acme/sources/add/duckdb/", data))

    assert "path must lie in the files folder" in shown


def test_editing_keeps_the_password_but_not_for_another_machine(browser, database):
    browser.post("/t/acme/sources/add/postgres/", fields(database))
    source = Source.objects.get()
    address = f"/t/acme/sources/{source.public_id}/edit/"
    assert PASSWORD not in page(browser.get(address))
    data = fields(database, setting__password="", seen_at=source.updated_at.isoformat())

    shown = page(browser.post(address, data | {"setting-host": "localhost"}))

    assert "Enter it again" in shown

    browser.post(address, data | {"name": "Main"})

    source.refresh_from_db()
    assert (source.name, source.health) == ("Main", "good")
    assert source.credentials == {"password": Secret(PASSWORD)}


def test_the_second_of_two_editors_is_told_and_keeps_the_input(browser, source):
    address = f"/t/acme/sources/{source.public_id}/edit/"
    data = {"time_zone": "UTC", "setting-path": "sources", "seen_at": source.updated_at.isoformat()}
    browser.post(address, data | {"name": "First"})

    shown = page(browser.post(address, data | {"name": "Second"}))

    assert "Somebody else changed this source" in shown
    assert 'value="Second"' in shown
    source.refresh_from_db()
    assert source.name == "First"
    assert source.updated_at.isoformat() in shown

    browser.post(address, data | {"name": "Second", "seen_at": source.updated_at.isoformat()})

    source.refresh_from_db()
    assert source.name == "Second"


def test_testing_again_finds_that_it_works_no_more(browser, source, files):
    before = source.updated_at
    Source.objects.update(options={"path": "nowhere"})

    shown = page(browser.post(f"/t/acme/sources/{source.public_id}/test/", follow=True))

    source.refresh_from_db()
    assert "It does not work. There is no “nowhere”" in shown
    assert (source.health, source.updated_at) == ("attention", before)


def test_an_uploaded_file_becomes_a_source_named_like_it(browser):
    data = {"time_zone": "UTC", "name": "", "file": csv_file("id,email\n1,ann@acme.com\n2,tim@acme.com\n")}
    shown = page(browser.post("/t/acme/sources/add/upload/", data, follow=True))

    source = Source.objects.get()
    assert (source.name, source.kind, source.health) == ("people", "upload", "good")
    assert "The file holds 2 rows and 2 columns." in shown
    assert (settings.UPLOADS_DIR / source.options["path"] / "data.csv").is_file()
    assert source.options["path"] not in shown


def test_the_columns_of_an_uploaded_file_can_be_mapped(browser, team):
    browser.post("/t/acme/sources/add/upload/", {"time_zone": "UTC", "file": csv_file("id,email\n1,a\n")})
    model = QueryModel(team=team, source=Source.objects.get(), sql="select * from 'data.csv'")

    assert describe(model).names == ["id", "email"]


def test_a_newer_file_takes_the_place_of_the_old_and_tells_what_is_gone(browser):
    browser.post("/t/acme/sources/add/upload/", {"time_zone": "UTC", "file": csv_file("id,email\n1,a\n")})
    source = Source.objects.get()
    old = settings.UPLOADS_DIR / source.options["path"]
    data = {"time_zone": "UTC", "name": source.name, "seen_at": source.updated_at.isoformat()}

    shown = page(
        browser.post(
            f"/t/acme/sources/{source.public_id}/edit/",
            data | {"file": csv_file("id,name\n1,Ann\n2,Tim\n3,Zoë\n")},
            follow=True,
        )
    )

    source.refresh_from_db()
    assert "3 rows and 2 columns" in shown
    assert "columns that this one has not: email" in shown
    assert not old.exists()
    assert "Zoë" in (settings.UPLOADS_DIR / source.options["path"] / "data.csv").read_text()


def test_changing_a_source_tells_which_models_no_longer_work(browser, team, source, files):
    (files / "people.csv").write_text("id,mail\n1,ann@acme.com\n")
    make = QueryModel.objects.create
    make(team=team, source=source, name="fine", sql="select id from 'people.csv'", primary_key=["id"])
    make(team=team, source=source, name=f"gone {HTML}", sql="select * from 'gone.csv'", primary_key=["id"])
    make(team=team, source=source, name="keyless", sql="select mail from 'people.csv'", primary_key=["id"])
    make(team=team, source=source, name="mapped", sql="select * from 'people.csv'", primary_key=["id"])
    connection = Connection.objects.create(
        team=team,
        name="q",
        destination="qualified",
        account=RemoteAccount.objects.create(team=team, destination="qualified"),
    )
    sync = Sync.objects.create(
        team=team,
        name="leads",
        model=QueryModel.objects.get(name="mapped"),
        connection=connection,
        object_key="leads",
        upsert_key="email",
    )
    FieldMapping.objects.create(team=team, sync=sync, position=0, field="email", column="email")
    address = f"/t/acme/sources/{source.public_id}/edit/"
    data = {"name": source.name, "time_zone": "UTC", "setting-path": "sources"}

    shown = page(browser.post(address, data | {"seen_at": source.updated_at.isoformat()}, follow=True))

    assert "Models that read it do not work with what is saved now:" in shown
    assert HTML not in shown
    assert ">keyless</a>: The model&#x27;s query returns no column “id”" in shown
    assert ">mapped</a>: It no longer returns the column “email”, which the sync leads needs." in shown
    assert "gone.csv" in shown
    told = shown[: shown.index("</p>", shown.index("Models that read it"))]
    assert ">fine</a>" not in told

    QueryModel.objects.exclude(name="fine").exclude(syncs=sync).delete()
    (files / "people.csv").write_text("id,email\n1,ann@acme.com\n")
    source.refresh_from_db()
    shown = page(browser.post(address, data | {"seen_at": source.updated_at.isoformat()}, follow=True))
    assert "With it the 2 models that read it work." in shown


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "The submitted file is empty"),
        ("\n1,2\n", "first line is empty"),
        ("id,,email\n1,2,3\n", "Column 2 has no name"),
        ("id,ID\n1,2\n", "Two columns are called"),
        ("id,naïve\n".encode("latin-1"), "not in UTF-8"),
        (b"PK\x03\x04\x00", "not a CSV file"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_what_to_do(browser, content, words):
    data = {"time_zone": "UTC", "name": "People", "file": csv_file(content)}
    shown = page(browser.post("/t/acme/sources/add/upload/", data))

    assert words in shown
    assert Source.objects.count() == 0
    assert not list(settings.UPLOADS_DIR.glob("*")) or Source.objects.count() == 0


def test_a_file_larger_than_allowed_is_refused(browser):
    file = SimpleUploadedFile("big.csv", b"id\n")
    file.file, file.size = io.BytesIO(b"id\n" + b"1\n" * 27_000_000), 54_000_003
    shown = page(browser.post("/t/acme/sources/add/upload/", {"time_zone": "UTC", "file": file}))

    assert "larger than 50 MB" in shown


def test_a_source_in_use_stays_and_says_who_uses_it(browser, team, source):
    QueryModel.objects.create(team=team, source=source, name="People", sql="select 1", primary_key=["id"])
    address = f"/t/acme/sources/{source.public_id}/remove/"

    assert "People" in page(browser.get(address))
    assert "cannot be removed while models use it" in page(browser.post(address))
    assert Source.objects.exists()


def test_removing_an_upload_deletes_its_file(browser):
    browser.post("/t/acme/sources/add/upload/", {"time_zone": "UTC", "file": csv_file("id\n1\n")})
    source = Source.objects.get()

    browser.post(f"/t/acme/sources/{source.public_id}/remove/")

    assert not Source.objects.exists()
    assert not (settings.UPLOADS_DIR / source.options["path"]).exists()


def test_who_came_from_another_page_goes_back_there_but_never_elsewhere(browser, files):
    data = {"time_zone": "UTC", "setting-path": "sources"}
    there = browser.post(
        "/t/acme/sources/add/duckdb/",
        data | {"name": "One", "next": "/t/acme/models/add/?next=/t/acme/syncs/"},
    )
    elsewhere = browser.post("/t/acme/sources/add/duckdb/", data | {"name": "Two", "next": "//evil.example/"})

    assert there.url == "/t/acme/models/add/?next=/t/acme/syncs/"
    assert elsewhere.url.startswith("/t/acme/sources/")


def test_bob_looks_and_finds_no_button(client, bob, source):
    client.force_login(bob)

    for address in ("/t/acme/sources/", f"/t/acme/sources/{source.public_id}/"):
        shown = page(client.get(address))
        assert "Files" in shown
        assert not any(f"{door}/" in shown for door in ("/add", "/edit", "/test", "/remove"))
    for path in (*ALL[1:], *(f"{source.public_id}/{part}" for part in OF_ONE[1:])):
        assert client.post(f"/t/acme/sources/{path}").status_code == 403
    assert Source.objects.get().health == "good"


def test_an_editor_makes_models_but_no_sources(client, bob, source):
    Membership.objects.update(role=Membership.Role.EDITOR)
    client.force_login(bob)

    shown = page(client.get(f"/t/acme/sources/{source.public_id}/"))

    assert "Make a model" in shown
    assert client.get("/t/acme/sources/add/").status_code == 403


def test_charlie_finds_nothing(client, charlie, source):
    client.force_login(charlie)

    for path in (*ALL, *(f"{source.public_id}/{part}" for part in OF_ONE)):
        assert client.get(f"/t/acme/sources/{path}").status_code == 404
        assert client.post(f"/t/acme/sources/{path}").status_code == 404
        assert client.post(f"/t/globex/sources/{path}").status_code in (200, 302, 404, 405)
    assert client.get(f"/t/globex/sources/{source.public_id}/").status_code == 404
    assert client.post(f"/t/globex/sources/{source.public_id}/remove/").status_code == 404
    assert Source.objects.get().team.slug == "acme"


@pytest.mark.parametrize("count", [2, 50])
def test_the_list_takes_as_many_queries_for_fifty_as_for_two(
    browser, team, count, django_assert_max_num_queries
):
    for number in range(count):
        Source.objects.create(team=team, name=f"{HTML} {number} " + "شركة " * 10, kind="duckdb")

    with django_assert_max_num_queries(6):
        shown = page(browser.get("/t/acme/sources/"))

    assert HTML not in shown
    assert shown.count("Not tested") == count
