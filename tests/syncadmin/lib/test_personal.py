"""What is hidden of people, and what hints stay."""

import json

import pytest

from syncadmin.lib import personal
from syncadmin.lib.redact import HIDDEN as REMOVED


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("bob@acme.com", "[e-mail address, 12 characters]"),
        ("1234", "[4 digits]"),
        ("7", "[1 digit]"),
        ("12.50", "[number, 5 characters]"),
        ("2026-03-04", "[date]"),
        ("2026-03-04T05:06:07Z", "[date and time]"),
        ("https://acme.com/bob", "[web address, 20 characters]"),
        ("O'Brien", "[7 characters]"),
        ("مفتاح", "[5 characters]"),
        ("  ", "[blanks, 2 characters]"),
        ("", ""),
        (REMOVED, REMOVED),
    ],
)
def test_a_value_leaves_a_hint_of_its_shape(value: str, hint: str):
    assert personal.text(value) == hint
    with personal.shown():
        assert personal.text(value) == value


def test_json_keeps_its_names_and_its_shape():
    body = {
        "email": "bob@acme.com",
        "score": 12.5,
        "opted_in": True,
        "phone": None,
        "note": "",
        "tags": ["VIP", {"since": "2026-03-04"}],
        "results": {"bob@acme.com": 1, "ann@acme.com": 2, "1234": 3},
    }
    assert personal.values(body) == {
        "email": "[e-mail address, 12 characters]",
        "score": "[number, 3 digits]",
        "opted_in": "[true or false]",
        "phone": None,
        "note": "",
        "tags": ["[3 characters]", {"since": "[date]"}],
        "results": {
            "[e-mail address, 12 characters]": "[number, 1 digit]",
            "[e-mail address, 12 characters] 2": "[number, 1 digit]",
            "[4 digits]": "[number, 1 digit]",
        },
    }
    with personal.shown():
        assert personal.values(body) == body


@pytest.mark.parametrize(
    "cut",
    [
        '{"items": [{"email": "bob@acme.com", "name": "O\\"Brien", "score": 12.5, "is_new": true, "x": nu',
        '[{"request_id": "17-1", "data": {"email": "bob@acme.com", "first_name": "O\'Brien',
        '{"email": "bob@acme.com", "name": "O\'Brien\\',
    ],
)
def test_json_that_was_cut_off_keeps_its_names_too(cut: str):
    told = personal.body(cut)
    for value in ("bob", "acme", "Brien", "12.5", "17-1"):
        assert value not in told
    assert '"email": "[hidden]"' in told
    with personal.shown():
        assert personal.body(cut) == cut


def test_what_is_no_json_is_hidden_whole():
    assert personal.body("<html>Bob is not known</html>") == "[29 characters]"
    assert personal.body("") == ""


def test_json_stands_over_several_lines():
    assert json.loads(personal.body('{"a": ["b"]}')) == {"a": ["[1 character]"]}
    assert "\n" in personal.body('{"a": 1}')


@pytest.mark.parametrize(
    ("said", "known", "told"),
    [
        ('Email: "bob acme.com" is no address.', [], 'Email: "[hidden]" is no address.'),
        ("bob@acme.com is taken.", [], "[hidden] is taken."),
        ("bob%40acme.com is taken.", [], "[hidden] is taken."),
        ("Call +49 (171) 234-5678 first.", [], "Call [hidden] first."),
        ("Bob Smith exists.", [{"name": "bob smith"}], "[hidden] exists."),
        ("12 rows are like row 120.", ["12"], "[hidden] rows are like row 120."),
        ("A lead has no A.", ["A"], "A lead has no A."),
        ("It is too long (maximum is 255 characters) (422).", [], None),
        ("Don't send Bob's row.", [], None),
        ("The column “name” is gone.", [], None),
        ('Stage: "Lead" is none. Did you mean "Leads"?', ["Lead"], None),
        ("", ["x"], ""),
    ],
)
def test_a_sentence_loses_what_it_quotes(said: str, known: list, told: str | None):
    if "Did you mean" in said:
        told = 'Stage: "[hidden]" is none. Did you mean "[hidden]"?'
    assert personal.words(said, known) == (said if told is None else told)
    with personal.shown():
        assert personal.words(said, known) == said


def test_a_query_loses_only_addresses_of_people():
    sql = "select * from people where created > '2026-01-01' and email <> 'bob@acme.com'"
    assert personal.mentions(sql) == sql.replace("bob@acme.com", "[hidden]")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://api.acme.com/v2/bulk/d558ab8f54fd", None),
        ("https://api.acme.com/v2/leads/bob@acme.com/notes", "https://api.acme.com/v2/leads/[hidden]/notes"),
        ("https://api.acme.com/v2/leads/bob%40acme.com", "https://api.acme.com/v2/leads/[hidden]"),
        (
            "https://api.acme.com/v2/leads?email=bob@acme.com&flag&limit=",
            "https://api.acme.com/v2/leads?email=[hidden]&flag&limit",
        ),
        ("https://api.acme.com/v2?<script>", "https://api.acme.com/v2?[hidden]"),
        ("/v2/leads", None),
    ],
)
def test_an_address_keeps_what_names_nobody(url: str, told: str | None):
    assert personal.address(url) == (url if told is None else told)
    with personal.shown():
        assert personal.address(url) == url


def test_only_what_was_asked_for_is_shown():
    with pytest.raises(RuntimeError), personal.shown():
        assert personal.is_shown()
        raise RuntimeError
    assert not personal.is_shown()
