"""Sign-in at the look-alike of Salesloft, as a browser and an app go through it."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

APP = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
BACK = "http://127.0.0.1:8000/oauth/back?from=salesloft"
ASK = {"client_id": "sandbox-client", "redirect_uri": BACK, "response_type": "code", "state": "s1"}


@pytest.fixture
def http():
    with requests.Session() as session:
        session.trust_env = False
        yield session


def allow(http, salesloft, *, person="Sally", allow="yes", **query):
    """Open the page, choose who signs in, press the button; the answer, not followed."""
    url = f"{salesloft.url}/oauth/authorize"
    page = http.get(url, params=ASK | query, timeout=60)
    assert page.status_code == 200, page.text
    user = re.search(rf'<option value="(\d+)">{person}', page.text)[1]
    return http.post(page.url, data={"user_id": user, "allow": allow}, allow_redirects=False, timeout=60)


def code_of(answer):
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def ask_token(http, salesloft, *, as_json=True, **body):
    how = {"json": APP | body} if as_json else {"data": APP | body}
    return http.post(f"{salesloft.url}/oauth/token", timeout=60, **how)


def sign_in(http, salesloft, **more):
    """The whole way; the answer of the token endpoint."""
    code = code_of(allow(http, salesloft, **more))
    answer = ask_token(http, salesloft, grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refresh(http, salesloft, token):
    return ask_token(http, salesloft, grant_type="refresh_token", refresh_token=token)


def test_people_sign_in_and_the_app_gets_a_token_that_works(http, salesloft, loft):
    answer = allow(http, salesloft)
    place = urlsplit(answer.headers["Location"])
    query = parse_qs(place.query)
    assert (place.netloc, place.path, query["from"], query["state"]) == (
        "127.0.0.1:8000",
        "/oauth/back",
        ["salesloft"],
        ["s1"],
    )
    assert "people:write" in query["scope"][0].split()
    assert query["context"]

    token = ask_token(
        http, salesloft, grant_type="authorization_code", code=query["code"][0], redirect_uri=BACK
    ).json()
    assert (token["token_type"], token["expires_in"]) == ("bearer", 7200)
    assert set(token) == {
        *("access_token", "token_type", "expires_in", "refresh_token", "scope", "created_at"),
    }
    assert loft.get("/me", key=token["access_token"]).json()["data"]["name"] == "Sally Sandbox"
    assert loft.get("/people", key=token["access_token"]).status_code == 200


def test_a_form_is_taken_as_well_as_json_but_nothing_in_headers(http, salesloft):
    code = code_of(allow(http, salesloft))
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    basic = requests.post(f"{salesloft.url}/oauth/token", json=body, auth=tuple(APP.values()), timeout=60)
    assert (basic.status_code, basic.json()["error"]) == (401, "invalid_client")
    assert ask_token(http, salesloft, as_json=False, **body).status_code == 200


def test_who_refuses_is_sent_back_without_a_code(http, salesloft):
    query = parse_qs(urlsplit(allow(http, salesloft, allow="no").headers["Location"]).query)
    assert (query["error"], query["state"], "code" in query) == (["access_denied"], ["s1"], False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "another"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://a.test/\r\nX-Evil: 1"},
        {"redirect_uri": ""},
        {"response_type": "token"},
    ],
)
def test_an_app_that_asks_wrongly_sends_nobody_anywhere(http, salesloft, wrong):
    for method in ("GET", "POST"):
        answer = http.request(
            method,
            f"{salesloft.url}/oauth/authorize",
            params=ASK | wrong,
            data={"user_id": "1", "allow": "yes"} if method == "POST" else None,
            allow_redirects=False,
            timeout=60,
        )
        assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_a_registered_way_back_is_the_only_one(http, salesloft):
    salesloft.act(
        "apps", client_id="mine", secret="shh", redirect_uri="https://mine.test/back", scopes="people:read"
    )
    ask = {**ASK, "client_id": "mine"}
    url = f"{salesloft.url}/oauth/authorize"
    assert http.get(url, params=ask, timeout=60).status_code == 400
    page = http.get(url, params={**ask, "redirect_uri": "https://mine.test/back"}, timeout=60)
    assert page.status_code == 200
    assert "form-action 'self' https://mine.test" in page.headers["Content-Security-Policy"]


def test_a_code_works_once_for_its_app_and_address_and_not_for_long(http, salesloft):
    def exchange(code, **more):
        body = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK} | more
        return ask_token(http, salesloft, **body)

    used = code_of(allow(http, salesloft))
    assert [exchange(used).status_code, exchange(used).status_code] == [200, 400]
    late = code_of(allow(http, salesloft))
    salesloft.clock.advance(601)
    refused = [
        exchange(late),
        exchange("no-code"),
        exchange(code_of(allow(http, salesloft)), redirect_uri="http://127.0.0.1:8000/elsewhere"),
    ]
    assert [(each.status_code, each.json()["error"]) for each in refused] == [(400, "invalid_grant")] * 3
    wrong = exchange(code_of(allow(http, salesloft)), client_secret="guessed")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert exchange("x", grant_type="password").json()["error"] == "unsupported_grant_type"


def test_a_refresh_rotates_and_ends_the_older_refresh_token_but_not_the_access(http, salesloft, loft):
    first = sign_in(http, salesloft)
    second = refresh(http, salesloft, first["refresh_token"]).json()
    again = refresh(http, salesloft, first["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    for token in (first, second):
        assert loft.get("/me", key=token["access_token"]).status_code == 200
    assert refresh(http, salesloft, second["refresh_token"]).status_code == 200


def test_a_refresh_can_end_the_older_access_token_too(http, salesloft, loft):
    salesloft.faults.set(refresh_ends_access=True)
    first = sign_in(http, salesloft)
    second = refresh(http, salesloft, first["refresh_token"]).json()
    assert loft.get("/me", key=first["access_token"]).status_code == 401
    assert loft.get("/me", key=second["access_token"]).status_code == 200


def test_one_refresh_wins_where_two_come_at_once(http, salesloft):
    token = sign_in(http, salesloft)["refresh_token"]
    barrier = threading.Barrier(4)

    def race():
        with requests.Session() as session:
            session.trust_env = False
            barrier.wait()
            return refresh(session, salesloft, token).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = [each.result() for each in [pool.submit(race) for _ in range(4)]]
    assert sorted(statuses) == [200, 400, 400, 400]


def test_an_access_token_runs_out(http, salesloft, loft):
    salesloft.faults.set(token_seconds=120)
    token = sign_in(http, salesloft)
    assert token["expires_in"] == 120
    salesloft.clock.advance(119)
    assert loft.get("/me", key=token["access_token"]).status_code == 200
    salesloft.clock.advance(2)
    refused = loft.get("/me", key=token["access_token"])
    assert (refused.status_code, refused.json()) == (401, {"error": "Invalid Bearer token"})
    assert refresh(http, salesloft, token["refresh_token"]).status_code == 200


def test_a_token_may_do_what_its_app_may(http, salesloft, loft):
    salesloft.act("apps", client_id="sandbox-client", secret="sandbox-secret", scopes=["people:read"])
    token = sign_in(http, salesloft)
    assert token["scope"] == "people:read"
    refused = loft.post("/people", {"email_address": "a@x.test"}, key=token["access_token"])
    assert (refused.status_code, "people:write" in refused.json()["error"]) == (403, True)


def test_someone_of_another_team_is_another_account(http, salesloft, loft):
    key = sign_in(http, salesloft, person="Nora")["access_token"]
    assert loft.get("/team", key=key).json()["data"]["name"] == "Another Team"
    assert loft.get("/me", key=key).json()["data"]["team"]["id"] != loft.data("/team")["id"]


def test_a_sign_in_is_revoked_on_the_control_page(http, salesloft, loft):
    one, two = sign_in(http, salesloft), sign_in(http, salesloft)
    [newest, *_] = salesloft.desk.state()["tokens"]
    assert one["access_token"] not in str(salesloft.desk.state())
    salesloft.act("tokens/revoke", grant=str(newest["grant"]))
    assert loft.get("/me", key=two["access_token"]).status_code == 401
    assert refresh(http, salesloft, two["refresh_token"]).status_code == 400
    assert loft.get("/me", key=one["access_token"]).status_code == 200
    salesloft.act("tokens/revoke")
    assert loft.get("/me", key=one["access_token"]).status_code == 401


def test_a_lost_answer_to_a_refresh_costs_the_sign_in_but_only_where_it_is_meant(http, salesloft):
    token = sign_in(http, salesloft)["refresh_token"]
    salesloft.faults.set(drop_after_rate=1)
    token = refresh(http, salesloft, token).json()["refresh_token"]
    salesloft.faults.set(drop_after_rate=0, drop_after_next=1, only="POST /oauth/token")
    with pytest.raises(requests.ConnectionError):
        refresh(http, salesloft, token)
    assert refresh(http, salesloft, token).status_code == 400


def test_a_form_of_another_site_signs_nobody_in(http, salesloft):
    answer = http.post(
        f"{salesloft.url}/oauth/authorize",
        params=ASK,
        data={"user_id": "1", "allow": "yes"},
        headers={"Origin": "http://evil.test"},
        allow_redirects=False,
        timeout=60,
    )
    assert answer.status_code == 400
