"""A running sandbox, and a client that holds every answer against the published facts."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from destinations.sandbox.running import API_KEY, Sandbox, running_sandbox, running_service
from destinations.sandbox.salesloft import Salesloft
from tests.destinations.openapi import load

UNPUBLISHED = (502, 503, 504)


class Api:
    """Calls a sandbox as an integration would. Answers must be as the vendor's document says."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = API_KEY,
        checked: bool = True,
        **more: Any,
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"}
        answer = self.session.request(
            method, self.url + path, json=body, headers=headers, timeout=more.pop("timeout", 10), **more
        )
        if checked and answer.status_code not in UNPUBLISHED:
            facts = load("qualified" if path.startswith("/v2/") else "qualified_per_object")
            facts.check_answer(method, path, answer.status_code, answer.json())
        return answer

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("POST", path, body, **more)

    def submit(self, *items: dict[str, Any]) -> str:
        """Submit a bulk job of these items; its id."""
        load("qualified").check_request("POST", "/v2/bulk", {"items": list(items)})
        answer = self.post("/v2/bulk", {"items": list(items)})
        assert answer.status_code == 202
        return str(answer.json()["job"]["id"])

    def finished(self, job: str) -> dict[str, Any]:
        """Poll a job until it is final; the job."""
        for _ in range(1000):
            found: dict[str, Any] = self.get(f"/v2/bulk/{job}").json()["job"]
            if found["status"] in ("completed", "failed"):
                return found
            time.sleep(0.005)
        raise AssertionError(f"Job {job} did not finish.")

    def run(self, *items: dict[str, Any]) -> dict[str, Any]:
        """Submit these items and wait; the finished job."""
        return self.finished(self.submit(*items))


def lead(email: str, *, request_id: str = "", **fields: Any) -> dict[str, Any]:
    """A bulk item for a lead."""
    data = {"email": email, "fields": fields}
    return {"entity": "lead", "action": "POST", "data": data, "request_id": request_id or email}


def company(domain: str, *, request_id: str = "", **fields: Any) -> dict[str, Any]:
    """A bulk item for a company."""
    data = {"domain": domain, "fields": fields}
    return {"entity": "company", "action": "POST", "data": data, "request_id": request_id or domain}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0.01}) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    client = Api(sandbox.url)
    with client.session:
        yield client


class SalesloftApi:
    """Calls the look-alike of Salesloft. What it accepts and what it answers must be as published."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = API_KEY,
        checked: bool = True,
        timeout: float = 10,
    ) -> requests.Response:
        """`path` is that of the reference, without `/v2`."""
        path, facts = f"/v2{path}", load("salesloft")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = self.session.request(method, self.url + path, json=body, headers=headers, timeout=timeout)
        if checked and answer.status_code not in UNPUBLISHED:
            facts.check_answer(method, path, answer.status_code, answer.json() if answer.content else None)
        if checked and answer.ok:
            facts.check_request(method, path, body)
        return answer

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("PUT", path, body, **more)

    def data(self, path: str, **more: Any) -> Any:
        """What a GET holds in its envelope."""
        return self.get(path, **more).json()["data"]

    def person(self, **fields: Any) -> int:
        """Create a person; the id."""
        return self._created("/people", fields)

    def account(self, **fields: Any) -> int:
        """Create an account; the id."""
        return self._created("/accounts", {"name": "Acme", "domain": "acme.test"} | fields)

    def _created(self, path: str, fields: dict[str, Any]) -> int:
        answer = self.post(path, fields)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["data"]["id"])

    def refused(self, path: str, body: Any, *, method: str = "POST", key: str = API_KEY) -> Any:
        """The errors of a 422 by their fields."""
        answer = self.call(method, path, body, key=key)
        assert answer.status_code == 422, answer.text
        return answer.json()["errors"]

    def open_job(self, *rows: dict[str, Any]) -> int:
        """Open a bulk job and upload these rows; its id."""
        job = self.post("/bulk_jobs", {"type": "person/upsert", "name": "batch-1"}).json()["data"]["id"]
        if rows:
            answer = self.post(f"/bulk_jobs/{job}/job_data", {"data": list(rows)})
            assert answer.json() == {"data": {"records": len(rows)}}
        return int(job)

    def run(self, *rows: dict[str, Any]) -> int:
        """Open, fill and start a job, and wait until it is done; its id."""
        job = self.open_job(*rows)
        self.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
        for _ in range(1000):
            if self.data(f"/bulk_jobs/{job}")["state"] == "done":
                return job
            time.sleep(0.005)
        raise AssertionError(f"Job {job} was not done.")


def ann(email: str = "ann@acme.test", **fields: Any) -> dict[str, Any]:
    """The body of an upsert of a person by e-mail."""
    return {"upsert_key": "email_address", "email_address": email, **fields}


def acme(domain: str = "acme.test", **fields: Any) -> dict[str, Any]:
    """The body of an upsert of an account by domain."""
    return {"upsert_key": "domain", "domain": domain, **fields}


@pytest.fixture
def salesloft() -> Iterator[Salesloft]:
    with running_service(Salesloft, switches={"job_seconds": 0, "window_cost": 1_000_000}) as running:
        yield running


@pytest.fixture
def loft(salesloft: Salesloft) -> Iterator[SalesloftApi]:
    client = SalesloftApi(salesloft.url)
    with client.session:
        yield client
