"""The vendors' published APIs as data, and the check of a request or an answer against them.

`load("qualified")` reads `qualified.json`: the vendor's OpenAPI document without its prose. What was
changed on the way is listed in the file under `x-changes`.

Requests are checked strictly: what the document does not name must not be sent. Answers may carry more
than the document names, as vendors add members; what it requires must be there.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

HERE = Path(__file__).parent


def _is_aware_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


_formats = FormatChecker(formats=())
_formats.checks("date-time", raises=ValueError)(_is_aware_time)


class OutsideTheFacts(AssertionError):
    """A request or an answer that the vendor's document does not allow."""


class Facts:
    """One vendor's document. Each check raises OutsideTheFacts, or returns nothing."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._answers = _plain(document)
        self._requests = _closed(self._answers)

    def check_request(self, method: str, path: str, body: Any = None) -> None:
        """The method and path exist and the JSON body (None: no body) is one that they take.

        `path` is as sent, with ids in place and without the base URL. Of a query the names are checked
        (of `id[gt]` the name `id`), not the values: services tend to ignore a name that they do not know.
        """
        operation = self._operation(self._requests, method, path)
        self._check_query(operation, f"{method} {path}")
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            if body is not None:
                raise OutsideTheFacts(f"{method} {path} takes no body.")
            return
        self._check(self._requests, content["schema"], body, f"{method} {path}")

    def body_of(self, method: str, path: str) -> Any:
        """The schema of the JSON body that the operation takes, references followed; {} for none."""
        operation = self._operation(self._answers, method, path)
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        return _resolved(self._answers, content.get("schema", {}))

    def check_answer(self, method: str, path: str, status: int, body: Any) -> None:
        """The status is one that the operation can answer, and the JSON body has its shape."""
        answers = self._operation(self._answers, method, path)["responses"]
        if str(status) not in answers:
            raise OutsideTheFacts(f"{method} {path} never answers {status}, only {', '.join(answers)}.")
        answer = answers[str(status)]
        if "$ref" in answer:
            answer = _followed(self._answers, answer["$ref"])
        content = answer.get("content", {}).get("application/json")
        if content is not None:
            self._check(self._answers, content["schema"], body, f"{method} {path} → {status}")

    def _operation(self, document: Mapping[str, Any], method: str, path: str) -> Mapping[str, Any]:
        path = path.partition("?")[0]
        paths = document["paths"]
        template = path if path in paths else next((t for t in paths if _matches(t, path)), None)
        if template is None:
            raise OutsideTheFacts(f"{path} is no path of this API.")
        if method.lower() not in paths[template]:
            raise OutsideTheFacts(f"{template} takes no {method}.")
        operation: Mapping[str, Any] = paths[template][method.lower()]
        return operation

    def _check_query(self, operation: Mapping[str, Any], where: str) -> None:
        parameters = (
            _followed(self._requests, each["$ref"]) if "$ref" in each else each
            for each in operation.get("parameters", ())
        )
        known = {each["name"] for each in parameters if each["in"] == "query"}
        for name, _ in parse_qsl(where.partition("?")[2], keep_blank_values=True):
            if name.partition("[")[0] not in known:
                raise OutsideTheFacts(f"{where.partition('?')[0]} knows no {name} in a query.")

    def _check(self, document: Mapping[str, Any], schema: Mapping[str, Any], body: Any, where: str) -> None:
        whole = {"components": document["components"], **schema}
        fault = best_match(Draft202012Validator(whole, format_checker=_formats).iter_errors(body))
        if fault is not None:
            raise OutsideTheFacts(f"{where}: {fault.message} (at {fault.json_path})")


@cache
def load(name: str) -> Facts:
    """The facts in `<name>.json` of this folder."""
    return Facts(json.loads((HERE / f"{name}.json").read_text(encoding="utf-8")))


def _matches(template: str, path: str) -> bool:
    parts = re.split(r"\{[^}]*\}", template)
    return re.fullmatch("[^/]+".join(re.escape(part) for part in parts), path) is not None


def _followed(document: Mapping[str, Any], reference: str) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _resolved(document: Mapping[str, Any], node: Any, depth: int = 8) -> Any:
    if isinstance(node, list):
        return [_resolved(document, one, depth) for one in node]
    if not isinstance(node, dict) or not depth:
        return node
    if "$ref" in node:
        return _resolved(document, _followed(document, node["$ref"]), depth - 1)
    return {key: _resolved(document, value, depth) for key, value in node.items()}


def _plain(node: Any) -> Any:
    """The document with OpenAPI 3.0's `nullable` said in the words of JSON Schema."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is True and isinstance(node.get("type"), str):
        plain["type"] = [node["type"], "null"]
    return plain


def _closed(node: Any) -> Any:
    """The document with every object closed that does not say what else it takes."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        closed.setdefault("additionalProperties", False)
    return closed
