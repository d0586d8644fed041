"""What would hurt, in words: each rule at its edge."""

import pytest

from destinations.contract import Field, Kind
from syncs.engine.diff import KNOWN, NEW, Summary, Told
from syncs.engine.harm import FAR_ABOVE, MANY, MANY_NEW, Facts, harms

FIELDS = {
    "phone": Field("phone", "Phone", Kind.PHONE),
    "email": Field("email", "Email", Kind.EMAIL),
    "title": Field("title", "Title", Kind.TEXT),
}
CALM = Facts(read=1_000, unchanged=990, planned=10, new=5, left=0, usual=10)


def facts(**changed) -> Facts:
    return Facts(**{name: changed.get(name, getattr(CALM, name)) for name in Facts.__dataclass_fields__})


def summary(count: int, before, after, group: str = KNOWN, *, rekeyed: int = 0) -> Summary:
    made = Summary(rekeyed=rekeyed)
    made.add(((1, at), Told.of(group, before, after)) for at in range(count))
    return made


def said(made: Summary, about: Facts = CALM) -> list[str]:
    return [harm.does for harm in harms(made, about, FIELDS)]


def test_a_usual_plan_hurts_nobody():
    assert said(summary(10, {"title": "VP"}, {"title": "CEO"})) == []


@pytest.mark.parametrize(
    ("field", "count", "words"),
    [
        ("phone", 4_312, "clear 4,312 phone numbers"),
        ("phone", 1, "clear 1 phone number"),
        ("email", 2, "clear 2 e-mail addresses"),
        ("title", 1, "clear 1 value of Title"),
        ("Score__c", 3, "clear 3 values of Score__c"),
    ],
)
def test_whatever_is_cleared_is_told_in_the_fields_own_words(field, count, words):
    assert said(summary(count, {field: "1"}, {field: None})) == [words]


def test_the_field_of_which_most_is_cleared_comes_first():
    made = summary(2, {"phone": "1", "title": "VP"}, {"phone": None})
    made.merge(summary(3, {"title": "VP"}, {"title": None}))

    assert said(made) == ["clear 3 values of Title", "clear 2 phone numbers"]


def test_other_upsert_keys_are_told():
    assert said(summary(1, {}, {"title": "VP"}, rekeyed=12)) == ["change the upsert key of 12 rows"]


def test_an_empty_value_over_what_nobody_knows_is_told():
    found = said(summary(7, {}, {"phone": None}, NEW))
    assert found == ["send an empty Phone in 7 rows, over whatever is there"]


def test_one_field_changed_in_half_of_the_rows_is_told_and_in_fewer_is_not():
    changed = {"title": "VP"}, {"title": "CEO"}

    half = facts(unchanged=100, planned=100, new=0, read=200)
    assert said(summary(100, *changed), half) == [
        "change Title in 100 of 200 rows that were sent before",
        "send 50% of all rows",
    ]
    assert said(summary(99, *changed), facts(unchanged=101, planned=99, new=0, read=200)) == []
    few = facts(unchanged=0, planned=MANY - 1, new=0, read=MANY - 1)
    assert said(summary(MANY - 1, *changed), few) == []


def test_all_rows_are_called_all():
    every = facts(unchanged=0, planned=300, new=0, read=300)
    assert said(summary(300, {"title": "VP"}, {"title": "CEO"}), every) == [
        "change Title in all 300 rows that were sent before",
        "send all rows",
    ]


def test_a_first_run_sends_all_rows_and_that_is_no_harm():
    first = Facts(read=500, unchanged=0, planned=500, new=500, left=0)
    assert said(summary(500, {}, {"title": "VP"}, NEW), first) == []


def test_far_more_new_records_than_usual_are_told():
    rows = "where a run usually sends 20 rows"
    at_edge = facts(new=20 * FAR_ABOVE, planned=20 * FAR_ABOVE, usual=20)
    assert said(Summary(), at_edge) == []
    above = facts(new=201, planned=201, usual=20)
    assert said(Summary(), above) == [f"create 201 new records, {rows}"]
    few = facts(new=MANY_NEW - 1, planned=MANY_NEW - 1, usual=1)
    assert said(Summary(), few) == []


def test_without_a_usual_number_more_new_records_than_were_ever_sent_are_told():
    more = Facts(read=600, unchanged=200, planned=400, new=400, left=0)
    assert said(Summary(), more) == ["create 400 new records, where 200 were sent so far"]


def test_many_rows_that_left_the_model_are_told():
    assert said(Summary(), facts(left=300)) == [
        "no longer look after 300 of 1,295 rows that were sent before, as they left the model"
    ]
    assert said(Summary(), facts(left=MANY - 1, unchanged=10, planned=0, new=0)) == []


def test_a_model_without_rows_is_told():
    emptied = Facts(read=0, unchanged=0, planned=0, new=0, left=50)
    assert said(Summary(), emptied) == [
        "no longer look after all 50 rows that were sent before, as they left the model"
    ]
