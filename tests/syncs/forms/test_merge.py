"""Two people's changes of one sync, put together."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncs.forms.sync_merge import Whose, differences, is_same, merged


def row(field: str, column: str = "a") -> dict[str, str]:
    return {"source": f"column:{column}", "field": f"field:{field}"}


BASE: dict[str, Any] = {"name": "n", "mode": "upsert", "rows": [row("email"), row("title")]}


def whose(yours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Whose]:
    return {one.field or one.name: one.whose for one in differences(BASE, BASE | yours, BASE | theirs)}


def test_each_part_is_the_change_of_one_of_them_or_of_both() -> None:
    assert whose({"name": "mine"}, {"mode": "insert"}) == {"name": Whose.YOURS, "mode": Whose.THEIRS}
    assert whose({"name": "mine"}, {"name": "hers"}) == {"name": Whose.BOTH}
    assert whose({"name": "same"}, {"name": "same"}) == {}
    mine = {"rows": [row("email", "b"), row("title")]}
    hers = {"rows": [row("email"), row("phone")]}
    assert whose(mine, hers) == {"email": Whose.YOURS, "title": Whose.THEIRS, "phone": Whose.THEIRS}


def test_fields_that_were_removed_and_added_are_put_together() -> None:
    yours = BASE | {"rows": [row("email", "b"), row("title"), {"source": "column:half"}], "asides": {"x": 1}}
    theirs = BASE | {"rows": [row("email"), row("phone")]}
    found = differences(BASE, yours, theirs)
    assert merged(yours, theirs, found, {}) == yours | {
        "rows": [row("email", "b"), {"source": "column:half"}, row("phone")]
    }


def test_a_field_that_is_listed_no_more_and_steps_that_are_written_anew_are_the_same() -> None:
    was = {"rows": [row("plan") | {"steps": '["trim"]'}]}
    now = {"rows": [{"source": "column:a", "field": "name", "name": "plan", "steps": '[ "trim" ]'}]}
    assert is_same(was, now)
    assert not is_same(was, {"rows": [row("plan") | {"steps": '["lower"]'}]})


contents = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["n", "m"]),
        "rows": st.lists(
            st.builds(row, st.sampled_from("abcd"), st.sampled_from("xy")),
            max_size=4,
            unique_by=lambda one: one["field"],
        ),
    }
)


@given(contents, contents, contents)
def test_choosing_one_side_throughout_gives_what_nobody_else_changed_and_that_side(
    base: dict[str, Any], yours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    found = differences(base, yours, theirs)
    both = [one for one in found if one.whose is Whose.BOTH]
    together = merged(yours, theirs, found, {one.id: "theirs" for one in both})
    left = differences(base, together, theirs)
    assert all(one.whose is Whose.YOURS for one in left)
    nothing_known = differences(None, yours, theirs)
    all_theirs = merged(yours, theirs, nothing_known, {one.id: "theirs" for one in nothing_known})
    assert differences(None, all_theirs, theirs) == []
