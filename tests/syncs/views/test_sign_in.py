"""Connecting by a sign-in at the service: Alice owns, Bob may only look, Charlie is of another team.

The service is the look-alike of Salesloft, over HTTP: its own pages are followed as a browser would.
"""

from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from destinations import oauth
from destinations.models import Connection, Exchange, OAuthToken
from destinations.sandbox.running import API_KEY, Sandbox
from destinations.sandbox.salesloft import SCOPES, Salesloft
from destinations.sandbox.salesloft_lookups import CLIENT_ID, CLIENT_SECRET
from syncs.engine.run import finish_here, start
from syncs.models import LedgerEntry, QueryModel, Run, Source, Sync
from tests.syncs.engine.scene import set_mapping, write_csv

pytestmark = pytest.mark.django_db(transaction=True)

SALLY, NORA = "1", "5"  # of the sandbox's own team, and of its neighbours
ADD = reverse("connection_add", args=["acme", "salesloft"])
ARTS = {"connection-client_id": CLIENT_ID, "connection-client_secret": CLIENT_SECRET}


@pytest.fixture
def salesloft(settings, tmp_path):
    settings.FILES_DIR, settings.SCRATCH_DIR = tmp_path / "files", tmp_path / "scratch"
    settings.FILES_DIR.mkdir()
    with Sandbox(record=True) as sandbox:
        settings.SANDBOX, settings.SANDBOX_PORT = True, urlsplit(sandbox.url).port
        service = sandbox.of(Salesloft)
        service.faults.set(window_cost=100_000)
        yield service


@pytest.fixture
def connection(client, alice, salesloft):
    """Alice has entered the app, and has not signed in yet."""
    client.force_login(alice)
    client.post(f"{ADD}?way=oauth", _typed(salesloft))
    return Connection.objects.get()


@pytest.fixture
def sync(team, connection):
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    model = QueryModel.objects.create(
        team=team,
        source=source,
        name="people",
        sql="select * from read_csv('people.csv', header = true, all_varchar = true)",
        primary_key=["id"],
    )
    made = Sync.objects.create(
        team=team,
        name="people to Salesloft",
        model=model,
        connection=connection,
        object_key="people",
        upsert_key="email_address",
    )
    set_mapping(made, {"email_address": "email", "title": "title"})
    write_csv("people.csv", [{"id": 1, "email": "ann@x.test", "title": "VP"}])
    return made


def _typed(salesloft, **changes):
    return {
        "name": "Salesloft",
        "reserve_percent": "20",
        **ARTS,
        "connection-base_url": salesloft.url,
        "connection-sign_in_url": salesloft.url,
    } | changes


def _changed(connection, **changes):
    """The form of a connection as it stands, with these changes."""
    kept = {f"connection-{key}": connection.options[key] for key in ("base_url", "sign_in_url")}
    return {"name": "Salesloft", "reserve_percent": "20"} | kept | changes


def _page(name, connection):
    return reverse(name, args=["acme", connection.public_id])


def _there(client, connection):
    """Choose Connect: the service's address that we are sent to."""
    answer = client.get(_page("sign_in", connection))
    assert answer.status_code == 302
    return answer["Location"]


def _back(address, *, user=SALLY, allow="yes"):
    """What a person does at the service; the path and query of ours that it sends them back to."""
    assert "asks to act for you" in requests.get(address, timeout=60).text
    said = requests.post(address, data={"user_id": user, "allow": allow}, allow_redirects=False, timeout=60)
    assert said.headers["Location"].startswith("http://testserver/oauth/salesloft/?")
    return said.headers["Location"].removeprefix("http://testserver")


def _sign_in(client, connection, *, user=SALLY):
    return client.get(_back(_there(client, connection), user=user), follow=True)


# The form


def test_without_an_app_the_key_comes_first(client, alice, settings):
    client.force_login(alice)
    text = client.get(ADD).text
    assert text.index("?way=api_key") < text.index("?way=oauth")
    assert "connection-api_key" in text
    assert "connection-client_id" not in text


def test_with_an_app_of_the_installation_signing_in_comes_first(client, alice, settings):
    settings.OAUTH_APPS = {"salesloft": ("the-app", "its-secret")}
    client.force_login(alice)
    text = client.get(ADD).text
    assert text.index("?way=oauth") < text.index("?way=api_key")
    assert "Leave it empty to use this installation" in text
    assert "its-secret" not in text


def test_the_form_shows_the_address_to_copy_the_scopes_and_the_steps(client, alice):
    client.force_login(alice)
    text = client.get(f"{ADD}?way=oauth").text
    assert "http://testserver/oauth/salesloft/" in text
    for scope in ("people:write", "accounts:write", "cadences:read", "team:read"):
        assert f"<code>{scope}</code>" in text
    assert "(may be left out)" in text
    assert text.count("<li>", text.index('class="steps"'), text.index("</ol>")) == 4


@pytest.mark.parametrize("missing", list(ARTS))
def test_an_app_is_a_client_id_with_its_secret(client, alice, salesloft, missing):
    client.force_login(alice)
    answer = client.post(f"{ADD}?way=oauth", _typed(salesloft, **{missing: ""}))
    assert answer.status_code == 200
    assert f'id="id_{missing}_error"' in answer.text
    assert not Connection.objects.exists()


def test_what_was_entered_is_sealed_and_never_shown_again(client, connection):
    assert connection.sign_in == Connection.SignIn.OAUTH
    assert connection.credentials["client_secret"].reveal() == CLIENT_SECRET
    assert CLIENT_SECRET not in connection.sealed_credentials
    for name in ("connection", "connection_edit"):
        text = client.get(_page(name, connection)).text
        assert CLIENT_SECRET not in text


def test_a_new_secret_of_the_same_app_is_entered_alone(client, connection):
    typed = _changed(connection, **{"connection-client_secret": "a-newer-secret"})
    client.post(_page("connection_edit", connection), typed)
    connection.refresh_from_db()
    assert connection.credentials["client_id"].reveal() == CLIENT_ID
    assert connection.credentials["client_secret"].reveal() == "a-newer-secret"

    typed = _changed(connection, **{"connection-client_id": "another-app"})
    answer = client.post(_page("connection_edit", connection), typed)
    assert "belong together" in answer.text


def test_another_app_must_be_signed_in_with(client, connection):
    _sign_in(client, connection)
    entered = {"connection-client_id": "another-app", "connection-client_secret": "its-secret"}
    answer = client.post(_page("connection_edit", connection), _changed(connection, **entered), follow=True)
    assert "One step is left" in answer.text
    assert not OAuthToken.objects.exists()


def test_the_name_changes_without_a_new_sign_in(client, connection):
    _sign_in(client, connection)
    answer = client.post(_page("connection_edit", connection), _changed(connection, name="New"), follow=True)
    assert "The connection works" in answer.text
    assert OAuthToken.objects.get().version == 1


def test_from_a_key_to_a_sign_in_and_back(client, connection):
    _sign_in(client, connection)
    address = _page("connection_edit", connection)
    assert "?way=api_key" in client.get(address).text
    by_key = _changed(connection, **{"connection-api_key": API_KEY})

    asked = client.post(f"{address}?way=api_key", by_key)
    assert "same account" in asked.text
    answer = client.post(f"{address}?way=api_key", by_key | {"same_account": "same"}, follow=True)
    assert "The connection works" in answer.text
    connection.refresh_from_db()
    assert connection.sign_in == Connection.SignIn.API_KEY
    assert set(connection.credentials) == {"api_key"}
    assert not OAuthToken.objects.exists()

    answer = client.post(f"{address}?way=oauth", _changed(connection, **ARTS), follow=True)
    assert "One step is left" in answer.text
    connection.refresh_from_db()
    assert set(connection.credentials) == {"client_id", "client_secret"}
    assert "The connection works" in _sign_in(client, connection).text


def test_the_sandbox_can_be_signed_in_to_with_nothing_entered(client, alice, salesloft):
    client.force_login(alice)
    form = client.get(f"{ADD}?account=sandbox")
    assert "?way=oauth&amp;account=sandbox" in form.text
    address = f"{ADD}?way=oauth&account=sandbox"
    assert CLIENT_SECRET not in client.get(address).text

    answer = client.post(address, {"name": "Try it", "reserve_percent": "0"}, follow=True)

    assert "One step is left" in answer.text
    connection = Connection.objects.get()
    assert connection.sign_in == Connection.SignIn.OAUTH
    answer = _sign_in(client, connection)
    assert "The connection works" in answer.text
    assert "nothing is sent to Salesloft" in answer.text


def test_who_came_from_the_making_of_a_sync_goes_back_there(client, alice, salesloft):
    client.force_login(alice)
    after = reverse("models", args=["acme"])
    page = client.post(f"{ADD}?way=oauth&next={after}", _typed(salesloft), follow=True)
    connection = Connection.objects.get()
    link = f"{_page('sign_in', connection)}?next={quote(after, safe='')}"
    assert f'href="{link}"' in page.text

    back = client.get(_back(client.get(link)["Location"]))

    assert back["Location"] == after


# There and back


def test_alice_connects_and_reads_who_she_is_there(client, connection, salesloft):
    page = client.get(_page("connection", connection))
    assert f'href="{_page("sign_in", connection)}"' in page.text  # a link: a form may lead nowhere else
    assert "form-action 'self'" in page["Content-Security-Policy"]

    answer = _sign_in(client, connection)

    connection.refresh_from_db()
    assert connection.health == Connection.Health.GOOD
    assert set(connection.fields) == {"people", "accounts"}
    assert "The connection works" in answer.text
    assert "Sally Sandbox" in answer.text
    assert "people:write" in answer.text
    token = OAuthToken.objects.get()
    for secret in (*token.secrets.values(), connection.credentials["client_secret"]):
        assert secret.reveal() not in answer.text
        kept = Exchange.objects.values_list("url", "request_headers", "reply_headers")
        assert secret.reveal() not in str(list(kept))
    assert {word.reveal() for word in token.secrets.values()} & {token.sealed_tokens} == set()


def test_the_installations_app_signs_in_a_team_without_one(client, alice, salesloft, settings):
    settings.OAUTH_APPS = {"salesloft": (CLIENT_ID, CLIENT_SECRET)}
    client.force_login(alice)
    client.post(ADD, _typed(salesloft, **dict.fromkeys(ARTS, "")))
    connection = Connection.objects.get()
    assert not any(connection.credentials.values())

    _sign_in(client, connection)

    connection.refresh_from_db()
    assert connection.health == Connection.Health.GOOD


def test_who_refuses_is_told_and_may_try_again(client, connection):
    answer = client.get(_back(_there(client, connection), allow="no"), follow=True)

    assert "Nobody signed in" in answer.text
    assert "The resource owner denied the request." in answer.text
    assert "Connect to Salesloft" in answer.text
    assert not OAuthToken.objects.exists()


def test_the_state_is_checked(client, connection, salesloft):
    asked = parse_qs(urlsplit(_there(client, connection)).query)["state"][0]
    assert len(asked) > 30

    for wrong in ("", "another", asked[:-1], "é"):
        address = _there(client, connection)
        code = parse_qs(urlsplit(_back(address)).query)["code"][0]
        answer = client.get(f"/oauth/salesloft/?code={code}&state={wrong}", follow=True)
        assert "was not begun here" in answer.text

    assert not OAuthToken.objects.exists()
    assert not any(seen.path == "/oauth/token" for seen in salesloft.requests)


def test_coming_back_twice_changes_nothing(client, connection):
    back = _back(_there(client, connection))
    client.get(back)
    version = OAuthToken.objects.get().version

    answer = client.get(back, follow=True)

    assert "was not begun here" in answer.text
    assert OAuthToken.objects.get().version == version


def test_a_code_that_is_used_up_is_refused_by_the_service_in_its_words(client, connection, salesloft):
    address = _there(client, connection)
    back = _back(address)
    code = parse_qs(urlsplit(back).query)["code"][0]
    requests.post(
        f"{salesloft.url}/oauth/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": "http://testserver/oauth/salesloft/",
        },
        timeout=60,
    ).raise_for_status()

    answer = client.get(back, follow=True)

    assert "The sign-in did not work" in answer.text
    assert "invalid_grant" in answer.text
    assert code not in answer.text
    assert not OAuthToken.objects.exists()


def test_a_wrong_secret_says_where_to_look(client, connection):
    wrong = {"connection-client_secret": "wrong-secret-of-alice"}
    client.post(_page("connection_edit", connection), _changed(connection, **wrong))

    answer = _sign_in(client, connection)

    assert "client secret in the connection" in answer.text
    assert "wrong-secret-of-alice" not in answer.text
    assert not OAuthToken.objects.exists()


def test_words_of_the_service_are_shown_as_text(client, connection):
    state = parse_qs(urlsplit(_there(client, connection)).query)["state"][0]
    answer = client.get(
        "/oauth/salesloft/",
        {"error": "x", "error_description": "<script>alert(1)</script>", "state": state},
        follow=True,
    )
    assert "<script>alert(1)" not in answer.text
    assert escape("<script>alert(1)</script>") in answer.text


# Who may


def test_bob_reads_that_an_admin_must_and_cannot_himself(client, bob, connection):
    client.force_login(bob)
    page = client.get(_page("connection", connection))
    assert "An admin of the team must do that" in page.text
    assert _page("sign_in", connection) not in page.text
    for name in ("sign_in", "sign_in_elsewhere"):
        assert client.get(_page(name, connection)).status_code == 403
    assert client.post(_page("sign_in_elsewhere", connection), {"account": "other"}).status_code == 403


def test_charlie_finds_nothing_and_cannot_come_back_for_alice(client, alice, charlie, connection):
    back = _back(_there(client, connection))
    client.force_login(charlie)
    for name in ("sign_in", "sign_in_elsewhere"):
        assert client.get(_page(name, connection)).status_code == 404

    assert "was not begun here" in client.get(back, follow=True).text
    assert not OAuthToken.objects.exists()


def test_who_is_no_admin_any_more_does_not_come_back_as_one(client, alice, connection):
    back = _back(_there(client, connection))
    alice.memberships.update(role="viewer")
    assert client.get(back).status_code == 404
    assert not OAuthToken.objects.exists()


def test_whose_session_has_ended_signs_in_here_and_is_told_to_begin_anew(client, alice, connection):
    back = _back(_there(client, connection))
    client.logout()

    to_login = client.get(back)
    assert to_login.status_code == 302
    assert to_login["Location"].startswith(reverse("login"))
    client.force_login(alice)

    assert "choose Connect again" in client.get(back, follow=True).text
    assert not OAuthToken.objects.exists()


def test_a_connection_by_key_has_no_sign_in_to_return_to(client, alice, connection):
    Connection.objects.update(destination="qualified")
    assert client.get(_page("sign_in", connection)).status_code == 404


# Another account


def test_another_account_is_asked_about_with_the_number_of_rows(client, connection, sync):
    _sign_in(client, connection)
    assert finish_here(start(sync, ring=False)).status == Run.Status.SUCCEEDED
    before = OAuthToken.objects.get().version

    asked = _sign_in(client, connection, user=NORA)

    assert "That is another account" in asked.text
    assert "about 1 row would be sent again" in asked.text
    assert OAuthToken.objects.get().version == before
    assert "access_token" not in str(dict(client.session))

    kept = client.post(_page("sign_in_elsewhere", connection), {"account": "former"}, follow=True)
    assert "Nothing was changed" in kept.text
    assert OAuthToken.objects.get().version == before
    sync.refresh_from_db()
    assert sync.generation == 1

    # It was answered: the page is no more.
    assert client.get(_page("sign_in_elsewhere", connection)).status_code == 302


def test_whoever_uses_the_other_account_sends_its_rows_anew(client, connection, sync, salesloft):
    _sign_in(client, connection)
    finish_here(start(sync, ring=False))
    connection.refresh_from_db()
    account = connection.account
    _sign_in(client, connection, user=NORA)

    answer = client.post(_page("sign_in_elsewhere", connection), {"account": "other"}, follow=True)

    assert "Its syncs begin anew" in answer.text
    connection.refresh_from_db()
    sync.refresh_from_db()
    assert (connection.account_id == account.pk, sync.generation) == (False, 2)
    assert connection.health == Connection.Health.GOOD
    run = finish_here(start(sync, ring=False))
    assert (run.accepted_count, run.unchanged_count) == (1, 0)
    assert LedgerEntry.objects.filter(generation=2).count() == 1


def test_the_account_does_not_change_under_a_run(client, connection, sync):
    _sign_in(client, connection)
    _sign_in(client, connection, user=NORA)
    start(sync, ring=False)

    answer = client.post(_page("sign_in_elsewhere", connection), {"account": "other"})

    assert "is running" in answer.text
    sync.refresh_from_db()
    assert sync.generation == 1


# Signing in anew


def test_a_sign_in_that_is_no_longer_good_stops_the_run_and_reconnecting_goes_on(
    client, connection, sync, salesloft
):
    _sign_in(client, connection)
    salesloft.state.revoke(0, access=True, refresh=True)

    run = finish_here(start(sync, ring=False))

    assert run.status == Run.Status.STOPPED
    assert "choose Reconnect" in run.stop_reason
    page = client.get(_page("connection", connection)).text
    assert "No longer good" in page
    assert f'href="{_page("sign_in", connection)}">Reconnect' in page
    assert "Needs attention" in client.get(reverse("destinations", args=["acme"])).text

    answer = _sign_in(client, connection)

    assert "Went on with “people to Salesloft”" in answer.text
    resumed = Run.objects.order_by("-number").first()
    assert resumed.number == run.number + 1
    assert finish_here(resumed).status == Run.Status.SUCCEEDED
    assert [one.match_key for one in salesloft.people()] == ["ann@x.test"]


def test_a_look_in_between_does_not_keep_the_run_from_going_on(client, connection, sync, salesloft):
    _sign_in(client, connection)
    salesloft.state.revoke(0, access=True, refresh=True)
    finish_here(start(sync, ring=False))
    salesloft.faults.set(down=True)
    client.post(_page("connection_test", connection))
    salesloft.faults.set(down=False)

    assert "Went on with" in _sign_in(client, connection).text


def test_a_new_key_goes_on_with_the_runs_that_the_old_one_stopped(client, connection, sync, salesloft):
    by_key = _changed(connection, **{"connection-api_key": API_KEY})
    address = f"{_page('connection_edit', connection)}?way=api_key"
    client.post(address, by_key | {"same_account": "same"})
    salesloft.act("keys/remove", key=API_KEY)
    assert finish_here(start(sync, ring=False)).status == Run.Status.STOPPED
    salesloft.add_key("a-newer-key", *SCOPES)

    newer = by_key | {"connection-api_key": "a-newer-key", "same_account": "same"}
    answer = client.post(address, newer, follow=True)

    assert "Went on with “people to Salesloft”" in answer.text
    assert finish_here(Run.objects.order_by("-number").first()).status == Run.Status.SUCCEEDED


def test_a_key_that_is_good_again_goes_on_once_somebody_tests_it(client, connection, sync, salesloft):
    by_key = _changed(connection, **{"connection-api_key": API_KEY})
    client.post(f"{_page('connection_edit', connection)}?way=api_key", by_key | {"same_account": "same"})
    salesloft.act("keys/remove", key=API_KEY)
    assert finish_here(start(sync, ring=False)).status == Run.Status.STOPPED
    assert "Went on" not in client.post(_page("connection_test", connection), follow=True).text
    salesloft.add_key(API_KEY, *SCOPES)

    answer = client.post(_page("connection_test", connection), follow=True)

    assert "Went on with “people to Salesloft”" in answer.text
    assert finish_here(Run.objects.order_by("-number").first()).status == Run.Status.SUCCEEDED


def test_a_run_that_stopped_for_something_else_stays(client, connection, sync, salesloft):
    _sign_in(client, connection)
    sync.mappings.filter(field="title").update(column="gone")
    assert finish_here(start(sync, ring=False)).status == Run.Status.STOPPED

    assert "Went on with" not in _sign_in(client, connection).text


def test_tokens_lost_between_the_answer_and_the_storing_are_told_as_such(client, connection, salesloft):
    """The service has rotated; what it gave never reached the database."""
    _sign_in(client, connection)
    token = OAuthToken.objects.get()
    told = oauth._ask(connection, grant_type="refresh_token", refresh_token=_refresh(token))
    assert told["access_token"]
    OAuthToken.objects.update(
        expires_at=token.signed_in_at, lease_token=token.connection.public_id, lease_expires_at=timezone.now()
    )

    client.post(_page("connection_test", connection))

    page = client.get(_page("connection", connection)).text
    assert "choose Reconnect" in page
    assert "what it gave was lost" in page


def _refresh(token):
    return token.secrets["refresh_token"].reveal()
