"""Settings that are valid one by one and dangerous together."""

import pytest
from django.core.checks import run_checks


def found(**options) -> set[str]:
    return {message.id for message in run_checks(tags=["security"], **options)}


def test_file_sources_must_not_reach_the_keys(settings, tmp_path):
    settings.FILES_DIR = settings.DATA_DIR.parent
    assert "syncadmin.E001" in found()
    settings.FILES_DIR = settings.DATA_DIR / "files"
    assert "syncadmin.E001" not in found()


def test_file_sources_must_not_reach_the_file_of_values(settings, tmp_path):
    settings.FILES_DIR = tmp_path
    settings.ENV_FILE = str(tmp_path / ".env")
    assert "syncadmin.E001" not in found()
    (tmp_path / ".env").touch()
    assert "syncadmin.E001" in found()


@pytest.mark.parametrize(
    ("address", "is_told"), [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True)]
)
def test_development_mode_on_a_public_address_is_told(settings, address, is_told):
    settings.DEBUG = True
    settings.ADDRESS = address
    assert ("syncadmin.W001" in found()) is is_told


def test_a_sandbox_in_production_is_told(settings):
    settings.SANDBOX = True
    assert "syncadmin.W002" in found(include_deployment_checks=True)
