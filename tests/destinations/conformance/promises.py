"""The promises, each a function that fails where an adapter breaks it."""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from destinations import registry
from destinations.contract import (
    JSON,
    Adapter,
    Found,
    Kind,
    Mode,
    Outcome,
    Pending,
    Reply,
    Target,
    Verdict,
)
from destinations.errors import (
    AuthExpired,
    DestinationError,
    Misconfigured,
    RateLimited,
    Rejected,
    Temporary,
    TooMany,
)
from tests.destinations.conformance.subject import SECRET, Subject, Way, answering, members

State = tuple[Target, Any, Mapping[str, JSON]]  # of a job, with its call
DATE = "Sat, 21 Nov 2026 12:00:15 GMT"
PAGE = b"<!doctype html><title>Bad gateway</title><h1>502</h1>"
JUNK = (b"", b"null", b"[]", b"{}", b"0", b'"ok"', b'{"data":null}', b'{"data":[]}', b'{"data":{"i', PAGE)
ERROR_BODIES = (b"", PAGE, b'{"error":"No."}', b'{"errors":{"base":["No."]}}', b"[1]")
STATUSES: Mapping[int, tuple[type[Exception], ...]] = {
    301: (Misconfigured,),
    400: (Rejected, TooMany),
    401: (AuthExpired,),
    403: (Misconfigured, TooMany),
    404: (Misconfigured, Rejected, TooMany),
    405: (Misconfigured, Rejected, TooMany),
    407: (Misconfigured,),
    408: (Temporary,),
    409: (Rejected, TooMany),
    413: (Rejected, TooMany),
    422: (Rejected, TooMany),
    429: (RateLimited,),
    500: (Temporary,),
    502: (Temporary,),
    503: (Temporary,),
    504: (Temporary,),
}


def facts_are_complete(subject: Subject) -> None:
    """Facts are sound, and what they name can be mapped."""
    assert list(registry.faults_of(subject.adapter)) == []
    assert all(scope.why for scope in subject.adapter.scopes)
    assert all(step.endswith((".", "!")) for step in subject.adapter.setup_steps)
    for remedy in subject.adapter.remedies:
        assert remedy.advice.endswith("."), remedy.problem
        assert subject.adapter.remedy("") is None, f"{remedy.problem} fits everything"
    for step in subject.adapter.steps:
        re.compile(step.pattern)
        assert step.words[:1].isupper(), step.words
    for problem in subject.adapter.problems:
        assert problem.title[:1].isupper(), problem.code
        assert problem.explanation.endswith("."), problem.code
        assert problem.action.endswith("."), problem.code
        assert not problem.docs or problem.docs.startswith("https://"), problem.code
    if subject.service is None:
        return
    for one in subject.adapter.objects:
        fields = {each.key: each for each in subject.fields_of(one)}
        assert len(fields) == len(subject.fields_of(one)), f"{one.key}: a field is listed twice"
        named = {*one.upsert_keys, *one.seeds, *(name for names in one.required.values() for name in names)}
        assert named <= fields.keys(), f"{one.key}: {sorted(named - fields.keys())} cannot be mapped"
        for each in fields.values():
            assert each.label, each.key
            assert each.kind is not Kind.PICKLIST or each.options, f"{each.key} has nothing to pick from"
        barred = {each.key for each in fields.values() if each.read_only}
        assert not barred & named, f"{one.key}: {sorted(barred & named)} must be filled and cannot be"


def calls_are_answered_one_by_one(subject: Subject) -> None:
    """One outcome for each operation, in order: a bad one in the middle is that one."""
    if subject.service is None:
        return
    for way in subject.ways():
        one, mode, key = way
        remote = subject.made(one, 1) if mode is Mode.UPDATE or key == one.remote_id_key else {}
        (outcome,) = subject.done(way, subject.call(way, 1, remote=remote))
        assert outcome.verdict is Verdict.ACCEPTED, f"{one.key} {mode} by {key}: {outcome}"
        if subject.most(way) < 3 or key == one.remote_id_key:
            continue
        call = subject.call(way, 11, 12, 13)
        bad = call.operations[1]._replace(match_key="nonsense", values={key: "nonsense"})
        call = type(call)("1-2", (call.operations[0], bad, call.operations[2]))
        verdicts = [outcome.verdict for outcome in subject.done(way, call)]
        assert verdicts == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.ACCEPTED], f"{one.key} {mode}"


def nothing_is_accepted_without_evidence(subject: Subject) -> None:
    """Whatever is answered: outcomes that claim nothing, or one of our errors."""
    for status in (200, 201, 202, 204):
        for body in JUNK:

            def answer(_request: Any, status: int = status, body: bytes = body) -> Any:
                return status, {"Date": DATE}, body

            for outcome in _everything(subject, answer, jobs=_unproved_states(subject)):
                assert outcome.verdict is not Verdict.ACCEPTED, f"{status} {body!r} counts as accepted"


def no_answer_crashes(subject: Subject) -> None:
    """Any JSON at all, made of the names that the vendor uses."""
    document = subject.facts.document if subject.facts else {}
    names = st.sampled_from(sorted(_property_names(document)) or ["id", "data", "error", "status"])
    leaves = st.none() | st.booleans() | st.integers(-2, 300) | st.text(max_size=4) | names
    bodies = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )
    statuses = st.sampled_from([200, 200, 201, 204, 302, *STATUSES])

    @settings(max_examples=40, deadline=None, phases=[Phase.generate], report_multiple_bugs=False)
    @given(statuses, bodies)
    def with_any(status: int, body: JSON) -> None:
        def answer(_request: Any) -> Any:
            return status, {"Date": DATE}, orjson.dumps(body)

        for _ in _everything(subject, answer, jobs=_states(subject)):
            pass

    with_any()


def each_status_asks_for_the_right_decision(subject: Subject) -> None:
    """401 stops for a new sign-in, 429 waits, 5xx is tried again, and so on, whatever the body."""
    for status, expected in STATUSES.items():
        for body in ERROR_BODIES:

            def answer(_request: Any, status: int = status, body: bytes = body) -> Any:
                return status, {"Date": DATE, "Content-Type": "application/json"}, body

            for way in subject.ways():
                error = _error(subject, way, answer)
                assert isinstance(error, expected), f"{way[0].key} {way[1]}: {status} {body!r} is {error!r}"
                assert isinstance(error, RateLimited) == (status == 429), f"{status} is {error!r}"
    for way in subject.ways():
        error = _error(subject, way, lambda _request: (429, {"Date": DATE, "Retry-After": "17"}, b"{}"))
        assert isinstance(error, RateLimited)
        assert error.retry_after == 17


def sent_twice_is_sent_once(subject: Subject) -> None:
    """Where a mode converges, the same call again leaves one record, after a lost answer too."""
    if subject.service is None:
        return
    for way in subject.ways():
        one, mode, key = way
        if mode not in one.converges:
            continue
        remote = subject.made(one, 21) if mode is Mode.UPDATE or key == one.remote_id_key else {}
        call = subject.call(way, 21, remote=remote)
        for lost in (0, 0, 1):
            subject.service.faults.set(drop_after_next=lost)
            outcomes = subject.done(way, call)
            assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED], f"{one.key} {mode} by {key}"
        usual = str(subject.value(one, subject.usual_key(one), 21))
        assert subject.stored(one, usual) == 1, f"{one.key} {mode} by {key}"


def found_is_what_was_asked_for(subject: Subject) -> None:
    """A look-up answers for each key in order, and believes no record that does not carry the key."""
    if subject.service is None:
        return
    for one in subject.adapter.objects:
        ids = subject.made(one, 31, 32) if one.finds else {}
        for key in one.finds:
            target = Target(one, key)
            way = (one, Mode.UPSERT, key)
            missing = {33: "987654"} if key == one.remote_id_key else {}
            call = subject.call(way, 31, 33, 32, remote={**ids, **missing})
            found = [
                subject.opened().find(target, type(call)("1-1", call.operations[at : at + one.finds[key]]))
                for at in range(0, 3, one.finds[key])
            ]
            flat = [each for part in found for each in part]
            assert [each.records for each in flat] == [1, 0, 1], f"{one.key} by {key}"
            assert [flat[0].remote_id, flat[2].remote_id] == [ids[31], ids[32]], f"{one.key} by {key}"
            tape = _Tape(subject.opened().client)
            _taped(subject, tape).find(target, type(call)("1-1", call.operations[:1]))
            asked = type(call)("1-1", call.operations[2:])
            with suppress(DestinationError):
                answers = _taped(subject, _Replay(tape.replies)).find(target, asked)
                assert answers == [Found(0)], f"{one.key} by {key}: a record of another key was believed"


def no_secret_is_told(subject: Subject, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a representation, in errors, records of requests or logs, though a service echoes it."""
    echo = orjson.dumps({"error": f"The key {SECRET} is bad", "token": SECRET})
    told: list[str] = []
    for status in (200, *STATUSES):
        for way in subject.ways():
            adapter = subject.opened()
            told.append(repr(adapter) + str(adapter) + repr(adapter.client))
            with answering(lambda _request, status=status: (status, {"X-Echo": SECRET, "Date": DATE}, echo)):
                try:
                    told.append(repr(adapter.send(Target(way[0], way[2]), _call(subject, way))))
                except DestinationError as error:
                    told.append(f"{error} {error!r} {error.args} {vars(error)}")
            for sent in adapter.client.exchanges:  # type: ignore[attr-defined]
                bodies = [zlib.decompress(b) for b in (sent.request_body, sent.reply_body) if b]
                told.append(f"{sent!r} {bodies}")
    told += [record.getMessage() for record in caplog.records]
    assert not [text for text in told if SECRET in text]


def requests_are_those_that_the_vendor_publishes(subject: Subject) -> None:
    """Each request fits the vendor's own description."""
    if subject.service is None or subject.facts is None:
        return
    subject.opened().check()
    probes = [seen for seen in subject.service.requests if seen.method != "GET" and (seen.status or 0) >= 400]
    calls_are_answered_one_by_one(subject)
    found_is_what_was_asked_for(subject)
    assert subject.service.requests
    for seen in subject.service.requests:
        if seen not in probes:  # of a test of the connection, meant to be refused
            path = f"{seen.path}?{seen.query}" if seen.query else seen.path
            subject.facts.check_request(seen.method, path, seen.json() if seen.body else None)


def what_cannot_be_filled_is_published_as_such(subject: Subject) -> None:
    """A field that is only shown is in no body that the vendor takes of the object, and says why in words."""
    if subject.service is None:
        return
    for way in subject.ways():
        if way[1] is not Mode.UPDATE and way[2] != way[0].remote_id_key:
            subject.done(way, subject.call(way, 71))
    taken = _members_of_requests(subject)
    for one in subject.adapter.objects:
        for each in subject.fields_of(one):
            if not each.read_only:
                continue
            assert each.read_only[0].islower() and not each.read_only.endswith("."), each.key
            assert each.key not in taken, f"{one.key}: {each.key} is taken by the vendor"


def packings_stay_within_the_limits(subject: Subject) -> None:
    """Whatever is set, some packing takes any number, and none more than the limits allow."""
    for chosen in ({}, {"batch_size": 1}, {"batch_size": 2}):
        known = {setting.key for setting in subject.adapter.settings}
        options = subject.defaults | {key: value for key, value in chosen.items() if key in known}
        limits = subject.adapter.limits_for(options)
        for one, mode, _ in subject.ways():
            packings = subject.adapter.packings(one, mode, options)
            assert packings[-1].least == 1
            assert all(1 <= each.per_call <= limits.operations_per_call for each in packings)
            assert all(each.per_call <= each.per_batch for each in packings)
            assert [p.per_call for p in packings] == sorted({p.per_call for p in packings}, reverse=True)


def a_job_survives_a_restart_at_each_step(subject: Subject) -> None:
    """The state is JSON; a new process goes on, and one that died over a step takes it anew."""
    if subject.service is None:
        return
    for way in subject.ways():
        if subject.most(way) < 3 or way[2] == way[0].remote_id_key:
            continue
        for step in range(12):
            numbers = range(100 + 10 * step, 103 + 10 * step)
            before = len(subject.states)
            outcomes = subject.done(way, subject.call(way, *numbers), crash_after=step)
            assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED] * 3, f"died over step {step}"
            for number in numbers:
                assert subject.stored(way[0], str(subject.value(way[0], way[2], number))) == 1
            if len(subject.states) - before < step:
                break
    for target, call, state in subject.states:
        answer = subject.opened().leave(target, call, state)
        assert isinstance(answer, Pending) or len(answer) == len(call.operations)


def only_what_is_mapped_is_sent(subject: Subject) -> None:
    """No field is sent that nobody mapped, not even as null."""
    if subject.service is None:
        return
    for way in subject.ways():
        one, mode, key = way
        remote = subject.made(one, 41) if mode is Mode.UPDATE or key == one.remote_id_key else {}
        before = len(subject.bodies())
        for count in {1, min(3, subject.most(way))}:
            if count > 1 and key == one.remote_id_key:
                continue
            call = subject.call(way, *range(41, 41 + count), remote=remote)
            subject.done(way, call)
            mapped = set(call.operations[0].values)
            for body in subject.bodies()[before:]:
                sent = members(body, call.operations[0].match_key)
                others = {each.key for each in subject.fields_of(one)} - mapped - {key}
                others = {name.rpartition(".")[2] for name in others} - {n.rpartition(".")[2] for n in mapped}
                if call.operations[0].match_key in orjson.dumps(body).decode() or count == 1:
                    assert not sent & others, f"{one.key} {mode} by {key} sends {sorted(sent & others)}"


Promise = Callable[..., None]
PROMISES: tuple[Promise, ...] = (
    facts_are_complete,
    calls_are_answered_one_by_one,
    nothing_is_accepted_without_evidence,
    no_answer_crashes,
    each_status_asks_for_the_right_decision,
    sent_twice_is_sent_once,
    found_is_what_was_asked_for,
    no_secret_is_told,
    requests_are_those_that_the_vendor_publishes,
    what_cannot_be_filled_is_published_as_such,
    packings_stay_within_the_limits,
    a_job_survives_a_restart_at_each_step,
    only_what_is_mapped_is_sent,
)


def _call(subject: Subject, way: Way) -> Any:
    return subject.call(way, 51, remote={51: "51"})


def _everything(
    subject: Subject, answer: Callable[[Any], Any], *, jobs: Sequence[State]
) -> Iterator[Outcome]:
    """Do all that an adapter does, with this answer to everything; the outcomes that it claims."""
    ways = [(way, _call(subject, way)) for way in subject.ways()]  # made before the wire is gone
    with answering(answer):
        adapter = subject.opened()
        with suppress(DestinationError):
            adapter.check()
        for way, call in ways:
            target = Target(way[0], way[2])
            with suppress(DestinationError):
                adapter.fields(way[0])
            with suppress(DestinationError):
                answered = adapter.send(target, call)
                yield from _checked(answered, 1)
            if way[2] in way[0].finds:
                with suppress(DestinationError):
                    assert len(adapter.find(target, call)) == 1
        for target, call, state in jobs:
            for go_on in (adapter.advance, adapter.leave):
                with suppress(DestinationError):
                    yield from _checked(go_on(target, call, state), len(call.operations))


def _states(subject: Subject) -> Sequence[State]:
    """States of jobs as they came up in real ones, one job after the other."""
    if not subject.states and subject.service is not None:
        for way in subject.ways():
            if subject.most(way) >= 3 and way[2] != way[0].remote_id_key:
                subject.done(way, subject.call(way, 61, 62, 63))
    return tuple(subject.states)


def _unproved_states(subject: Subject) -> Sequence[State]:
    """Those from which the end is not the next step: what was read before may be proof enough there."""
    found = _states(subject)
    last = {id(call): at for at, (_, call, _) in enumerate(found)}
    return [state for at, state in enumerate(found) if at not in last.values()]


def _checked(answered: Any, count: int) -> list[Outcome]:
    if isinstance(answered, Pending):
        orjson.dumps(dict(answered.state))
        return []
    assert len(answered) == count
    assert all(isinstance(outcome, Outcome) for outcome in answered)
    return list(answered)


def _error(subject: Subject, way: Way, answer: Callable[[Any], Any]) -> Exception | None:
    """What a call to send one record comes to where everything is answered like this."""
    call = _call(subject, way)
    with answering(answer):
        try:
            subject.opened().send(Target(way[0], way[2]), call)
        except DestinationError as error:
            return error
    return None


class _Tape:
    """A client that remembers what was answered."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.replies: list[Reply] = []

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: Any, **named: Any) -> Reply:
            self.replies.append(getattr(self._client, name)(*arguments, **named))
            return self.replies[-1]

        return ask


class _Replay:
    """A client that answers as once before, whatever it is asked."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self._replies = list(replies)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **named: self._replies[0]


def _taped(subject: Subject, client: Any) -> Adapter:
    url = subject.service.url if subject.service else ""
    return subject.adapter(client, {"base_url": url})


def _written(subject: Subject) -> list[Any]:
    return [seen for seen in subject.service.requests if seen.body] if subject.service else []


def _members_of_requests(subject: Subject) -> set[str]:
    """Names of all members that the vendor takes in bodies, at the paths that were written to."""
    if subject.facts is None:
        return set()
    return {
        name
        for method, path in {(seen.method, seen.path) for seen in _written(subject)}
        for name in _property_names(subject.facts.body_of(method, path))
    }


def _property_names(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_property_names, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    own = set(node["properties"]) if isinstance(node.get("properties"), dict) else set()
    return own.union(*map(_property_names, node.values()))
