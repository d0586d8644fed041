from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from syncadmin.lib.redact import HIDDEN
from syncadmin.lib.shown import (
    NOTHING,
    Tone,
    counted,
    duration,
    link,
    moment,
    preformatted,
    pretty,
    pretty_text,
    short,
    tag,
    without_secrets,
)

HARM = '"><script>'
SAFE = "&quot;&gt;&lt;script&gt;"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12, "12 s"),
        (60, "1 min 0 s"),
        (200.4, "3 min 20 s"),
        (3600, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (-1, "0.0 s"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_units(seconds: float, told: str):
    assert duration(timedelta(seconds=seconds)) == told


def test_what_never_was_is_a_dash():
    assert duration(None) == moment(None) == preformatted("") == NOTHING


def test_a_time_names_its_zone():
    at = datetime(2026, 3, 29, 10, 0, 0, tzinfo=UTC)
    assert ">2026-03-29 10:00:00 UTC</time>" in moment(at)
    with timezone.override("Europe/Berlin"):
        assert ">2026-03-29 12:00:00 CEST</time>" in moment(at)


@pytest.mark.parametrize("shown", [tag(HARM, Tone.BAD), link(HARM, HARM), preformatted(HARM)])
def test_no_value_is_taken_for_markup(shown: str):
    assert HARM not in shown
    assert SAFE in shown


@pytest.mark.parametrize(("number", "told"), [(0, "0 rows"), (1, "1 row"), (1200, "1,200 rows")])
def test_a_noun_goes_with_its_number(number: int, told: str):
    assert counted(number, "row") == told


def test_a_long_text_is_cut_with_a_mark():
    assert short("abc", 3) == "abc"
    assert short("ab defg", 4) == "ab…"


def test_only_json_is_spread_over_lines():
    assert pretty_text('{"a":"é"}') == pretty({"a": "é"}) == '{\n  "a": "é"\n}'
    assert pretty_text('{"a":') == '{"a":'


def test_what_looks_like_a_secret_is_hidden_at_any_depth():
    options = {
        "host": "db",
        "password": "p",
        "tls": [{"api_key": "k", "mode": "require"}],
        "token": None,
        "base_url": "https://ada:p@example.com/v2?key=k&page=1",
    }
    assert without_secrets(options) == {
        "host": "db",
        "password": HIDDEN,
        "tls": [{"api_key": HIDDEN, "mode": "require"}],
        "token": None,
        "base_url": f"https://example.com/v2?key={HIDDEN}&page=1",
    }
