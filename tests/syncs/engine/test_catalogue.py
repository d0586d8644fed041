"""The catalogue of reasons is whole: whatever a row may be told has its words."""

import ast
from pathlib import Path

import pytest

from destinations import registry
from destinations.contract import Who
from syncs.engine import catalogue, guard_watch, guards, reasons
from syncs.models import RejectedRow

ENGINE = Path(reasons.__file__).parent
CARRIERS = {"Unfit": 0, "Misfit": 1, "Flaw": 0, "_parsed": 1}  # which argument is the reason
SHARED = [problem for section in catalogue.SHARED for problem in section.problems]


def codes_in(file: Path) -> set[str]:
    """The reasons that a module of the engine writes out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CARRIERS:
            found |= _texts(node.args[CARRIERS[node.func.id]])
        elif isinstance(node, ast.keyword) and node.arg == "problem":
            found |= _texts(node.value)
    return found


def _texts(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and node.value else set()


def test_every_reason_that_the_engine_tells_is_explained() -> None:
    told = set().union(*map(codes_in, ENGINE.glob("*.py")))
    told |= {guards.UNSURE, guard_watch.PROBLEM, "gave_up", "in_doubt", "refused"}
    told |= set(reasons.LOOKED_UP.values())
    assert len(told) > 30
    assert told - {problem.code for problem in SHARED} == set()


def test_every_reason_is_there_once_and_says_what_to_do() -> None:
    for problems in (SHARED, *(adapter.problems for adapter in registry.adapters().values())):
        assert len({problem.code for problem in problems}) == len(problems)
        for problem in problems:
            assert problem.title[0].isupper(), problem.code
            assert not problem.title.endswith("."), problem.code
            assert problem.explanation.endswith("."), problem.code
            assert problem.action.endswith("."), problem.code


def test_who_must_act_is_said_in_the_words_of_rows() -> None:
    assert {who.value for who in Who} == set(RejectedRow.Who.values)


@pytest.mark.parametrize("adapter", registry.adapters().values(), ids=lambda one: one.key)
def test_at_a_destination_its_own_words_win(adapter) -> None:
    own = adapter.problems[0]
    assert catalogue.look_up(own.code, adapter) is own
    assert catalogue.look_up("not_a_date", adapter).title == "Not a date"


def test_what_nobody_explains_is_told_by_its_name() -> None:
    assert catalogue.title_of("gone_away") == "Gone away"
    assert catalogue.title_of("guard", "EU only") == "Held back by “EU only”"
    assert catalogue.title_of("guard") == "Held back by a guard"
