"""What must be looked at before it is sent: each brake at its edge, and what an approval covers."""

from dataclasses import replace
from typing import Any

import pytest

from syncs.engine import brakes
from syncs.engine.brakes import DEFAULTS, BrakesWrong, Found, Limit, Past, Plan, Shown, Words

CALM = Plan(read=10_000, planned=310, known=9_990, changed=300, new=10, left=50)
USUAL = Past(read=10_000, left=50, usual=300, usual_left=1)
WORDS = Words("Email", {"phone": "Phone"})


def held(past: Past = USUAL, limits: dict[str, Any] | None = None, **plan: Any) -> list[str]:
    """The brakes that hold a plan that is calm but for these counts."""
    given = {name: plan.get(name, getattr(CALM, name)) for name in Plan.__dataclass_fields__}
    return [one.kind for one in brakes.judge(Plan(**given), past, brakes.read(limits or {}), WORDS)]


def said(past: Past = USUAL, **plan: Any) -> str:
    given = {name: plan.get(name, getattr(CALM, name)) for name in Plan.__dataclass_fields__}
    (found,) = brakes.judge(Plan(**given), past, DEFAULTS, WORDS)
    return found.text


def test_where_a_usual_run_changes_nothing_the_words_say_so() -> None:
    told = said(replace(USUAL, usual=0), known=12_900, changed=12_400)
    assert told.endswith("would change; in a usual run none does.")


def test_a_usual_plan_is_held_by_nothing() -> None:
    assert held() == []


@pytest.mark.parametrize(
    ("kind", "under", "over"),
    [
        ("changes", {"changed": 2_996}, {"changed": 2_997}),
        ("changes", {"known": 499, "changed": 499}, {"known": 500, "changed": 500}),
        ("blanks", {"blanks": {"phone": 1_997}}, {"blanks": {"phone": 1_998}}),
        ("blanks", {"known": 99, "blanks": {"phone": 99}}, {"known": 100, "blanks": {"phone": 100}}),
        ("new", {"new": 5_019}, {"new": 5_020}),
        ("rekeyed", {"rekeyed": 998}, {"rekeyed": 999}),
        ("lost", {"known": 7_000, "left": 3_049}, {"known": 7_000, "left": 3_050}),
    ],
)
def test_each_brake_holds_from_its_share_and_its_number_of_rows_on(
    kind: str, under: dict[str, Any], over: dict[str, Any]
) -> None:
    assert held(Past(read=10_000, left=50), **under) == []
    assert held(Past(read=10_000, left=50), **over) == [kind]


def test_what_is_usual_for_a_sync_holds_nothing_however_much_it_is() -> None:
    """A score that is counted anew each day changes nearly all rows, each day."""
    every_day = Past(read=10_000, left=50, usual=9_000, usual_left=4_000)
    assert held(every_day, changed=9_500) == []
    assert held(every_day, new=9_500) == []
    assert held(every_day, known=5_000, left=5_050) == []


def test_rows_that_a_run_was_free_to_send_and_could_not_are_not_held_later() -> None:
    """The destination's sign-in ended in the middle of the first run."""
    broken_off = Past(waiting=6_000)
    assert held(broken_off, known=4_000, new=6_000, changed=0, left=0) == []
    assert held(broken_off, known=4_000, new=6_001, changed=0, left=0) == ["new"]


def test_sending_all_rows_again_is_no_change_that_nobody_knew_of() -> None:
    assert held(changed=9_990, is_full=True) == []
    assert held(changed=9_990, is_full=True, blanks={"phone": 9_990}) == ["blanks"]


def test_a_model_without_rows_is_held_until_somebody_has_agreed_to_it() -> None:
    nothing = {"read": 0, "known": 0, "changed": 0, "new": 0, "planned": 0, "left": 10_000}
    assert held(**nothing) == ["empty"]
    assert held(Past(read=0, left=10_000), **nothing) == []
    assert held(Past(), **nothing | {"left": 0}) == []
    assert "nothing is removed at the destination" in said(**nothing)


def test_rows_that_cannot_be_read_any_more_have_not_left() -> None:
    assert held(known=2_000, left=8_050, invalid=8_000) == []
    assert held(known=2_000, left=8_050, invalid=0) == ["lost"]


def test_a_first_run_is_held_unless_its_numbers_were_shown() -> None:
    first = {"known": 0, "changed": 0, "left": 0, "planned": 10_000, "new": 10_000}
    assert held(Past(is_first=True), **first) == ["first"]
    assert held(Past(is_first=True, confirmed=10_000), **first) == []
    assert held(Past(is_first=True, confirmed=9_000), **first) == ["first"]
    assert held(Past(is_first=True), **first | {"planned": 499, "new": 499}) == []


def test_a_brake_that_is_off_or_set_otherwise_holds_accordingly() -> None:
    assert held(changed=9_000) == ["changes"]
    assert held(changed=9_000, limits={"changes": False}) == []
    assert held(changed=9_000, limits={"changes": {"percent": 95}}) == []
    assert held(changed=9_000, limits={"changes": {"least": 9_001}}) == []
    everything = {"changed": 9_000, "new": 90_000, "rekeyed": 9_000, "blanks": {"phone": 9_000}}
    assert held(**everything) == ["blanks", "changes", "rekeyed", "new"]
    assert held(**everything, limits=brakes.NONE) == []


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (
            {"known": 12_900, "changed": 12_400},
            "12,400 of 12,900 rows that were sent before would change; usual are about 300 rows a run.",
        ),
        (
            {"known": 12_900, "changed": 12_900},
            "All 12,900 rows that were sent before would change; usual are about 300 rows a run.",
        ),
        (
            {"blanks": {"phone": 4_312}},
            "Phone would be emptied in 4,312 of 9,990 rows that were sent before.",
        ),
        ({"rekeyed": 2_000}, "2,000 of 9,990 rows come with another Email than before: they "),
        (
            {"new": 50_000},
            "50,000 new records would be sent, where 10,040 were sent so far; usual are about ",
        ),
    ],
)
def test_the_words_say_how_much_and_what_is_usual(plan: dict[str, Any], words: str) -> None:
    assert said(**plan).startswith(words)


# Settings


@pytest.mark.parametrize(
    "stored",
    [{}, {"new": False}, {"changes": {"percent": 60}}, {"lost": {"percent": 1, "least": 1}}, brakes.NONE],
)
def test_what_differs_from_the_defaults_is_what_is_stored(stored: dict[str, Any]) -> None:
    assert brakes.as_stored(brakes.read(stored)) == stored


def test_all_can_be_switched_with_a_word() -> None:
    assert brakes.read(True) == brakes.read({}) == DEFAULTS
    assert not any(limit.on for limit in brakes.read(False).values())
    assert brakes.read({"new": {}, "lost": True}) == DEFAULTS


@pytest.mark.parametrize(
    ("wrong", "part", "words"),
    [
        (3, (), "must be false, or such as"),
        ({"speed": True}, ("speed",), "there is no brake `speed`; there are empty, lost,"),
        ({"new": 5}, ("new",), "`new` must be true, false, or its limits"),
        ({"empty": {"percent": 5}}, ("empty", "percent"), "knows no `percent`: it has no limits"),
        ({"first": {"percent": 5}}, ("first", "percent"), "it has only `least`"),
        ({"new": {"percent": 101}}, ("new", "percent"), "must be a whole number from 1 to 100"),
        ({"new": {"percent": True}}, ("new", "percent"), "must be a whole number from 1 to 100"),
        ({"new": {"least": 0}}, ("new", "least"), "must be a whole number from 1 to 1,000,000,000"),
    ],
)
def test_a_setting_that_means_nothing_is_refused_with_its_place(
    wrong: Any, part: tuple[str, ...], words: str
) -> None:
    with pytest.raises(BrakesWrong) as told:
        brakes.read(wrong)
    assert told.value.part == part
    assert words in str(told.value)


# What an approval covers

SEEN = Shown((Found("changes", "All rows would change.", 1_000),), 1_100, "as it was")


def now(*found: Found, planned: int = 1_100, mark: str = "as it was") -> list[str]:
    return brakes.beyond(SEEN, Shown(found, planned, mark))


def test_an_approval_covers_what_was_shown_and_a_little_more() -> None:
    assert now() == []
    assert now(Found("changes", "", 1_050), planned=1_155) == []
    assert brakes.allowed(10) == 20
    assert brakes.allowed(10_000) == 10_500


def test_it_does_not_cover_more_rows_nor_another_harm_nor_another_sync() -> None:
    assert now(planned=1_156) == ["1,156 rows would be sent now; 1,100 were approved."]
    (more,) = now(Found("changes", "1,051 rows would change.", 1_051))
    assert more == "1,000 rows were approved of this: 1,051 rows would change."
    (other,) = now(Found("blanks", "Phone would be emptied.", 5, "phone"))
    assert other == "This is new: Phone would be emptied."
    assert now(mark="as it is") == ["The sync, its model or its source was changed since."]


def test_what_is_shown_is_kept_as_json() -> None:
    shown = Shown((Found("blanks", "Emptied.", 5, "phone"),), 7, "m", ("More.",))
    assert Shown.read(shown.write()) == shown
    assert Limit(percent=50, least=2).reaches(2, 4)
