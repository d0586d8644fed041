"""What a crash leaves of uploads: every file that somebody needs, and after a day no other."""

import os
import shutil
import time
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.test import Client

from syncadmin.teams.models import User
from syncs import tasks
from syncs.models import Source
from syncs.sources.uploads import MARK, YOUNG_SECONDS

ADD = "/t/acme/sources/add/upload/"


class Crash(BaseException):
    """The process is gone: nothing after it runs."""


@pytest.fixture
def browser(client: Client, alice: User, tmp_path: Path, settings) -> Client:
    settings.UPLOADS_DIR = tmp_path / "uploads"
    client.force_login(alice)
    return client


@pytest.fixture
def source(browser: Client) -> Source:
    browser.post(ADD, upload("id\n1\n"))
    return Source.objects.get()


def upload(content: str, **more: str) -> dict[str, object]:
    return {
        "time_zone": "UTC",
        "name": "People",
        "file": SimpleUploadedFile("p.csv", content.encode()),
    } | more


def replaced(source: Source) -> tuple[str, dict[str, object]]:
    newer = upload("id\n1\n2\n", seen_at=source.updated_at.isoformat())
    return f"/t/acme/sources/{source.public_id}/edit/", newer


def crash_at(monkeypatch: pytest.MonkeyPatch, place: object, name: str, below: Path | None = None) -> None:
    """Crash where this is called; `below`: for a path in there only."""
    real = getattr(place, name)

    def crash(first: object, *args: object, **kwargs: object) -> None:
        if below is not None and below not in Path(str(first)).parents:
            return real(first, *args, **kwargs)
        raise Crash

    monkeypatch.setattr(place, name, crash)


def prune(uploads: Path, *, later: bool) -> set[str]:
    """The folders that are left after the daily pruning, at once or after a day."""
    if later:
        before = time.time() - YOUNG_SECONDS - 1
        for mark in uploads.glob(f"*/{MARK}"):
            os.utime(mark, (before, before))
    tasks.prune()
    return {folder.name for folder in uploads.iterdir()}


def test_a_file_whose_source_was_never_saved_goes_after_a_day(browser, settings, monkeypatch):
    with monkeypatch.context() as patched:
        crash_at(patched, Model, "save")
        with pytest.raises(Crash):
            browser.post(ADD, upload("id\n1\n"))
    assert not Source.objects.exists()
    assert len(prune(settings.UPLOADS_DIR, later=False)) == 1, "it might still be being saved"
    assert prune(settings.UPLOADS_DIR, later=True) == set()


def test_a_file_that_was_replaced_goes_though_nobody_removed_it(browser, source, settings, monkeypatch):
    with monkeypatch.context() as patched:
        crash_at(patched, shutil, "rmtree", settings.UPLOADS_DIR)
        with pytest.raises(Crash):
            browser.post(*replaced(source))
    old = source.options["path"]
    source.refresh_from_db()
    assert source.options["path"] != old, "it was saved before the crash"
    assert prune(settings.UPLOADS_DIR, later=False) == {old, source.options["path"]}
    assert prune(settings.UPLOADS_DIR, later=True) == {source.options["path"]}


def test_a_file_stays_whose_replacement_was_never_saved(browser, source, settings, monkeypatch):
    with monkeypatch.context() as patched:
        crash_at(patched, Model, "save")
        with pytest.raises(Crash):
            browser.post(*replaced(source))
    assert prune(settings.UPLOADS_DIR, later=True) == {source.options["path"]}
    assert prune(settings.UPLOADS_DIR, later=True) == {source.options["path"]}, "its mark is gone"


def test_a_removed_source_leaves_no_file_whenever_the_crash_came(browser, source, settings, monkeypatch):
    with monkeypatch.context() as patched:
        crash_at(patched, shutil, "rmtree", settings.UPLOADS_DIR)
        with pytest.raises(Crash):
            browser.post(f"/t/acme/sources/{source.public_id}/remove/")
    assert not Source.objects.exists()
    assert prune(settings.UPLOADS_DIR, later=True) == set()


def test_without_a_crash_nothing_bears_a_mark_and_nothing_of_another_database_goes(browser, source, settings):
    elsewhere = settings.UPLOADS_DIR / "7b0f5f04-0000-4000-8000-000000000000"
    elsewhere.mkdir()
    browser.post(*replaced(source))
    source.refresh_from_db()
    assert not list(settings.UPLOADS_DIR.glob(f"*/{MARK}"))
    assert prune(settings.UPLOADS_DIR, later=True) == {source.options["path"], elsewhere.name}
