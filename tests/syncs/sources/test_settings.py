"""What people write in YAML → a reader's options and secrets; wrong keys are named."""

from typing import Any

import pytest

from destinations.advanced import BadSettings
from syncs.sources import registry
from syncs.sources.base import Reader
from syncs.sources.duckdb import DuckDB
from syncs.sources.postgres import Postgres

PARTS = {"host": "db.example.com", "database": "warehouse", "user": "reader"}


def faults(reader: type[Reader], keys: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(BadSettings) as caught:
        reader.from_yaml(keys)
    return caught.value.faults


def test_the_registry_knows_every_kind() -> None:
    assert list(registry.readers()) == ["postgres", "duckdb", "upload"]
    assert registry.get("duckdb") is DuckDB
    with pytest.raises(KeyError, match="There are postgres, duckdb, upload"):
        registry.get("mysql")


@pytest.mark.parametrize("reader", registry.readers().values())
def test_every_secret_and_every_required_setting_is_declared(reader: type[Reader]) -> None:
    keys = {setting.key for setting in reader.settings}
    assert {*reader.secrets, *reader.required} <= keys


def test_a_url_and_its_parts_say_the_same() -> None:
    url = "postgresql://reader:p%40ss%20w%2F%25@db.example.com:6543/warehouse?sslmode=verify-full"
    parts = PARTS | {"port": "6543", "password": "p@ss w/%", "sslmode": "verify-full"}

    from_url, secrets = Postgres.from_yaml({"url": url})
    from_parts, same_secrets = Postgres.from_yaml(parts)

    assert from_url == from_parts == PARTS | {"port": 6543, "sslmode": "verify-full"}
    assert secrets["password"].reveal() == same_secrets["password"].reveal() == "p@ss w/%"
    assert "p@ss" not in repr((from_url, secrets))


@pytest.mark.parametrize(
    "url",
    [
        "postgres://reader@db.example.com/warehouse",
        "host=db.example.com dbname=warehouse user=reader",
        "postgresql://db.example.com:5432/warehouse?user=reader",
    ],
)
def test_other_ways_to_write_an_address_are_read(url: str) -> None:
    assert Postgres.from_yaml({"url": url}) == (PARTS, {})


def test_a_password_may_stand_beside_the_url() -> None:
    options, secrets = Postgres.from_yaml(
        {"url": "postgresql://reader@db.example.com/warehouse", "password": " blanks kept "}
    )
    assert options == PARTS
    assert secrets["password"].reveal() == " blanks kept "


def test_defaults_are_not_stored_and_numbers_are_numbers() -> None:
    options, _ = Postgres.from_yaml(PARTS | {"port": "5432", "sslmode": "prefer", "statement_timeout": "60"})
    assert options == PARTS | {"statement_timeout": 60}
    assert DuckDB.from_yaml({"path": "."}) == ({}, {})
    assert DuckDB.from_yaml({}) == ({}, {})
    assert DuckDB.from_yaml({"path": "sub/x.duckdb", "memory_limit": "500"})[0] == {
        "path": "sub/x.duckdb",
        "memory_limit": 500,
    }


@pytest.mark.parametrize(
    ("keys", "at", "words"),
    [
        (PARTS | {"hots": "x"}, "hots", "Did you mean host?"),
        (PARTS | {"colour": "x"}, "colour", "There are url, host"),
        (PARTS | {"port": "http"}, "port", "must be a whole number"),
        (PARTS | {"port": "70000"}, "port", "must be at most 65535"),
        (PARTS | {"sslmode": "on"}, "sslmode", "must be one of disable, prefer"),
        (PARTS | {"statement_timeout": "0"}, "statement_timeout", "at least 1"),
        ({"host": "h", "database": "d"}, "user", "User is missing"),
        ({"url": "postgresql://reader@db.example.com"}, "database", "Database is missing"),
        ({"url": "postgresql://reader@h/d", "host": "x"}, "host", "is in the url too"),
        ({"url": "postgresql://reader@h/d?colour=red"}, "url", "is no address"),
        ({"url": "postgresql://reader@h/d?application_name=x"}, "url", "has the parameter application_name"),
        ({"url": "mysql://reader@h/d"}, "url", "is no address"),
        ({"url": "https://example.com"}, "url", "is no address"),
    ],
)
def test_a_wrong_key_is_named_with_what_is_right(keys: dict[str, Any], at: str, words: str) -> None:
    found = faults(Postgres, keys)
    assert words in found[at]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:hunter@2@db.example.com/warehouse",
        "postgresql://reader:hunter/2@db.example.com/warehouse",
        "postgresql://reader:hunter%2@db.example.com/warehouse",
        "postgresql://reader:hunter?2@db.example.com/warehouse",
        "postgresql://reader:hunter#2@db.example.com/warehouse?",
        "postgresql://reader:hunter:2@db.example.com/warehouse",
        "hunter2",
    ],
)
def test_a_password_with_bare_signs_in_the_url_is_never_repeated(url: str) -> None:
    try:
        options, secrets = Postgres.from_yaml({"url": url})
    except BadSettings as error:
        assert set(error.faults) == {"url"}
        assert "percent-encoded" in str(error)
        assert "hunter" not in str(error)
    else:
        assert "hunter" not in repr(options)
        assert secrets["password"].reveal().startswith("hunter")


@pytest.mark.parametrize("path", ["/etc", "../beside", "sub/../../beside"])
def test_a_path_out_of_the_files_folder_is_refused_when_it_is_written(path: str) -> None:
    assert "without .. in it" in faults(DuckDB, {"path": path})["path"]


def test_a_misspelt_key_of_a_file_source_is_named() -> None:
    assert "Did you mean path?" in faults(DuckDB, {"paths": "."})["paths"]
