"""The answers of Salesloft: the envelope, the pages of a list, and each kind of error.

Bodies of 401, 403, 404, 422 and 429 are as documented or seen; that of a 500 is not known.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from destinations.sandbox.answers import Refused, json_answer
from destinations.sandbox.server import Answer

API = "https://api.salesloft.com/v2"
NO_TOKEN = "No Bearer Token attached to request, please see documentation at developers.salesloft.com"  # noqa: S105
BAD_TOKEN = "Invalid Bearer token"  # noqa: S105

_SERVER_ERRORS = {
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
}


def data(body: Any, metadata: Mapping[str, Any] | None = None) -> Answer:
    """A success in its envelope."""
    return json_answer(200, {"data": body} if metadata is None else {"metadata": metadata, "data": body})


def paging(page: int, per_page: int, *, more: bool, total: int | None = None) -> dict[str, Any]:
    """The metadata of a page; with counts where a total is given."""
    found = {
        "per_page": per_page,
        "current_page": page,
        "next_page": page + 1 if more else None,
        "prev_page": page - 1 if page > 1 else None,
    }
    if total is not None:
        found |= {"total_pages": -(-total // per_page), "total_count": total}
    return {"paging": found}


def link(kind: str, id: int | None) -> dict[str, Any] | None:
    """A record that another one refers to."""
    return None if id is None else {"id": id, "_href": f"{API}/{kind}/{id}"}


def moment(seconds: float | None) -> str | None:
    """The moment as the service writes it: ISO-8601 with microseconds and offset."""
    return (
        None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
    )


def unauthorized(token: str) -> Refused:
    return Refused(401, {"error": BAD_TOKEN if token else NO_TOKEN})


def forbidden(reason: str) -> Refused:
    return Refused(403, {"error": reason})


def missing_scope(scope: str) -> Refused:
    return forbidden(f"The token lacks the scope {scope}")


def not_found(what: str = "Not Found") -> Refused:
    return Refused(404, {"error": what})


def unprocessable(errors: Mapping[str, Sequence[str]]) -> Refused:
    """Field → messages."""
    return Refused(422, {"errors": errors})


def too_many(retry_after: int | None, headers: Mapping[str, str] | None = None) -> Refused:
    wait = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Refused(429, {"error": "API rate limit exceeded"}, {**(headers or {}), **wait})


def server_error(status: int) -> Answer:
    return json_answer(status, {"error": _SERVER_ERRORS[status]})
