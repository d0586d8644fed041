"""The stand-in itself: strict, rough when told to be, and honest in its journal."""

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema  # type: ignore[import-untyped]
import orjson
import pytest
import requests

from tests.chaos.conftest import needs_no_database
from tests.chaos.evidence import Interruption
from tests.chaos.world import StandIn, wait_until

pytestmark = needs_no_database

Opener: TypeAlias = Callable[..., StandIn]
RIGHT = {"Authorization": "Bearer right-key"}


@pytest.fixture
def open_stand_in(tmp_path: Path) -> Iterator[Opener]:
    opened: list[StandIn] = []

    def start(*arguments: str, **faults: Any) -> StandIn:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(StandIn(folder, seed=1, faults={"latency": [0, 0.05]} | faults, arguments=arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.stop()


def lead(number: int, **fields: Any) -> dict[str, Any]:
    data = {"email": f"p{number}@example.com", "fields": fields or {"first_name": "Ann"}}
    return {"entity": "lead", "action": "POST", "data": data, "request_id": f"r{number}"}


def submit(service: StandIn, *items: dict[str, Any]) -> requests.Response:
    return requests.post(f"{service.url}/v2/bulk", json={"items": items}, headers=RIGHT, timeout=60)


def finished(service: StandIn, job_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any]:
        reply = requests.get(f"{service.url}/v2/bulk/{job_id}", headers=RIGHT, timeout=60)
        job: dict[str, Any] = reply.json()["job"]
        return job

    wait_until(lambda: look()["status"] in {"completed", "failed"}, 60, "the job")
    return look()


def test_a_job_is_applied_when_it_completes_and_the_journal_proves_it(open_stand_in: Opener) -> None:
    service = open_stand_in()
    reply = submit(service, lead(1), lead(2, Unknown="x"), lead(3, Lead_Score__c="7"))
    job = finished(service, reply.json()["job"]["id"])

    assert reply.status_code == 202
    assert {one["requestId"]: one["status"] for one in job["result"]} == {
        "r1": "completed",
        "r2": "failed",
        "r3": "failed",
    }
    assert (job["totalRecords"], job["failedRecords"]) == (3, 2)
    state = service.state()
    assert state["lead"]["p1@example.com"]["fields"] == {"first_name": "Ann"}
    assert state["violations"] == ["item: Unknown field: Unknown", "item: Invalid value for Lead_Score__c"]
    found = service.evidence()
    assert found.last_accepted(("lead", "p1@example.com")) is not None
    assert found.last_accepted(("lead", "p2@example.com")) is None


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v2/bulk", {"items": []}, RIGHT, 422),
        ("/v2/bulk", {"items": [lead(n) for n in range(501)]}, RIGHT, 422),
        ("/v2/bulk", {"items": [lead(1), lead(1)]}, RIGHT, 422),
        ("/v2/bulk", {"items": [lead(1)], "more": 1}, RIGHT, 422),
        ("/v2/bulk", {"items": [lead(1)]}, {"Authorization": "Bearer wrong"}, 401),
        ("/v2/bulk", {"items": [lead(1)]}, {}, 401),
        ("/bulk/leads", {"items": [lead(1)]}, RIGHT, 404),
        ("/v2/leads", {"email": "nobody", "fields": {}}, RIGHT, 422),
    ],
)
def test_what_breaks_the_published_rules_is_refused(
    open_stand_in: Opener, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    service = open_stand_in()
    reply = requests.post(service.url + path, json=body, headers=headers, timeout=60)
    assert reply.status_code == status, reply.text
    assert service.state()["lead"] == {}


def test_a_key_without_the_scope_is_told_so(open_stand_in: Opener) -> None:
    service = open_stand_in()
    service.account(scopes=["lead:manage"])
    reply = submit(service, lead(1))
    assert (reply.status_code, reply.json()) == (403, {"code": "insufficient_scope"})


def test_a_second_item_for_one_address_fails_alone(open_stand_in: Opener) -> None:
    service = open_stand_in()
    twin = {**lead(1), "request_id": "again"}
    job = finished(service, submit(service, lead(1), twin).json()["job"]["id"])
    assert {one["requestId"]: one["errors"] for one in job["result"]} == {
        "r1": [],
        "again": ["Email appears twice in the batch"],
    }


def test_windows_and_concurrency_are_kept_and_every_breach_is_counted(open_stand_in: Opener) -> None:
    service = open_stand_in("--windows", "[[3, 60]]", "--concurrency", "2", next=["slow"] * 2, slow_seconds=2)
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(submit, service, lead(number)) for number in range(2)]
        wait_until(lambda: service.state()["most_in_flight"] == 2, 60, "two at once")
        crowded = [submit(service, lead(number)) for number in (2, 3)]
    assert [reply.status_code for reply in crowded] == [429, 429]
    assert not any("Retry-After" in reply.headers for reply in crowded)
    assert [reply.result().status_code for reply in slow] == [202, 202]

    assert submit(service, lead(8)).status_code == 202
    late = submit(service, lead(9))
    assert (late.status_code, late.json()["code"]) == (429, "rate_limited")
    assert 20 <= int(late.headers["Retry-After"]) <= 60
    assert len(service.state()["violations"]) == 3


def test_jobs_overtake_each_other(open_stand_in: Opener) -> None:
    service = open_stand_in(latency=[600, 600])
    first = submit(service, lead(1, first_name="old"))
    service.faults(latency=[0, 0])
    second = submit(service, lead(1, first_name="new"))
    finished(service, second.json()["job"]["id"])
    assert service.state()["lead"]["p1@example.com"]["fields"]["first_name"] == "new"
    service.account(hurry=True)
    finished(service, first.json()["job"]["id"])
    assert service.state()["lead"]["p1@example.com"]["fields"]["first_name"] == "old"


@pytest.mark.parametrize(
    ("fault", "is_applied"),
    [
        ("error_before", False),
        ("dropped_before", False),
        ("limited_window", False),
        ("limited_concurrency", False),
        ("error_after", True),
        ("dropped_after", True),
        ("truncated", True),
        ("garbled", True),
    ],
)
def test_each_fault_goes_wrong_as_its_name_says(open_stand_in: Opener, fault: str, is_applied: bool) -> None:
    service = open_stand_in(next=[fault])
    try:
        reply = submit(service, lead(1))
        went_wrong = reply.status_code >= 400
        orjson.loads(reply.content)
    except (requests.RequestException, orjson.JSONDecodeError):
        went_wrong = True
    assert went_wrong
    if is_applied:
        wait_until(lambda: "p1@example.com" in service.state()["lead"], 60, "what was done all the same")
    else:
        time.sleep(0.3)
        assert "p1@example.com" not in service.state()["lead"]
    assert submit(service, lead(1)).status_code == 202
    assert service.evidence().unexplained() == []


@pytest.mark.parametrize("ending", ["in order", "rudely"])
def test_a_client_that_dies_in_the_middle_of_a_request_leaves_nothing_behind(
    open_stand_in: Opener, ending: str
) -> None:
    service = open_stand_in()
    body = orjson.dumps({"items": [lead(1)]})
    head = f"POST /v2/bulk HTTP/1.1\r\nAuthorization: Bearer right-key\r\nContent-Length: {len(body)}\r\n\r\n"
    for sent in (head[:20].encode(), head.encode(), head.encode() + body[:-1]):
        with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as client:
            client.sendall(sent)
            time.sleep(0.1)
            if ending == "rudely":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: len(service.evidence().answers) == 2, 60, "the end of those that it had the head of")
    assert submit(service, lead(2)).status_code == 202

    state, found = service.state(), service.evidence()
    assert (state["violations"], state["counts"]["jobs"], found.records_sent) == ([], 1, 1)
    assert [answer["fault"] for answer in found.answers.values()] == ["cut_short", "cut_short", ""]
    assert service.complaints() == "", "nor any noise"


def test_a_failed_job_tells_some_a_silent_one_leaves_some_out_and_a_lost_one_is_a_404(
    open_stand_in: Opener,
) -> None:
    service = open_stand_in(next=["job_failed", "missing_results", "poll_gone"])
    failed, silent, lost = (
        submit(service, *(lead(n) for n in range(start, start + 40))).json()["job"]["id"]
        for start in (0, 100, 200)
    )
    applied = len(service.state()["lead"])
    assert finished(service, failed)["status"] == "failed"
    results = finished(service, silent)["result"]
    assert 0 < len(results) < 40
    assert requests.get(f"{service.url}/v2/bulk/{lost}", headers=RIGHT, timeout=60).status_code == 404
    time.sleep(0.2)
    applied = service.state()["lead"]
    told = {one["requestId"] for one in results}
    assert all(f"p{number}@example.com" in applied for number in range(100, 140) if f"r{number}" in told)
    assert 0 < sum(f"p{number}@example.com" in applied for number in range(40)) < 40


def test_a_repeat_needs_a_reason(open_stand_in: Opener) -> None:
    service = open_stand_in()
    for number in (1, 2):
        finished(service, submit(service, lead(number)).json()["job"]["id"])
    submit(service, lead(3))
    began = time.time()
    for number in (1, 3):
        submit(service, lead(number))
    submit(service, lead(2, first_name="Somebody else"))
    found = service.evidence()
    assert [text.split()[0] for text in found.unexplained()] == ["p1@example.com", "p3@example.com"]
    assert len(found.sent_since(began)) == 3
    third = found.submissions["lead", "p3@example.com"][0]
    assert third.answered_at
    killed = [Interruption("kill", third.answered_at)]
    assert [text.split()[0] for text in found.unexplained(killed, writing_down=0)] == ["p1@example.com"]
    for seconds, excused in ((0.5, True), (1.5, False)):
        killed = [Interruption("kill", third.began - seconds)]
        assert ("p3@example.com" not in str(found.unexplained(killed))) == excused


@pytest.mark.parametrize(
    ("fault", "excused"), [("garbled", True), ("truncated", True), ("dropped_after", False)]
)
def test_a_job_that_is_gone_is_told_by_the_status_alone(
    open_stand_in: Opener, fault: str, excused: bool
) -> None:
    service = open_stand_in(next=["poll_gone"])
    job = submit(service, lead(1)).json()["job"]["id"]
    service.faults(rates={fault: 1})
    with contextlib.suppress(requests.RequestException):
        requests.get(f"{service.url}/v2/bulk/{job}", headers=RIGHT, timeout=60)
    service.faults(rates={})
    submit(service, lead(1))
    assert (service.evidence().unexplained() == []) == excused


def test_the_answers_have_the_published_shapes(open_stand_in: Opener) -> None:
    schemas = published_schemas()
    if schemas is None:
        pytest.skip("the vendor's OpenAPI facts are not here")
    service = open_stand_in()
    accepted = submit(service, lead(1)).json()["job"]
    fields = requests.get(f"{service.url}/v2/leads/fields", headers=RIGHT, timeout=60).json()["data"]
    single = requests.post(
        f"{service.url}/v2/companies", json={"domain": "acme.com", "name": "Acme"}, headers=RIGHT, timeout=60
    )
    for name, found in (("BulkJob", accepted), ("BulkJob", finished(service, accepted["id"]))):
        jsonschema.validate(found, schemas[name])
    for field in fields:
        jsonschema.validate(field, schemas["Field"])
    jsonschema.validate(single.json(), schemas["Company"])
    assert single.status_code == 201


def published_schemas() -> dict[str, Any] | None:
    """The schemas of the vendor's OpenAPI document, where the checkout has it."""
    for folder in Path(__file__).resolve().parents:
        for path in (folder / "shared" / "apis", folder / "tests" / "destinations"):
            if (path / "qualified-openapi.json").is_file():
                text = (path / "qualified-openapi.json").read_text().replace('"nullable": true', '"x": true')
                found: dict[str, Any] = orjson.loads(text)["components"]["schemas"]
                return found
    return None
