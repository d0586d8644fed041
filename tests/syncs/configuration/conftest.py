"""A folder of files, a destination on the wire, and a document to change."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import responses
from pytest_django import Settings

from syncs.configuration.apply import apply
from syncs.configuration.problems import ConfigurationError

API = "https://api.qualified.com"
ENVIRONMENT = {"QUALIFIED_API_KEY": "k3y-of-acme", "OTHER_KEY": "k3y-of-another"}
DOCUMENT = """\
team: acme
sources:
  files: {type: duckdb, path: "."}
models:
  leads: {source: files, sql: "select * from 'leads.csv'", primary_key: id}
connections:
  qualified: {destination: qualified, api_key: "${QUALIFIED_API_KEY}"}
syncs:
  leads-to-qualified:
    model: leads
    connection: qualified
    object: leads
    mapping: {email: email, first_name: given_name, Lead_Score__c: score, title: {value: "VP"}}
"""
FIELDS = {
    "leads": [
        ("first_name", "First name", "string"),
        ("title", "Title", "string"),
        ("Lead_Score__c", "Score", "decimal"),
    ],
    "companies": [("industry", "Industry", "string")],
}


@pytest.fixture
def files(tmp_path: Path, settings: Settings) -> Path:
    """What file sources may read: leads.csv."""
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()
    (settings.FILES_DIR / "leads.csv").write_text("id,email,given_name,score\n1,ada@example.com,Ada,7\n")
    return settings.FILES_DIR


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """The wire, on which nobody answers yet."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield wire


@pytest.fixture
def qualified(wire: responses.RequestsMock) -> responses.RequestsMock:
    """Qualified lists its fields."""
    listing(wire)
    return wire


def listing(wire: responses.RequestsMock, base_url: str = API, **more: tuple[str, str, str]) -> None:
    for name, fields in FIELDS.items():
        listed = [*fields, *([more[name]] if name in more else [])]
        data = [{"id": key, "name": key, "label": label, "type": kind} for key, label, kind in listed]
        wire.get(f"{base_url}/v2/{name}/fields", json={"data": data})


@pytest.fixture
def applied(db: None, files: Path) -> Callable[..., list[str]]:
    """Apply the document with some texts replaced: applied({"old": "new"}) → the lines printed."""

    def do(changes: dict[str, str] | None = None, *, check: bool = False, text: str = DOCUMENT) -> list[str]:
        for old, new in (changes or {}).items():
            assert old in text
            text = text.replace(old, new)
        return apply(text, ENVIRONMENT, check=check).lines

    return do


@pytest.fixture
def refused(applied: Callable[..., list[str]]) -> Callable[..., list[tuple[int, str]]]:
    """As `applied`, where nothing may be written: the problems by line."""

    def do(changes: dict[str, str] | None = None, **more: str) -> list[tuple[int, str]]:
        with pytest.raises(ConfigurationError) as caught:
            applied(changes, **more)
        return [(problem.line, problem.message) for problem in caught.value.problems]

    return do
