"""A running sandbox, and a client that holds every answer against the published facts."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
import requests

from destinations.sandbox.running import API_KEY, Sandbox, running_sandbox, running_service
from destinations.sandbox.salesloft import Salesloft
from tests.destinations.openapi import Facts, load

UNPUBLISHED = (502, 503, 504)

T = TypeVar("T")


class Client:
    """Calls a look-alike as an integration would, with its published facts at hand."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("PUT", path, body, **more)

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
        """The answer, which is as the vendor's document says; `checked`: if it is to be looked at."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        more = {"timeout": 60, **more}
        answer = self.session.request(method, self.url + path, json=body, headers=headers, **more)
        if checked and answer.status_code not in UNPUBLISHED:
            answered = answer.json() if answer.content else None
            self.facts(path).check_answer(method, path, answer.status_code, answered)
        return answer

    def facts(self, path: str) -> Facts:
        """What is published of a path."""
        raise NotImplementedError

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """Look again and again until there is something."""
        for _ in range(12_000):
            if (found := look()) is not None:
                return found
            time.sleep(0.005)
        raise AssertionError(f"{what} did not end.")


class Api(Client):
    """Calls the look-alike of Qualified."""

    def facts(self, path: str) -> Facts:
        return load("qualified" if path.startswith("/v2/") else "qualified_per_object")

    def submit(self, *items: dict[str, Any]) -> str:
        """Submit a bulk job of these items; its id."""
        load("qualified").check_request("POST", "/v2/bulk", {"items": list(items)})
        answer = self.post("/v2/bulk", {"items": list(items)})
        assert answer.status_code == 202
        return str(answer.json()["job"]["id"])

    def finished(self, job: str) -> dict[str, Any]:
        """Poll a job until it is final; the job."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.get(f"/v2/bulk/{job}").json()["job"]
            return found if found["status"] in ("completed", "failed") else None

        return self.until(look, f"Job {job}")

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


class SalesloftApi(Client):
    """Calls the look-alike of Salesloft. What it accepts must be as published, too."""

    def facts(self, path: str) -> Facts:
        return load("salesloft")

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """`path` is that of the reference, without `/v2`."""
        answer = super().call(method, f"/v2{path}", body, **more)
        if more.get("checked", True) and answer.ok:
            self.facts(path).check_request(method, f"/v2{path}", body)
        return answer

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

        def look() -> int | None:
            return job if self.data(f"/bulk_jobs/{job}")["state"] == "done" else None

        return self.until(look, f"Job {job}")


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
