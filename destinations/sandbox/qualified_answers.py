"""The answers of Qualified: JSON, and each kind of error with the body that the reference shows for it."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import orjson

from destinations.sandbox.qualified_records import Problem
from destinations.sandbox.server import Answer

_SERVER_ERRORS = {
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
}


class Refused(Exception):
    """Ends a request with an error answer."""

    def __init__(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.answer = json_answer(status, body, headers)


def json_answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, orjson.dumps(body), headers=headers or {})


def parsed(body: bytes) -> Any:
    """The body as JSON; None where it is none, which no endpoint takes."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def as_html(answer: Answer) -> Answer:
    """The same status with the page of a proxy for a body."""
    title = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    page = f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n"
    return replace(answer, body=page.encode(), content_type="text/html")


def server_error(status: int) -> Answer:
    """A 500, 502, 503 or 504; only the first is in the reference."""
    return json_answer(status, {"error": _SERVER_ERRORS[status]})


def too_many(retry_after: int | None, headers: Mapping[str, str] | None = None) -> Refused:
    """A window is used up; without `retry_after`, too many requests are in flight."""
    wait = {} if retry_after is None else {"Retry-After": str(retry_after)}
    body = {"code": "rate_limited", "message": "Enterprise API rate limit exceeded"}
    return Refused(429, body, {**(headers or {}), **wait})


def invalid_items(message: str) -> Refused:
    """A whole batch is refused for its form."""
    return Refused(422, {"code": "invalid_items", "message": message})


def unprocessable(problem: Problem) -> Refused:
    """A single write is refused for its data."""
    return Refused(422, {"error": problem.message, "details": {"failed_field": problem.field}})
