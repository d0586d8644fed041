"""What the documents say stays true, and the files stay where and how they belong."""

import re
import subprocess
import sys
from itertools import pairwise

import pytest
from django.conf import settings
from django.core.management import call_command, get_commands

from destinations import registry
from syncs.configuration import tree
from syncs.configuration.document import read_document

ROOT = settings.BASE_DIR
DOCUMENTS = ("README.md", "CHANGELOG.md", ".github/CONTRIBUTING.md", ".github/CONFIGURATION.md")
PACKAGES = ("syncadmin", "destinations", "syncs")


def rows_of_destinations() -> list[str]:
    return [
        "| {label} | `{key}` | {objects} | {modes} |".format(
            label=adapter.label,
            key=adapter.key,
            objects=", ".join(
                f"{target.label} ({', '.join(f'`{key}`' for key in target.upsert_keys)})"
                for target in sorted(adapter.objects, key=lambda target: target.label)
            ),
            modes=", ".join(sorted({mode.value for target in adapter.objects for mode in target.modes})),
        )
        for adapter in registry.adapters().values()
    ]


def test_the_readme_lists_the_destinations_that_there_are():
    section = (ROOT / "README.md").read_text().split("## Destinations")[1].split("##")[0]
    listed = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert listed == rows_of_destinations()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if not target.startswith("https://"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_commands_exist(document):
    text = (ROOT / document).read_text()
    for name in re.findall(r"manage\.py ([a-z_]+)", text):
        assert name in get_commands(), name
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE):
        assert name in targets, name


@pytest.mark.parametrize("document", ["README.md", ".github/CONTRIBUTING.md", ".github/CONFIGURATION.md"])
def test_named_files_exist(document):
    text = re.sub(r"NAME", "qualified", (ROOT / document).read_text())
    for name in re.findall(
        r"`((?:syncadmin|destinations|syncs|tests|templates|static|\.ci)/[\w./-]*)`", text
    ):
        assert (ROOT / name).exists(), name


def test_every_command_of_the_makefile_has_its_line_of_help():
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())
    assert phony == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_the_sample_configuration_is_read_without_a_complaint():
    sample = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    secrets = dict.fromkeys(("QUALIFIED_API_KEY", "SALESLOFT_ID", "SALESLOFT_SECRET"), "secret")
    reading = tree.read(sample, {"WAREHOUSE_URL": "postgres://db.example.com/w", **secrets})
    problems = list(reading.problems)
    document = read_document(reading.tree, problems)
    assert not problems
    assert [sync.name for sync in document.syncs] == ["leads-to-qualified"]


def test_the_layers_hold():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_models_and_migrations_agree(db):
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_files_stay_readable():
    """At most 400 lines: a file that wants more is two subjects."""
    too_long = {
        str(path.relative_to(ROOT)): lines
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400 and "migrations" not in path.parts
    }
    assert not too_long


def test_no_file_is_a_drawer_for_everything():
    drawers = {"utils", "helpers", "common", "misc"}
    for package in PACKAGES:
        assert not [path for path in (ROOT / package).rglob("*.py") if path.stem in drawers]


def test_no_page_asks_another_host_for_anything():
    for folder in ("templates", "static"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in {".html", ".css", ".js"}:
                assert not re.search(r"(src|href|url\()\s*=?\s*[\"']?(https?:)?//", path.read_text()), path


def test_the_changelog_begins_with_what_is_not_released():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(newer > older for newer, older in pairwise(headings[1:]))
