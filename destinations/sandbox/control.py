"""The way in: requests are handed to the service at their path, or to its control page.

The page is at `/__sandbox__/` of each service (`/salesloft/__sandbox__/`), its twin for programs at
`state.json` beside it; each kind of records has one too (`leads.json`), and `requests.json` tells what came
in. An action is a POST to the path named in `Desk.actions`, with a form (answered by the page) or a JSON
object (answered by the state, or 400 with `error`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from destinations.sandbox.desk import ALL_ROWS, Desk, read_form
from destinations.sandbox.page import page
from destinations.sandbox.server import Answer, Request
from destinations.sandbox.service import Service

PREFIX = "/__sandbox__/"


class Control:
    """Answers for all services of a sandbox."""

    def __init__(self, services: Iterable[Service]) -> None:
        self.services = tuple(services)
        self._longest_first = sorted(self.services, key=lambda each: len(each.prefix), reverse=True)

    def answer(self, request: Request) -> Answer:
        within = f"{request.path}/"
        service = next(each for each in self._longest_first if within.startswith(f"{each.prefix}/"))
        path = request.path.removeprefix(service.prefix)
        if path != PREFIX.rstrip("/") and not path.startswith(PREFIX):
            return service.answer(replace(request, path=path))
        return self._controlled(service, path.removeprefix(PREFIX), request)

    def _controlled(self, service: Service, name: str, request: Request) -> Answer:
        desk = service.desk
        if request.method == "POST" and name in desk.actions:
            return self._act(service, name, request)
        if request.method != "GET":
            return Answer(404, b'{"error":"There is no such action."}')
        search = {key: values[-1].strip() for key, values in parse_qs(request.query).items()}
        if name == "":
            return self._page(service, search)
        if name == "state.json":
            return _json(200, desk.state())
        if name == "requests.json":
            return _json(200, {"data": desk.requests(ALL_ROWS)})
        for listing in desk.listings():
            if name == f"{listing.key}.json":
                return _json(200, {"data": listing.rows(search.get(listing.search, ""), ALL_ROWS)})
        return _see(service)

    def _page(self, service: Service, search: Mapping[str, str], problem: str = "") -> Answer:
        others = [(each.label, each.prefix + PREFIX) for each in self.services]
        html = page(service.desk, at=service.prefix + PREFIX, services=others, search=search, problem=problem)
        headers = {
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
        }
        return Answer(400 if problem else 200, html.encode(), "text/html; charset=utf-8", headers)

    def _act(self, service: Service, name: str, request: Request) -> Answer:
        desk: Desk = service.desk
        is_json = request.headers.get("content-type", "").startswith("application/json")
        origin = request.headers.get("origin")
        try:
            if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
                raise ValueError("This came from a page of another site.")
            form = orjson.loads(request.body or b"{}") if is_json else read_form(request.body)
            if not isinstance(form, dict):
                raise ValueError("The body must be an object.")
            desk.do(name, form)
        except ValueError as error:
            return _json(400, {"error": str(error)}) if is_json else self._page(service, {}, str(error))
        return _json(200, desk.state()) if is_json else _see(service)


def _see(service: Service) -> Answer:
    return Answer(303, headers={"Location": service.prefix + PREFIX})


def _json(status: int, body: Any) -> Answer:
    return Answer(status, orjson.dumps(body), headers={"Cache-Control": "no-store"})
