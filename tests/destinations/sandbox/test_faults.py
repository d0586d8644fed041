import socket
from contextlib import closing

import pytest
import requests

from destinations.sandbox.faults import WIRE, Faults
from destinations.sandbox.running import running_sandbox
from tests.destinations.sandbox.conftest import Api, lead

ANN = {"email": "ann@acme.test"}


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_come_before_the_write_or_after_it(sandbox, api, status):
    sandbox.faults.set(**{f"error_{status}_next": 2})
    assert api.post("/v2/leads", ANN).status_code == status
    assert sandbox.leads() == {}

    sandbox.faults.set(errors_applied=True)
    assert api.post("/v2/leads", ANN).status_code == status
    assert list(sandbox.leads()) == ["ann@acme.test"]
    assert api.post("/v2/leads", ANN).status_code == 200


def test_errors_can_have_a_body_of_html(sandbox, api):
    sandbox.faults.set(html_errors=True, error_502_next=1)
    answer = api.post("/v2/leads", ANN)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert answer.text.startswith("<html>")


def test_a_connection_dropped_before_applied_nothing(sandbox, api):
    sandbox.faults.set(drop_before_next=1)
    with pytest.raises(requests.ConnectionError):
        api.post("/v2/leads", ANN)
    assert sandbox.leads() == {}
    assert [(seen.status, seen.fault) for seen in sandbox.requests] == [(None, "drop_before")]


def test_an_answer_dropped_after_was_applied(sandbox, api):
    sandbox.faults.set(drop_after_next=1)
    with pytest.raises(requests.ConnectionError):
        api.post("/v2/bulk", {"items": [lead("ann@acme.test")]})
    assert sandbox.wait_for_jobs()
    assert list(sandbox.leads()) == ["ann@acme.test"]


def test_a_truncated_answer_has_fewer_bytes_than_it_announced(sandbox, api):
    sandbox.faults.set(truncate_next=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        api.post("/v2/leads", ANN)
    assert list(sandbox.leads()) == ["ann@acme.test"]


def test_a_garbled_answer_is_whole_but_no_json(sandbox, api):
    sandbox.faults.set(garble_next=1)
    answer = api.post("/v2/leads", ANN, checked=False)
    assert answer.status_code == 201
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_slow_answer_comes_after_the_clients_time_is_up_and_was_applied(sandbox, api):
    sandbox.faults.set(slow_next=1, slow_seconds=60)
    with pytest.raises(requests.ReadTimeout):
        api.post("/v2/leads", ANN, timeout=0.2)
    api.until(lambda: list(sandbox.leads()) or None, "What was sent")
    assert list(sandbox.leads()) == ["ann@acme.test"]


def test_429s_of_both_kinds_can_be_made_up(sandbox, api):
    sandbox.faults.set(limit_window_next=1, limit_concurrency_next=1, retry_after=7)
    answers = [api.post("/v2/leads", ANN) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 201]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", None, None]


def test_only_the_requests_that_are_named_are_struck(sandbox, api):
    sandbox.faults.set(error_503_rate=1, only="GET /v2/bulk/")
    job = api.submit(lead("ann@acme.test"))
    assert api.get(f"/v2/bulk/{job}").status_code == 503


def test_an_account_without_the_api_refuses_every_key(sandbox, api):
    sandbox.faults.set(api_enabled=False)
    assert api.get("/v2/leads/fields").status_code == 401


def test_a_key_without_the_bulk_scope_may_do_all_else(sandbox, api):
    assert api.get("/v2/leads/fields", key="no-bulk-key").status_code == 200
    assert api.post("/v2/bulk", {"items": []}, key="no-bulk-key").status_code == 403
    assert api.post("/v2/leads", ANN, key="no-bulk-key").status_code == 201
    sandbox.faults.set(bulk_scope=False)
    assert api.post("/v2/bulk", {"items": []}).status_code == 403


def test_a_key_that_may_manage_may_also_look(sandbox, api):
    sandbox.add_key("writer", "lead:manage", "bulk_job:manage")
    sandbox.add_key("reader", "lead:view", "bulk_job:view")
    job = api.submit(lead("ann@acme.test"))
    assert api.get("/v2/leads", key="writer").status_code == 200
    assert api.get(f"/v2/bulk/{job}", key="writer").status_code == 200
    assert api.get(f"/v2/bulk/{job}", key="reader").status_code == 200
    assert api.post("/v2/leads", ANN, key="reader").status_code == 403


def test_field_lists_can_be_missing(sandbox, api):
    sandbox.faults.set(field_lists=False)
    assert api.get("/v2/leads/fields", checked=False).status_code == 404
    assert api.get("/v2/companies/fields", checked=False).status_code == 404


def test_a_service_that_is_down_answers_503_or_refuses_connections(sandbox, api):
    sandbox.faults.set(down=True)
    assert api.get("/v2/leads/fields").status_code == 503
    sandbox.faults.set(down=False)

    with sandbox.refusing_connections(), pytest.raises(requests.ConnectionError):
        api.get("/v2/leads/fields")
    assert api.get("/v2/leads/fields").status_code == 200


def test_a_service_that_refuses_connections_leaves_its_port_to_nobody_else(sandbox, api):
    with (
        sandbox.refusing_connections(),
        closing(socket.socket()) as another,
        pytest.raises(OSError, match="in use"),
    ):
        another.bind(("127.0.0.1", sandbox.server.port))
    assert api.get("/v2/leads/fields").status_code == 200


def test_the_same_seed_brings_the_same_luck():
    def luck(seed):
        faults = Faults(WIRE, {"seed": seed, "error_500_rate": 0.3, "drop_after_rate": 0.3})
        return [faults.strike("GET /") for _ in range(50)]

    assert luck(7) == luck(7) != luck(8)
    assert set(luck(7)) == {"", "error_500", "drop_after"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"error_500_rate": 2},
        {"error_500_next": -1},
        {"error_500_next": 1.5},
        {"slow_seconds": "soon"},
        {"slow_seconds": "nan"},
        {"down": "maybe"},
        {"error_500_rate": True},
        {"gremlins": 1},
    ],
)
def test_a_wrong_switch_changes_nothing(wrong):
    faults = Faults(WIRE)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        faults.set(error_503_rate=0.5, **wrong)
    assert faults.values()["error_503_rate"] == 0


def test_a_storm_of_faults_leaves_the_sandbox_standing():
    rates = ("error_500", "drop_before", "drop_after", "truncate", "garble", "limit_window", "item_missing")
    switches = {f"{name}_rate": 0.1 for name in rates} | {"job_seconds": 0, "seed": 1, "overtake": True}
    with running_sandbox(switches=switches) as sandbox:
        api = Api(sandbox.url)
        sent = 0
        while sent < 100:
            try:
                answer = api.post("/v2/bulk", {"items": [lead(f"p{sent}@acme.test")]}, checked=False)
                sent += answer.status_code == 202
            except requests.RequestException:
                sent += 1
        api.session.close()
        assert sandbox.wait_for_jobs()
        faults = {seen.fault for seen in sandbox.requests}
        assert {"error_500", "drop_before", "drop_after", "truncate", "garble", "limit_window"} <= faults
        assert len(sandbox.leads()) > 50
