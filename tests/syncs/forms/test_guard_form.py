"""The form of a guard: what is stored, shown and saved again stays the same."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncs.engine import guard_keys
from syncs.engine.guard_kinds import KINDS, guard_faults
from syncs.forms.guard_form import GuardForm, form_of, guard_of, likely_look, read_form, tidied_domain
from tests.syncs.engine.test_guards import GUARDS

KEPT = guard_keys.packed(guard_keys.digests(["ada@acme.com"]))
LIST = {"list": guard_keys.name_of(KEPT), "count": 1}
OTHERS: list[dict[str, Any]] = [
    {"suppressed": {"column": "email"} | LIST},
    {"suppressed": {"field": "email", "model": "some-id", "model_column": "who"}},
    {"new_domains": {"field": "email", "most": 20}},
    {"keep_first": {"column": "updated_at"}},
    {"keep_first": {"column": "updated: at", "descending": True}},
    {"never_send": {"emails": ["a@acme.com"], "keys": ["1", "2"], "by_list_alone": ["1"]}},
    {
        "name": "Ours",
        "hold_back": {"any": [{"column": "a", "is_empty": False}, {"field": "b", "is": "true"}]},
    },
    {"send_only": {"all": [{"column": "a", "greater_than": -2.5}, {"column": "b", "in": ["x", "y"]}]}},
]


def posted(form: GuardForm) -> dict[str, str]:
    """What a browser sends of the form."""
    data = form.values | {"groups": str(len(form.groups))}
    for at, group in enumerate(form.groups):
        data[f"group-{at}"] = str(len(group))
        for within, one in enumerate(group):
            parts = {"look": one.look, "way": one.way, "value": one.value}
            data |= {f"group-{at}-{within}-{part}": text for part, text in parts.items()}
    return data


def again(guard: dict[str, Any]) -> dict[str, Any]:
    """The guard after its form was opened and saved as it stood."""
    shown = form_of(guard)
    typed = read_form(shown.kind, posted(shown), guard)
    saved, _ = guard_of(typed, KEPT)
    assert not typed.is_wrong, typed.errors
    return saved


@pytest.mark.parametrize("guard", OTHERS)
def test_a_guard_that_is_opened_and_saved_stays_what_it_was(guard):
    assert guard_faults([guard]) == []
    assert again(guard) == guard


@settings(max_examples=50)
@given(GUARDS)
def test_whatever_its_conditions_say_they_say_it_still_once_saved_again(guards):
    for guard in guards:
        if "suppressed" not in guard:
            once = again(guard)
            assert guard_faults([once]) == []
            assert again(once) == once


@settings(max_examples=100)
@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(
            ["look", "most", "source", "pasted", "model", "emails", "keys", "name", "match", "groups"]
        ),
        st.text(max_size=8) | st.sampled_from(["column:a", "field:", "3", "replace", "add", "x@y.zz"]),
    ),
    st.text(max_size=8),
)
def test_anything_typed_is_a_guard_or_is_told_at_the_form(kind, data, value):
    more = {"groups": "1", "group-0": "1", "group-0-0-look": "column:a", "group-0-0-way": value[:4]}
    form = read_form(kind, more | {"group-0-0-value": value} | data, None)
    guard, _ = guard_of(form, None)
    assert form.is_wrong or guard_faults([guard]) == []


def test_what_a_new_guard_probably_looks_at():
    fields = [("title", "text", "Title"), ("mail", "email", "E-mail")]
    assert likely_look(fields, ["id"], "personal_emails") == "field:mail"
    assert likely_look(fields, ["created", "UPDATED_ON"], "keep_first") == "column:UPDATED_ON"
    assert likely_look(fields, ["id", "E_Mail"], "email_syntax") == "column:E_Mail"
    assert likely_look([], [], "personal_emails") == ""


@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("Acme.com", "acme.com"),
        ("ada@acme.com", "acme.com"),
        ("https://www.acme.com/x", "acme.com"),
        ("x", None),
    ],
)
def test_a_domain_is_read_from_whatever_has_one(typed, domain):
    assert tidied_domain(typed) == domain
