"""No answer of Salesloft crashes us, and none is accepted without evidence: anything at all."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from destinations.adapters.salesloft import Adapter
from destinations.contract import JSON, Call, Mode, Outcome, Pending, Target, Verdict
from destinations.errors import (
    DestinationError,
)
from destinations.http import HttpClient
from tests.destinations.adapters.salesloft_calls import (
    ACCOUNTS,
    ACCOUNTS_BY_ID,
    PEOPLE,
    PEOPLE_BY_ID,
    TWO_PEOPLE,
    call,
)

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 300)
    | st.text(max_size=4)
    | st.sampled_from(["done", "open", "executing", "error", "ann@x.test", "2026-01-01"])
)
_NAMES = st.sampled_from(
    [
        *("data", "metadata", "paging", "next_page", "id", "person", "account", "email_address", "domain"),
        *("state", "total", "processed", "errors", "error", "records", "record", "status", "custom_fields"),
        *("name", "email", "active", "team", "field_type", "value_type", "owner", "tags", "message"),
    ]
)
_ANY = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=20,
)
_BODY = _ANY | st.fixed_dictionaries({"data": _ANY | st.lists(st.dictionaries(_NAMES, _ANY, max_size=5))})
_STATUS = st.sampled_from([200, 200, 200, 204, 302, 400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503])
_STEPS = st.sampled_from(["create", "upload", "discard", "start", "poll", "results"])
RICH: dict[str, JSON] = {
    "email_address": "ann@x.test",
    "owner_id": "7",
    "tags": ["a"],
    "phone": "1",
    "custom_fields.Plan": "Pro",
}


def anything(answers: list[tuple[int, JSON]]) -> Iterator[tuple[int, JSON]]:
    yield from answers
    while True:
        yield answers[-1]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_answer_crashes_us(data: st.DataObject) -> None:
    replies = anything(data.draw(st.lists(st.tuples(_STATUS, _BODY), min_size=1, max_size=4)))

    def answer(_request: Any) -> tuple[int, dict[str, str], bytes]:
        status, body = next(replies)
        return status, {"Date": "Sat, 21 Nov 2026 12:00:15 GMT"}, orjson.dumps(body)

    target = data.draw(st.sampled_from([PEOPLE, PEOPLE_BY_ID, ACCOUNTS, ACCOUNTS_BY_ID]))
    mode = data.draw(st.sampled_from(Mode))
    key = {"email_address": "ann@x.test", "domain": "x.test", "id": 7}[target.upsert_key]
    known = data.draw(st.sampled_from([{}, {"remote_id": "7"}, {"remote_id": "7", "former_match": "x"}]))
    one = call(target, {**RICH, target.upsert_key: key}, mode=mode, **known)
    state = {
        "step": data.draw(_STEPS),
        "job": "7",
        "tries": data.draw(st.integers(0, 3)),
        "whole": True,
        "errors": data.draw(st.none() | st.integers(0, 3)),
        "after": 0,
        "read": 0,
        "refused": [],
    }
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PUT", "DELETE"):
            mock.add_callback(method, re.compile(".*"), answer)
        client = HttpClient(Adapter, base_url=Adapter.base_url, headers={}, timeout=60)
        salesloft = Adapter(client, {})
        outcomes = _tried(salesloft, target, one, mode)
        for outcome in outcomes or ():
            assert outcome.verdict is not Verdict.ACCEPTED or outcome.remote_id
        for advance in (salesloft.advance, salesloft.leave):
            with suppress(DestinationError):
                answered = advance(PEOPLE, TWO_PEOPLE, state)
                assert isinstance(answered, Pending) or len(answered) == 2
                orjson.dumps(answered.state if isinstance(answered, Pending) else None)
        with suppress(DestinationError):
            assert len(salesloft.find(target, one)) == 1
        with suppress(DestinationError):
            salesloft.fields(target.object)
        with suppress(DestinationError):
            salesloft.check()


def _tried(salesloft: Adapter, target: Target, one: Call, mode: Mode) -> list[Outcome] | None:
    with suppress(DestinationError):
        answered = salesloft.send(target, one)
        assert isinstance(answered, list)
        assert len(answered) == 1
        return answered
    return None


@settings(max_examples=100, deadline=None)
@given(_ANY, st.sampled_from([400, 401, 403, 404, 409, 422, 429]), st.sampled_from(["/v2/people", "/", ""]))
def test_no_refusal_crashes_us(body: JSON, status: int, path: str) -> None:
    Adapter.refusal(status, body, CaseInsensitiveDict(), path)
