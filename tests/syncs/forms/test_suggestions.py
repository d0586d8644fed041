"""Which columns are suggested for which fields: on sets of columns as people have them."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.contract import Companion, Field, Kind, Option
from syncs.forms.sync_suggestions import Candidate, Suggestion, suggestions
from tests.syncs.forms.columns40 import COLUMNS, QUALIFIED, SALESLOFT, SHOUTED, Expected

COMPANY = Companion("company.", "companies", "domain", "email", "Company")
LEAST_RIGHT = 0.8
MOST_WRONG = 1

EMAIL = Field("email", "Email", Kind.EMAIL)
PHONE = Field("phone", "Phone", Kind.PHONE)
MAILS = ("ann@acme.test", "bo@acme.test")


def suggested(columns: Sequence[Expected], destination: str) -> list[Suggestion]:
    fields, companion = (QUALIFIED, COMPANY) if destination == "qualified" else (SALESLOFT, None)
    return suggestions([one.column for one in columns], fields, companion=companion)


def only(column: Candidate, *fields: Field) -> str:
    """The field that is suggested for the column; "" where none is."""
    found = suggestions([column], fields)
    return found[0].field.key if found else ""


@pytest.mark.parametrize("destination", ["qualified", "salesloft"])
@pytest.mark.parametrize("columns", [COLUMNS, SHOUTED], ids=["mixed", "shouted"])
def test_most_of_realistic_columns_are_right_and_hardly_one_is_wrong(
    columns: Sequence[Expected], destination: str
) -> None:
    found = {one.column: one.field.key for one in suggested(columns, destination)}
    answers = [(found.get(one.column.name, ""), getattr(one, destination)) for one in columns]
    with_a_field = [(got, right) for got, right in answers if "" not in right]

    assert sum(got in right for got, right in answers) >= LEAST_RIGHT * len(answers)
    assert sum(got in right for got, right in with_a_field) >= LEAST_RIGHT * len(with_a_field)
    assert sum(got not in right for got, right in answers if got) <= MOST_WRONG


def test_each_has_its_reason_in_words() -> None:
    reasons = {one.column: one.reason for one in suggested(COLUMNS, "qualified")}
    assert reasons["vorname"] == "“vorname” means First Name."
    assert reasons["phone"] == "It has the same name. Its values look like phone numbers."
    assert "changes the company, not this record alone" in reasons["website"]
    assert all(one.reason.endswith(".") for one in suggested(COLUMNS, "salesloft"))


def test_no_column_and_no_field_is_suggested_twice_whatever_the_order() -> None:
    columns = [one.column for one in COLUMNS]
    usual = {one.field.key: one.column for one in suggestions(columns, QUALIFIED, companion=COMPANY)}
    assert len(set(usual.values())) == len(usual)
    random.Random(7).shuffle(columns)
    again = {one.field.key: one.column for one in suggestions(columns, QUALIFIED, companion=COMPANY)}
    assert again == usual


def test_what_is_taken_is_not_suggested_again() -> None:
    columns = [Candidate("email", "text", MAILS), Candidate("work_email", "text", MAILS)]
    assert [one.column for one in suggestions(columns, [EMAIL])] == ["email"]
    assert [one.column for one in suggestions(columns, [EMAIL], taken_columns=["email"])] == ["work_email"]
    assert suggestions(columns, [EMAIL], taken_fields=["email"]) == []


def test_values_that_do_not_fit_speak_against_a_name() -> None:
    assert only(Candidate("email", "text", MAILS), EMAIL) == "email"
    assert only(Candidate("email", "text", ("yes", "no")), EMAIL) == ""
    assert only(Candidate("email", "boolean"), EMAIL) == ""
    assert only(Candidate("phone", "text", ("iPhone", "Android")), PHONE) == ""
    stage = Field("stage", "Stage", Kind.PICKLIST, options=(Option("new", "New"), Option("won", "Won")))
    assert only(Candidate("stage", "text", ("won", "new")), stage) == "stage"
    assert only(Candidate("stage", "text", ("7", "8")), stage) == ""


def test_a_name_that_says_nothing_is_known_by_values_that_can_be_but_one_thing() -> None:
    strange = Candidate("xq_7", "text", MAILS)
    (found,) = suggestions([strange, Candidate("plan", "text", ("gold",))], [EMAIL, PHONE])
    assert (found.column, found.reason) == ("xq_7", "Its values are e-mail addresses.")
    assert suggestions([strange, Candidate("xq_8", "text", MAILS)], [EMAIL]) == []
    assert suggestions([Candidate("manager_ref", "text", MAILS)], [EMAIL]) == []


def test_fields_that_cannot_be_filled_and_ids_of_the_service_are_never_suggested() -> None:
    shown = Field("created_at", "Created at", Kind.DATETIME, read_only="is set by Acme itself")
    assert only(Candidate("created_at", "datetime", ("2026-01-01T00:00:00Z",)), shown) == ""
    number = Field("account_id", "Account ID", Kind.NUMBER)
    assert only(Candidate("account_id", "number", ("17",)), number) == ""
    own = Field("id", "Acme ID", Kind.NUMBER)
    assert only(Candidate("id", "number", ("17",)), own) == ""
    assert only(Candidate("acme_id", "number", ("17",)), own) == "id"


names = st.text(max_size=30) | st.sampled_from([one.column.name for one in COLUMNS])


@given(st.lists(st.builds(Candidate, names, st.just("text"), st.tuples(st.text(max_size=20))), max_size=12))
def test_any_names_and_values_give_suggestions_or_none(columns: list[Candidate]) -> None:
    found = suggestions(columns, QUALIFIED, companion=COMPANY)
    assert {one.column for one in found} <= {one.name for one in columns}
