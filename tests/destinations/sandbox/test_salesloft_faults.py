import pytest
import requests

from destinations.sandbox.running import Sandbox, running_sandbox, running_service
from destinations.sandbox.salesloft import Salesloft
from tests.destinations.sandbox.conftest import Api, SalesloftApi, ann

ANN = {"email_address": "ann@acme.test"}


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_come_before_the_write_or_after_it(salesloft, loft, status):
    salesloft.faults.set(**{f"error_{status}_next": 2})
    assert loft.post("/people", ANN).status_code == status
    assert salesloft.people() == []
    salesloft.faults.set(errors_applied=True)
    assert loft.post("/people", ANN).status_code == status
    assert loft.post("/people", ANN).json() == {"errors": {"email_address": ["is already taken"]}}


def test_an_insert_whose_answer_is_dropped_was_applied_or_not(salesloft, loft):
    salesloft.faults.set(drop_before_next=1)
    with pytest.raises(requests.ConnectionError):
        loft.post("/people", ANN)
    assert salesloft.people() == []
    salesloft.faults.set(drop_after_next=1)
    with pytest.raises(requests.ConnectionError):
        loft.post("/people", ANN)
    assert len(salesloft.people()) == 1


def test_an_answer_is_truncated_garbled_or_slow(salesloft, loft):
    salesloft.faults.set(truncate_next=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        loft.post("/person_upserts", ann())
    salesloft.faults.set(garble_next=1)
    with pytest.raises(requests.JSONDecodeError):
        loft.post("/person_upserts", ann(), checked=False).json()
    salesloft.faults.set(slow_next=1, slow_seconds=60)
    with pytest.raises(requests.ReadTimeout):
        loft.post("/person_upserts", ann(), timeout=0.2)
    loft.until(lambda: salesloft.people()[0].write_count > 2 or None, "What was sent")
    assert salesloft.people()[0].write_count == 3


def test_every_answer_can_take_its_time(salesloft, loft):
    salesloft.faults.set(latency_seconds=0.05)
    assert loft.get("/me").elapsed.total_seconds() >= 0.05


def test_429s_are_made_up_with_and_without_retry_after(salesloft, loft):
    salesloft.faults.set(limit_window_next=1, limit_concurrency_next=1, retry_after=7)
    answers = [loft.post("/people", ANN) for _ in range(3)]
    assert [each.status_code for each in answers] == [429, 429, 200]
    assert [each.headers.get("Retry-After") for each in answers] == ["7", None, None]


def test_errors_can_be_the_page_of_a_proxy(salesloft, loft):
    salesloft.faults.set(html_errors=True, error_502_next=1)
    answer = loft.get("/me")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    salesloft.faults.set(down=True)
    assert loft.get("/me").text.startswith("<html>")


def test_only_the_requests_that_are_named_are_struck(salesloft, loft):
    salesloft.faults.set(error_503_rate=1, only="POST /v2/bulk_jobs/")
    job = loft.open_job()
    assert loft.post(f"/bulk_jobs/{job}/job_data", {"data": [ann()]}).status_code == 503
    assert loft.get("/me").status_code == 200


def test_401_comes_before_everything_else(loft):
    missing = loft.get("/nothing/here", key="", checked=False)
    wrong = loft.get("/nothing/here", key="wrong", checked=False)
    good = loft.get("/nothing/here", checked=False)
    assert (missing.status_code, wrong.status_code, good.status_code) == (401, 401, 404)
    assert missing.json()["error"].startswith("No Bearer Token attached")
    assert wrong.json() == {"error": "Invalid Bearer token"}
    assert "WWW-Authenticate" not in wrong.headers


@pytest.mark.parametrize(
    ("method", "path", "body", "scope"),
    [
        ("GET", "/people", None, "people:read"),
        ("POST", "/people", ANN, "people:write"),
        ("PUT", "/people/1", {"title": "VP"}, "people:write"),
        ("POST", "/person_upserts", ann(), "people:write"),
        ("DELETE", "/people/1", None, "people:delete"),
        ("GET", "/accounts", None, "accounts:read"),
        ("POST", "/account_upserts", {"upsert_key": "domain", "domain": "a.test"}, "accounts:write"),
        ("GET", "/users", None, "team:read"),
        ("GET", "/team", None, "team:read"),
        ("POST", "/bulk_jobs", {"type": "person/upsert"}, "people:write"),
    ],
)
def test_a_missing_scope_is_named(salesloft, loft, method, path, body, scope):
    salesloft.add_key("all-but-one", *(each for each in salesloft.scopes if each != scope))
    answer = loft.call(method, path, body, key="all-but-one")
    assert (answer.status_code, scope in answer.json()["error"]) == (403, True)
    assert loft.get("/me", key="all-but-one").status_code == 200
    assert loft.get("/custom_fields", key="all-but-one").status_code == 200


def test_a_removed_key_is_refused_at_once(salesloft, loft):
    salesloft.add_key("short-lived", "people:read")
    assert loft.get("/people", key="short-lived").status_code == 200
    salesloft.act("keys/remove", key="short-lived")
    assert loft.get("/people", key="short-lived").status_code == 401


def test_a_service_that_is_down_leaves_the_other_one_alone():
    with running_sandbox() as sandbox:
        sandbox.of(Salesloft).faults.set(down=True)
        loft, qualified = SalesloftApi(f"{sandbox.url}/salesloft"), Api(sandbox.url)
        with loft.session, qualified.session:
            assert loft.get("/me").status_code == 503
            assert qualified.get("/v2/leads/fields").status_code == 200
            qualified.post("/v2/leads", {"email": "ann@acme.test"})
        assert [seen.path for seen in sandbox.requests] == ["/v2/leads/fields", "/v2/leads"]
        assert [seen.path for seen in sandbox.of(Salesloft).requests] == ["/v2/me"]


def test_a_host_that_is_gone_comes_back(salesloft, loft):
    with salesloft.refusing_connections(), pytest.raises(requests.ConnectionError):
        loft.get("/me")
    assert loft.get("/me").status_code == 200


def test_a_restarted_sandbox_knows_all_of_it(tmp_path):
    file = str(tmp_path / "sandbox.sqlite3")
    with running_service(Salesloft, state=file) as first:
        loft = SalesloftApi(first.url)
        with loft.session:
            person = loft.person(email_address="ann@acme.test", custom_fields={"Plan": "Pro"})
            loft.account()
        first.add_key("another-key", "people:read")
        first.faults.set(error_503_next=3, window_cost=60)
        first.clock.advance(86400)
        was = first.clock.now()

    with running_service(Salesloft, state=file) as second:
        assert second.clock.now() >= was
        values = second.faults.values()
        assert (values["error_503_next"], values["window_cost"]) == (3, 60)
        second.faults.reset()
        loft = SalesloftApi(second.url)
        with loft.session:
            assert loft.data(f"/people/{person}", key="another-key")["custom_fields"] == {"Plan": "Pro"}
            assert len(loft.data("/accounts")) == 1
            assert len(loft.data("/custom_fields")) == 5  # not founded twice


def test_state_that_one_service_cannot_open_is_left_to_others(tmp_path):
    file = str(tmp_path / "sandbox.sqlite3")
    other = Salesloft(state=str(tmp_path / "sandbox-salesloft.sqlite3"))
    try:
        with pytest.raises(Exception, match="Another sandbox"):
            Sandbox(state=file)
    finally:
        other.state.close()
    with running_sandbox(state=file):
        pass


def test_a_storm_of_faults_leaves_the_sandbox_standing():
    rates = ("error_500", "drop_before", "drop_after", "truncate", "garble", "limit_window", "row_missing")
    switches = {f"{name}_rate": 0.1 for name in rates} | {"job_seconds": 0, "seed": 1, "row_fail_rate": 0.1}
    with running_service(Salesloft, switches={**switches, "window_cost": 100_000}) as salesloft:
        loft = SalesloftApi(salesloft.url)
        with loft.session:
            for number in range(200):
                try:
                    loft.post("/person_upserts", ann(f"p{number}@acme.test"), checked=False)
                except requests.RequestException:
                    continue
        faults = {seen.fault for seen in salesloft.requests}
        assert {"error_500", "drop_before", "drop_after", "truncate", "garble", "limit_window"} <= faults
        assert 100 < len(salesloft.people()) < 200
