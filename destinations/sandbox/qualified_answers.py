"""The errors of Qualified, each with the body that the reference shows for it."""

from collections.abc import Mapping

from destinations.sandbox.answers import Refused, json_answer
from destinations.sandbox.qualified_records import Problem
from destinations.sandbox.server import Answer

_SERVER_ERRORS = {
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
}


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
