"""What .github/SECURITY.md says is shown by tests: each that it names exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / ".github" / "SECURITY.md").read_text()


def named() -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)


def test_each_test_that_the_page_names_exists() -> None:
    assert len(named()) > 50
    for file, name in named():
        tree = ast.parse((ROOT / file).read_text())
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert not name or name in found, f"{file}::{name}"


def test_each_requirement_holds_by_a_test_is_open_or_says_why() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| \d", line)]
    assert len(rows) > 50
    for row in rows:
        assert "`tests/" in row or re.search(r"open|does not apply|holds: ", row), row
