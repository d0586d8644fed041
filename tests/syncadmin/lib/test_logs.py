"""What a line of the log says, in both forms, and what none may repeat."""

import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError, OperationalError
from django.test import Client, RequestFactory
from django.urls import path

from syncadmin.lib import logs
from tests.log import logged

ADA = "@".join(("ada", "acme.com"))  # not in a line of this file, which a traceback shows
Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    with logged("JSON") as written:
        yield written


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_says_when_where_and_what_it_is_about(lines: Lines):
    with logs.about(run="r1", sync="s1", team="acme"):
        logging.getLogger("syncs.engine").info("Planned: %s", "3 read", extra={"read_count": 3})
    (line,) = lines()
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "syncs.engine",
        "message": "Planned: 3 read",
        "run": "r1",
        "sync": "s1",
        "team": "acme",
        "read_count": 3,
    }


def test_a_line_for_people_says_the_same():
    with logged("LINE") as written, logs.about(run="r1", sync="s1"):
        logging.getLogger("syncs").info("It began.")
    assert written.getvalue().endswith(" INFO syncs run=r1 sync=s1 It began.\n")


def test_the_mark_ends_with_its_block_and_goes_along_to_other_threads(lines: Lines):
    log = logging.getLogger("syncs")
    with logs.about(run="r1"), ThreadPoolExecutor(1, initializer=logs.bound()) as pool:
        pool.submit(log.info, "There.").result()
    log.info("After.")
    assert [line.get("run") for line in lines()] == ["r1", None]


@pytest.mark.parametrize("form", ["LINE", "JSON"])
def test_exceptions_are_written_without_what_they_quote(form):
    with logged(form) as written:
        try:
            try:
                raise IntegrityError(f"duplicate key\nDETAIL: Key (email)=({ADA}) exists")
            except IntegrityError as error:
                raise ValueError(f"no number: {ADA}") from error
        except ValueError:
            logging.getLogger("django.request").exception("Internal Server Error: %s", "/x/")
    said = written.getvalue()
    assert "IntegrityError" in said
    assert "ValueError" in said
    assert "test_exceptions_are_written" in said
    assert "ada@" not in said


def test_what_only_tells_of_the_database_is_written(lines: Lines):
    try:
        raise OperationalError("database is locked\nCONTEXT: COPY leads, line 1: ada@acme.com")
    except OperationalError:
        logging.getLogger("syncs").exception("Later.")
    assert str(lines()[0]["places"]).endswith("OperationalError: database is locked")


def test_a_task_that_failed_is_told_by_its_name_and_its_place(lines: Lines):
    place = '  File "/app/syncs/tasks.py", line 9, in prune'
    first = (
        "Failed 'syncs.tasks.prune' (six-nine) - no number: ada@acme.com : Traceback (most recent call last):"
    )
    said = "\n".join((first, place, '    x("ada@acme.com")', "ValueError: no number: ada@acme.com", ""))
    logging.getLogger("django-q").error(said)
    assert lines()[0]["message"] == (
        "Failed 'syncs.tasks.prune' (six-nine)\n  File \"/app/syncs/tasks.py\", line 9, in prune"
    )


@pytest.mark.parametrize(
    "name", ["urllib3.connectionpool", "django.db.backends", "apprise", "requests", "authlib"]
)
def test_libraries_tell_nothing_of_what_they_do(name, lines: Lines):
    log = logging.getLogger(name)
    log.debug('"GET /leads?email=ada@acme.com HTTP/1.1" 200')
    log.info("ada@acme.com")
    assert lines() == []


def test_a_page_is_told_by_its_pattern_and_a_search_is_not(lines: Lines):
    request = RequestFactory().get("/people/ada@acme.com/?q=ada@acme.com")
    with logs.about(request="abcdefgh", page="/people/<key>/"):
        logging.getLogger("django.request").warning(
            "%s: %s", "Not Found", request.path, extra={"request": request, "status_code": 404}
        )
        logging.getLogger("django.server").error('"%s" %s', "GET /x/?q=ada@acme.com HTTP/1.1", "500")
    first, second = lines()
    assert (first["message"], first["request"], first["page"]) == (
        "Not Found: /people/<key>/",
        "abcdefgh",
        "/people/<key>/",
    )
    assert second["message"] == '"GET /x/ HTTP/1.1" 500'


@login_not_required
def _broken(request, key):
    raise ValueError(f"no number: {key}")


urlpatterns = [path("broken/<str:key>/", _broken)]


@pytest.mark.urls(__name__)
def test_a_fault_of_a_page_is_found_by_the_id_that_its_answer_has(lines: Lines):
    answer = Client(raise_request_exception=False).get(
        "/broken/ada@acme.com/?q=ada@acme.com", headers={"X-Request-ID": "from-the-proxy.1"}
    )
    assert (answer.status_code, answer["X-Request-ID"]) == (500, "from-the-proxy.1")
    (line,) = lines()
    assert (line["request"], line["page"]) == ("from-the-proxy.1", "/broken/<str:key>/")
    assert "ada@" not in json.dumps(line)


@pytest.mark.urls(__name__)
def test_an_id_that_could_be_anything_is_not_taken(lines: Lines):
    answer = Client(raise_request_exception=False).get("/nowhere/", headers={"X-Request-ID": 'x" evil'})
    assert answer["X-Request-ID"].isalnum()
