"""Each promise can be broken, and that is seen: an adapter with one fault each."""

import inspect
from collections.abc import Mapping
from dataclasses import replace

import pytest

from destinations.adapters.salesloft import Adapter as Salesloft
from destinations.contract import (
    ACCEPTED,
    JSON,
    Call,
    Field,
    Found,
    Identity,
    Mode,
    ObjectType,
    Outcome,
    Packing,
    Pending,
    Target,
)
from destinations.errors import AuthExpired, Cause, DestinationError, Rejected, Temporary
from tests.destinations.conformance import promises
from tests.destinations.conformance.promises import PROMISES, Promise
from tests.destinations.conformance.subject import on_the_bench

Answer = list[Outcome] | Pending
SEEN = (AssertionError, LookupError, TypeError, DestinationError)


class MapsWhatIsNotThere(Salesloft):
    objects = (replace(Salesloft.objects[0], seeds=("nick_name",)), Salesloft.objects[1])


class AnswersInItsOwnOrder(Salesloft):
    def advance(self, target: Target, call: Call, state: Mapping[str, JSON]) -> Answer:
        answer = super().advance(target, call, state)
        return answer if isinstance(answer, Pending) else sorted(answer)


class BelievesTheStatus(Salesloft):
    def send(self, target: Target, call: Call) -> Answer:
        answer = super().send(target, call)
        return answer if isinstance(answer, Pending) else [ACCEPTED] * len(call.operations)


class CountsOnTheShape(Salesloft):
    def fields(self, target: ObjectType) -> list[Field]:
        listed = self.client.get("/v2/custom_fields").json
        return super().fields(target) if listed["data"] else []


class RetriesABadSignIn(Salesloft):
    @classmethod
    def refusal(
        cls, status: int, body: JSON, headers: Mapping[str, str], path: str
    ) -> DestinationError | None:
        found = super().refusal(status, body, headers, path)
        return Rejected(str(found)) if isinstance(found, AuthExpired) else found


class AlwaysCreates(Salesloft):
    def send(self, target: Target, call: Call) -> Answer:
        made = tuple(operation._replace(mode=Mode.INSERT) for operation in call.operations)
        return super().send(target, Call(call.id, made) if len(made) == 1 else call)


class FindsTheFirst(Salesloft):
    def find(self, target: Target, call: Call) -> list[Found]:
        key = f"{target.upsert_key}es" if target.upsert_key == "email_address" else target.upsert_key
        shown = []
        for operation in call.operations:
            params = [(key if key != "id" else "ids", operation.match_key)]
            data = self.client.get(f"/v2/{target.object.key}", params=params).json["data"]
            shown.append(Found(len(data), str(data[0]["id"]) if len(data) == 1 else ""))
        return shown


class ShowsItsHeaders(Salesloft):
    def __repr__(self) -> str:
        return f"Salesloft {vars(self.client)}"


class AsksWhatNobodyPublished(Salesloft):
    def check(self) -> Identity:
        self.client.get("/v2/people", params=[("verbose", "true")])
        return super().check()


class BarsWhatIsTaken(Salesloft):
    def fields(self, target: ObjectType) -> list[Field]:
        found = super().fields(target)
        return [replace(one, read_only="is not ours to fill") if one.key == "city" else one for one in found]


class PacksTooMuch(Salesloft):
    @classmethod
    def packings(cls, target: ObjectType, mode: Mode, settings: Mapping[str, JSON]) -> tuple[Packing, ...]:
        return (Packing(9_999, 9_999, least=2), *super().packings(target, mode, settings)[1:], Packing(1, 25))


class ForgetsOnARestart(Salesloft):
    def send(self, target: Target, call: Call) -> Answer:
        answer = super().send(target, call)
        return Pending({"step": "begun"}, at_once=True) if isinstance(answer, Pending) else answer

    def advance(self, target: Target, call: Call, state: Mapping[str, JSON]) -> Answer:
        if state["step"] == "begun":
            raise Temporary("Which job was that?", cause=Cause.GARBLED)
        return super().advance(target, call, state)


class MindsEverybody(Salesloft):
    def send(self, target: Target, call: Call) -> Answer:
        fuller = tuple(
            one._replace(values={**one.values, "do_not_contact": False})
            if target.object.key == "people"
            else one
            for one in call.operations
        )
        return super().send(target, Call(call.id, fuller))


FAULTY: Mapping[Promise, type[Salesloft]] = {
    promises.facts_are_complete: MapsWhatIsNotThere,
    promises.calls_are_answered_one_by_one: AnswersInItsOwnOrder,
    promises.nothing_is_accepted_without_evidence: BelievesTheStatus,
    promises.no_answer_crashes: CountsOnTheShape,
    promises.each_status_asks_for_the_right_decision: RetriesABadSignIn,
    promises.sent_twice_is_sent_once: AlwaysCreates,
    promises.found_is_what_was_asked_for: FindsTheFirst,
    promises.no_secret_is_told: ShowsItsHeaders,
    promises.requests_are_those_that_the_vendor_publishes: AsksWhatNobodyPublished,
    promises.what_cannot_be_filled_is_published_as_such: BarsWhatIsTaken,
    promises.packings_stay_within_the_limits: PacksTooMuch,
    promises.a_job_survives_a_restart_at_each_step: ForgetsOnARestart,
    promises.only_what_is_mapped_is_sent: MindsEverybody,
}


def test_each_promise_has_an_adapter_that_breaks_it() -> None:
    assert set(FAULTY) == set(PROMISES)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_a_broken_promise_is_seen(promise: Promise, caplog: pytest.LogCaptureFixture) -> None:
    more = {"caplog": caplog} if "caplog" in inspect.signature(promise).parameters else {}
    with (
        on_the_bench(FAULTY[promise]) as subject,
        pytest.raises(SEEN),
    ):
        promise(subject, **more)
