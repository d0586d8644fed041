"""Answers that every service gives alike: JSON, an error that ends a request, the error page of a proxy."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import orjson

from destinations.sandbox.server import Answer


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
