"""The rows that pages try things on: read once in a while, and no more than a page needs."""

from typing import Any

import pytest

from syncs.models import QueryModel, Source
from syncs.views import sample_rows as module
from syncs.views.sample_rows import MOST_ROWS, sample_rows
from tests.syncs.engine.conftest import folders  # noqa: F401
from tests.syncs.engine.scene import person, write_csv

SQL = "select * from read_csv('people.csv', header = true, all_varchar = true)"


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, there is time for all rows that a page wants."""
    monkeypatch.setattr(module, "SECONDS", 600.0)


@pytest.fixture
def model(team: Any, folders: None) -> QueryModel:  # noqa: F811
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    return QueryModel.objects.create(team=team, source=source, name="people", sql=SQL, primary_key=["id"])


def test_rows_are_read_once_and_again_when_asked(model: QueryModel) -> None:
    write_csv("people.csv", [person(1)])
    assert len(sample_rows(model).rows) == 1
    write_csv("people.csv", [person(1), person(2)])
    assert len(sample_rows(model).rows) == 1
    assert len(sample_rows(model, again=True).rows) == 2


def test_another_query_has_other_rows_at_once(model: QueryModel) -> None:
    write_csv("people.csv", [person(1)])
    sample_rows(model)
    model.sql = "select 7 as id"
    model.save()
    assert sample_rows(model).rows == ((7,),)


def test_columns_tell_their_type_a_value_and_how_many_are_empty(model: QueryModel) -> None:
    write_csv("people.csv", [person(number, note="" if number > 1 else "a\n b") for number in range(1, 201)])
    found = {column.name: column for column in sample_rows(model).columns}
    assert (found["note"].type, found["note"].sample, found["note"].empty_percent) == ("text", "a b", 99)
    assert found["email"].empty_percent == 0


def test_a_page_reads_no_more_than_it_needs(model: QueryModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model.sql = "select range as id, repeat('x', 1000) as text from range(2000)"
    found = sample_rows(model, again=True)
    assert MOST_ROWS <= len(found.rows) < 2 * MOST_ROWS
    assert not found.is_all
    monkeypatch.setattr(module, "MOST_BYTES", 50_000)
    assert len(sample_rows(model, again=True).rows) < 100
    monkeypatch.setattr(module, "SECONDS", 0.0)
    assert len(sample_rows(model, again=True).rows) == module.CHUNK_ROWS


def test_a_query_that_cannot_be_read_says_why_and_where(model: QueryModel) -> None:
    model.sql = "select *\nfrom nowhere"
    found = sample_rows(model, again=True)
    assert "nowhere" in found.problem and found.position == 2
    assert found.rows == () and found.columns == ()
