"""The environment, good and bad: settings are loaded in a process of their own."""

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.conf import settings

PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "ALLOWED_HOSTS": "syncadmin.example.com",
}
SHOW = """
import json, warnings
warnings.simplefilter("error")
from syncadmin import settings
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.isupper()}, default=str))
"""


def run(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={"PATH": os.environ["PATH"], "ENV_FILE": "", "DATA_DIR": str(tmp_path / "data"), **environment},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def load(tmp_path: Path, **environment: str) -> dict:
    done = run(tmp_path, "-c", SHOW, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def complaint(tmp_path: Path, **environment: str) -> str:
    """The last line that settings leave when they refuse to load."""
    done = run(tmp_path, "-c", SHOW, **environment)
    assert done.returncode == 1, done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
    return last.partition(": ")[2]


def test_with_no_environment_a_checkout_runs_in_development_on_the_loopback(tmp_path):
    found = load(tmp_path)
    assert found["DEBUG"] is True
    assert found["ADDRESS"] == "127.0.0.1"
    assert found["DATABASES"]["default"]["NAME"] == str(tmp_path / "data" / "syncadmin.sqlite3")
    assert found["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_the_keys_of_a_checkout_are_made_once_and_are_for_its_owner_alone(tmp_path):
    first, second = load(tmp_path), load(tmp_path)
    assert first["SECRET_KEY"] == second["SECRET_KEY"]
    assert first["ENCRYPTION_KEYS"] == second["ENCRYPTION_KEYS"]
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "secret-key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["encryption-key", "secret-key"]


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ENCRYPTION_KEYS", "ALLOWED_HOSTS"])
def test_production_demands_keys_and_hosts(tmp_path, missing):
    environment = {name: value for name, value in PRODUCTION.items() if name != missing}
    assert complaint(tmp_path, **environment).startswith(f"{missing} must be set in production (DEBUG=0): ")


def test_production_passes_the_deployment_checks(tmp_path):
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DEBUG", "maybe", "DEBUG must be 1 or 0, not 'maybe'."),
        ("PORT", "http", "PORT must be a whole number from 1 to 65535, not 'http'."),
        ("PORT", "70000", "PORT must be a whole number from 1 to 65535, not '70000'."),
        ("WORKERS", "0", "WORKERS must be a whole number from 1 to 64, not '0'."),
        ("WORKERS", "-1", "WORKERS must be a whole number from 1 to 64, not '-1'."),
        ("ADDRESS", "localhost:8000", "ADDRESS must be an IP address or a host name without a port"),
        ("ADDRESS", "http://x", "ADDRESS must be an IP address or a host name without a port"),
        (
            "ALLOWED_NETWORKS",
            "10.0.0.1/8",
            "ALLOWED_NETWORKS must be a list of networks such as 10.1.0.0/16: ",
        ),
        ("SITE_URL", "syncadmin.example.com", "SITE_URL must be like https://syncadmin.example.com"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("CSRF_TRUSTED_ORIGINS", "example.com", "Each of CSRF_TRUSTED_ORIGINS must begin with http"),
        ("ENCRYPTION_KEYS", "short", "Each of ENCRYPTION_KEYS must be a Fernet key"),
        ("ENV_FILE", "/nowhere/.env", "ENV_FILE names a file that is not there: /nowhere/.env"),
        ("FILES_DIR", __file__, "FILES_DIR must be a folder"),
        ("DATA_DIR", "/proc/nowhere", "DATA_DIR cannot be made"),
        ("DATABASE_URL", "sqlite:////nowhere/x.sqlite3", "DATABASE_URL names a folder that is not there"),
    ],
)
def test_a_bad_value_is_told_by_name(tmp_path, name, value, said):
    assert said in complaint(tmp_path, **{name: value})


@pytest.mark.parametrize(
    "address",
    [
        "mysql://root:hush@host/db",
        "postgres://user:hush@host:port/db",
        "postgres://user:hush@host",
        "hush",
        "sqlite://:memory:",
    ],
)
def test_a_bad_database_address_is_refused_without_repeating_it(tmp_path, address):
    said = complaint(tmp_path, DATABASE_URL=address)
    assert "DATABASE_URL must be sqlite:////folder/file.sqlite3 or postgres://" in said
    assert "hush" not in said


def test_postgresql_keeps_its_connections(tmp_path):
    found = load(tmp_path, DATABASE_URL="postgres://user:p%40ss@db.example.com:5433/app?sslmode=require")
    database = found["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example.com", 5433, "app")
    assert database["PASSWORD"] == "p@ss"
    assert database["CONN_MAX_AGE"] == 60
    assert database["OPTIONS"] == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("address", "host", "port", "tls", "ssl"),
    [
        ("smtp+tls://me:p%40ss@mail.example.com", "mail.example.com", 587, True, False),
        ("smtp+ssl://me:p%40ss@mail.example.com", "mail.example.com", 465, False, True),
        ("smtp://me:p%40ss@mail.example.com:2525", "mail.example.com", 2525, False, False),
    ],
)
def test_e_mail_is_sent_through_the_server_that_is_named(tmp_path, address, host, port, tls, ssl):
    found = load(tmp_path, **PRODUCTION, EMAIL_URL=address, EMAIL_FROM="Syncadmin <us@example.com>")
    assert found["EMAIL_BACKEND"].endswith("smtp.EmailBackend")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == (host, port)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("me", "p@ss")
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (tls, ssl)
    assert found["DEFAULT_FROM_EMAIL"] == "Syncadmin <us@example.com>"
    assert found["SENDS_MAIL"] is True


def test_without_a_server_development_writes_e_mails_to_the_console_and_production_sends_none(tmp_path):
    assert load(tmp_path)["SENDS_MAIL"] is True
    assert load(tmp_path)["EMAIL_BACKEND"].endswith("console.EmailBackend")
    assert load(tmp_path, **PRODUCTION)["SENDS_MAIL"] is False


@pytest.mark.parametrize(
    "address", ["smtp://me:hush@:25", "https://me:hush@host", "hush", "smtp://me:hush@host:port"]
)
def test_a_bad_server_of_e_mail_is_refused_without_repeating_it(tmp_path, address):
    said = complaint(tmp_path, EMAIL_URL=address)
    assert "EMAIL_URL must be smtp+tls://user:password@host:587" in said
    assert "hush" not in said


def test_production_demands_an_address_that_e_mails_come_from(tmp_path):
    said = complaint(tmp_path, **PRODUCTION, EMAIL_URL="smtp://mail.example.com")
    assert said.startswith("EMAIL_FROM must be set with EMAIL_URL")


def test_a_value_may_begin_with_a_dollar_sign(tmp_path):
    assert load(tmp_path, SECRET_KEY="$ecret")["SECRET_KEY"] == "$ecret"


def test_a_folder_may_have_any_sign_in_its_name(tmp_path):
    folder = tmp_path / "a b%20#?c"
    found = load(tmp_path, DATA_DIR=str(folder))
    assert found["DATABASES"]["default"]["NAME"] == str(folder / "syncadmin.sqlite3")


def test_a_file_of_values_is_read_and_the_environment_wins(tmp_path):
    (tmp_path / "env").write_text('PORT=8080\nADDRESS="0.0.0.0"\n# a remark\nWORKERS=3\n')
    found = load(tmp_path, ENV_FILE=str(tmp_path / "env"), WORKERS="5")
    assert (found["PORT"], found["ADDRESS"], found["WORKERS"]) == (8080, "0.0.0.0", 5)


def test_the_queue_never_starts_a_long_task_beside_itself(tmp_path):
    queue = load(tmp_path)["Q_CLUSTER"]
    assert queue["timeout"] < queue["retry"]
    assert queue["ack_failures"] is True
    assert queue["catch_up"] is False


def test_the_example_explains_every_name_that_settings_read():
    files = ("settings.py", "environment.py")
    source = "".join((settings.BASE_DIR / "syncadmin" / name).read_text() for name in files)
    readers = "text|number|switch|choice|words|networks|folder|site"
    read = set(re.findall(rf'(?:environment\.(?:{readers})|ENVIRON\.get)\(\s*"([A-Z_]+)"', source))
    read |= set(re.findall(r'db_url\("([A-Z_]+)"', source))
    example = (settings.BASE_DIR / ".env.example").read_text()
    assert read == set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))


def test_nothing_else_reads_the_environment():
    """But for what a person names at a command, or in a file that it applies."""
    for package in ("syncadmin", "destinations", "syncs"):
        for path in (settings.BASE_DIR / package).rglob("*.py"):
            if path.name != "settings.py" and not {"commands", "configuration"} & set(path.parts):
                assert not re.search(r"os\.(environ\[|environ\.get|getenv)", path.read_text()), path


def test_the_example_is_valid_as_it_stands(tmp_path):
    found = load(tmp_path, ENV_FILE=str(settings.BASE_DIR / ".env.example"))
    assert found["DEBUG"] is True


def test_the_embedded_database_is_checked_without_a_warning(tmp_path):
    done = run(tmp_path, "manage.py", "check", "--database", "default", "--fail-level", "WARNING")
    assert (done.returncode, done.stderr) == (0, "")
