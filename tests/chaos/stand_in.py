"""A strict stand-in of Qualified's published API, as an outside tester writes it: a process of its own.

    python -m tests.chaos.stand_in --port 0 --log FILE [--key KEY] [--seed N] [--faults JSON] …

It prints its address, checks every request, runs bulk jobs that overtake each other, breaks what it is
told to break and journals everything it received, answered and applied. `GET /_control/state` shows its
records and its complaints; `POST /_control/faults` and `/_control/account` change it while it runs.
"""

import argparse
import contextlib
import hmac
import math
import socket
import struct
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from tests.chaos import published
from tests.chaos.faults import Faults
from tests.chaos.service import PUBLISHED_WINDOWS, Journal, Service

# An upstream's answers are not JSON; the service's own are.
UPSTREAM = {502: b"<html>Bad Gateway</html>", 503: b"upstream connect error", 504: b""}
PARTNER_PATHS = {"/bulk/leads": "lead", "/bulk/companies": "company"}


@dataclass(slots=True)
class Answer:
    """What goes back, and what the journal must know about it."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    noted: dict[str, Any] = field(default_factory=dict)


class Refusal(Exception):
    """A request that is refused with an answer of the published shape."""

    def __init__(self, status: int, body: Mapping[str, Any], **headers: str) -> None:
        super().__init__(str(body))
        self.answer = Answer(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    disable_nagle_algorithm = True
    timeout = 300
    server: "Server"

    def log_message(self, format: str, *args: Any) -> None:
        """The journal is the log."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(None)

    do_PUT = do_PATCH = do_DELETE = do_POST

    def _answer(self, body: bytes | None) -> None:
        if self.path.startswith("/_control/"):
            self._write(self._control(body if body is not None else self._read()), "")
            return
        service, faults = self.server.service, self.server.service.faults
        at = time.time()
        number, status, wait = service.arrive(at)
        try:
            is_submission = self.command == "POST"
            fault = "" if status else faults.of_request(number, is_submission=is_submission)
            if fault == "dropped_before":
                service.journal.write("request", number=number, method=self.command, path=self.path, began=at)
                service.journal.write("answer", number=number, status=None, fault=fault, whole=False)
                self._reset()
                return
            try:
                body = self._read() if body is None else body
            except OSError:  # nothing was asked for in full, so nothing was done
                service.journal.write("request", number=number, method=self.command, path=self.path, began=at)
                service.journal.write("answer", number=number, status=None, fault="cut_short", whole=False)
                self._reset()
                return
            try:
                if status:
                    raise self._limited(wait, is_window=bool(wait))
                answer = self._work(number, at, body, fault)
            except Refusal as refusal:
                answer = refusal.answer
            if fault == "error_after":
                answer = Answer(500, {"error": "Internal server error"}, noted=answer.noted)
            answer.headers.update(service.quota(at))
            pause = faults.dice(number, "answer").uniform(*faults.answer_seconds)
            time.sleep(faults.slow_seconds if fault == "slow" else pause)
        finally:
            service.leave()
        # Noted before the first byte leaves: whoever has the answer has it after this line.
        broken = fault in {"dropped_after", "truncated", "garbled"}
        service.journal.write(
            "answer", number=number, status=answer.status, fault=fault, whole=not broken, **answer.noted
        )
        self._write(answer, fault)

    def _read(self) -> bytes:
        """The body. ConnectionAbortedError where the client was gone before it had sent all of it."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError
        return body

    def _work(self, number: int, at: float, body: bytes, fault: str) -> Answer:
        """Check and do what is asked, and journal the request with its records."""
        service = self.server.service
        parsed, problem = self._parse(body)
        items = parsed.get("items") if isinstance(parsed, dict) else None
        service.journal.write(
            "request",
            number=number,
            method=self.command,
            path=self.path,
            began=at,
            items=items if isinstance(items, list) else None,
            data=parsed if items is None and self.command == "POST" else None,
        )
        given = self.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {service.key}".encode()):
            raise Refusal(401, {"code": "invalid_token"})
        if fault == "error_before":
            status = self.server.service.faults.dice(number, "status").choice((500, 500, 502, 503, 504))
            return Answer(status, UPSTREAM.get(status, {"error": "Internal server error"}))
        if fault in {"limited_window", "limited_concurrency"}:
            raise self._limited(1, is_window=fault == "limited_window")
        if problem:
            service.violation(problem, number)
            raise Refusal(400, {"code": "bad_request", "message": "Invalid request"})
        return self._route(number, parsed)

    def _parse(self, body: bytes) -> tuple[Any, str]:
        if self.command == "GET":
            return None, ""
        if self.headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
            return None, "the content type of a body must be application/json"
        try:
            return orjson.loads(body), ""
        except orjson.JSONDecodeError:
            return None, "the body is no JSON"

    def _route(self, number: int, body: Any) -> Answer:
        service = self.server.service
        url = urlsplit(self.path)
        match (self.command, *url.path.strip("/").split("/")):
            case ("GET", "v2", "leads" | "companies" as plural, "fields"):
                entity = "lead" if plural == "leads" else "company"
                found = [one.as_json(n) for n, one in enumerate(published.FIELDS[entity], start=1)]
                return Answer(200, {"data": found})
            case ("POST", "v2", "bulk"):
                return self._bulk(number, body, "")
            case ("POST", "bulk", "leads" | "companies") if self.server.partner_paths:
                return self._bulk(number, body, PARTNER_PATHS[url.path])
            case ("GET", "v2", "bulk", job_id):
                return self._look(job_id)
            case ("GET", "bulk", "jobs", job_id) if self.server.partner_paths:
                return self._look(job_id)
            case ("POST", "v2", "leads" | "companies" as plural):
                return self._single(number, "lead" if plural == "leads" else "company", body)
            case ("GET", "v2", "leads"):
                self._demand("lead:manage")
                email = parse_qs(url.query).get("email", [""])[0].strip().lower()
                leads = service.state()["lead"]
                page = {
                    "hasNextPage": False,
                    "hasPreviousPage": False,
                    "startCursor": None,
                    "endCursor": None,
                }
                listed = [{"email": key, **lead} for key, lead in leads.items() if email in ("", key)]
                return Answer(200, {"data": listed[:1000], "pageInfo": page})
        service.violation(f"no such path: {self.command} {url.path}", number)
        raise Refusal(404, {"code": "not_found", "message": "Not found"})

    def _demand(self, scope: str) -> None:
        if scope not in self.server.service.scopes:
            raise Refusal(403, {"code": "insufficient_scope"})

    def _bulk(self, number: int, body: Any, entity: str) -> Answer:
        service = self.server.service
        self._demand("bulk_job:manage")
        wrong = published.wrong_with_batch(body)
        if wrong:
            if body != {"items": []}:  # the documented way to probe for the scope
                service.violation(f"batch: {wrong}", number)
            raise Refusal(422, {"code": "invalid_items", "message": wrong})
        items = [
            {"entity": entity, **item} if entity and "entity" not in item else item for item in body["items"]
        ]
        seen: set[tuple[str, str]] = set()
        for item in items:
            wrong = published.wrong_with_item(item)
            if not wrong:
                wrong = published.wrong_with_data(item["entity"], item["data"])[0]
                key = (item["entity"], published.key_of(item["entity"], item["data"]))
                if key in seen:
                    wrong = "the key appears twice in the batch"
                if not published.is_tidy(item["entity"], item["data"]):
                    wrong = wrong or "the key is not tidied"
                seen.add(key)
            if wrong:
                service.violation(f"item: {wrong}", number)
        job = service.submit(number, items)
        return Answer(202, {"job": job.as_json()}, noted={"job": job.id})

    def _look(self, job_id: str) -> Answer:
        self._demand("bulk_job:manage")
        found = self.server.service.look(job_id)
        if found is None:
            missing = {"code": "not_found", "message": "Bulk job not found"}
            return Answer(404, missing, noted={"job": job_id, "job_status": "gone", "results": {}})
        results = {result["requestId"]: result["status"] for result in found["result"]}
        noted = {"job": job_id, "job_status": found["status"], "results": results}
        return Answer(200, {"job": found}, noted=noted)

    def _single(self, number: int, entity: str, body: Any) -> Answer:
        service = self.server.service
        self._demand(f"{entity}:manage")
        reason, at = (
            published.wrong_with_data(entity, body) if isinstance(body, dict) else ("Must be an object", "")
        )
        if reason:
            service.violation(f"{entity}: {reason}", number)
            raise Refusal(422, {"error": reason, "details": {"failed_field": at}})
        key = published.key_of(entity, body)
        created = service.upsert(number, entity, body, request_id="")
        record = {published.KEY_NAMES[entity]: key, **service.state()[entity][key]}
        return Answer(201 if created else 200, record)

    @staticmethod
    def _limited(wait: float, *, is_window: bool) -> Refusal:
        body = {"code": "rate_limited", "message": "Enterprise API rate limit exceeded"}
        return Refusal(429, body, Retry_After=str(math.ceil(wait))) if is_window else Refusal(429, body)

    def _control(self, body: bytes) -> Answer:
        service = self.server.service
        try:
            match self.path.removeprefix("/_control/"):
                case "state":
                    return Answer(200, service.state())
                case "counts":  # often asked for, and the state may be large
                    return Answer(200, dict(service.counts))
                case "faults":
                    service.faults.change(orjson.loads(body))
                    service.journal.write("control", faults=orjson.loads(body))
                case "account":
                    service.change(orjson.loads(body))
                case _:
                    return Answer(404, {"error": "no such control"})
        except (ValueError, TypeError) as error:
            return Answer(400, {"error": str(error)})
        return Answer(200, {})

    def _write(self, answer: Answer, fault: str) -> None:
        body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
        if fault == "dropped_after":
            self._reset()
            return
        if fault == "garbled":
            body = body[: len(body) // 2] + b"\x00<garbled>"
        with contextlib.suppress(OSError):  # whoever asked was killed meanwhile
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            for name, text in answer.headers.items():
                self.send_header(name, text)
            self.end_headers()
            if fault == "truncated":
                self.wfile.write(body[: len(body) // 2])
                self._close()
                return
            self.wfile.write(body)

    def _close(self) -> None:
        """End the connection early, but in order: what was written still arrives."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _reset(self) -> None:
        """End the connection the rude way, without an answer."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, service: Service, *, partner_paths: bool) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.service, self.partner_paths = service, partner_paths

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error; anything else is a complaint."""
        error = sys.exception()
        if not isinstance(error, OSError):
            self.service.violation(f"the stand-in itself failed: {error!r}", 0)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--log", type=Path, required=True, help="the journal, appended to")
    parser.add_argument("--key", default="right-key")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=orjson.loads, default={}, help='{"rates": {"truncated": 0.05}, …}')
    parser.add_argument(
        "--windows", type=orjson.loads, default=PUBLISHED_WINDOWS, help="[[requests, seconds], …]"
    )
    parser.add_argument("--concurrency", type=int, default=10)
    parser.add_argument("--partner-paths", action="store_true", help="serve /bulk/leads and the like too")
    chosen = parser.parse_args(arguments)
    faults = Faults(seed=chosen.seed)
    faults.change(chosen.faults)
    service = Service(
        Journal(chosen.log), faults, key=chosen.key, concurrency=chosen.concurrency, windows=chosen.windows
    )
    server = Server(chosen.port, service, partner_paths=chosen.partner_paths)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
