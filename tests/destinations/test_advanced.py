"""Advanced settings: what a form or a file gives becomes what is stored, or a sentence for people."""

from dataclasses import replace
from typing import Any

import pytest

from destinations.advanced import BadSettings, clean, usual
from destinations.contract import Limits, Setting, Window

LIMITS = Limits(
    windows=(Window(100, 60),),
    concurrency=8,
    default_concurrency=3,
    operations_per_call=200,
    bytes_per_call=1_000,
    timeout_seconds=90,
    settle_seconds=30,
    poll_seconds=(2, 15),
    poll_deadline_seconds=600,
)
SETTINGS = (
    *usual("https://api.example.com", LIMITS),
    Setting("style", "Style", kind="choice", default="new", choices=("new", "old")),
    Setting("region", "Region"),
)


def test_every_usual_setting_shows_in_the_limits() -> None:
    given = {
        "batch_size": "50",
        "concurrency": 8,
        "timeout_seconds": 10,
        "settle_seconds": "0",
        "poll_seconds": "0.2",
        "poll_deadline_seconds": 1.0,
    }

    under = LIMITS.under(clean(SETTINGS, given))

    assert under == replace(
        LIMITS,
        operations_per_call=50,
        default_concurrency=8,
        timeout_seconds=10,
        settle_seconds=0,
        poll_seconds=(0.2, 1.5),
        poll_deadline_seconds=1,
    )


def test_without_settings_the_limits_are_those_declared() -> None:
    assert LIMITS.under({}) == LIMITS
    assert LIMITS.under({setting.key: setting.default for setting in SETTINGS}) == LIMITS


def test_what_is_empty_or_the_default_is_not_stored() -> None:
    given = {
        "base_url": " https://API.example.com/ ",
        "batch_size": "200",
        "concurrency": "",
        "timeout_seconds": None,
        "style": "new",
        "region": "  ",
    }

    assert clean(SETTINGS, given) == {}


def test_values_are_stored_in_one_spelling() -> None:
    given = {"base_url": "HTTPS://EU.Example.com/v3/", "batch_size": 10.0, "style": "old", "region": " eu "}

    assert clean(SETTINGS, given) == {
        "base_url": "https://eu.example.com/v3",
        "batch_size": 10,
        "style": "old",
        "region": "eu",
    }


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("batch_size", 0, "Records per request: must be at least 1."),
        ("batch_size", 201, "Records per request: must be at most 200."),
        ("batch_size", 1.5, "Records per request: must be a whole number."),
        ("batch_size", True, "Records per request: must be a whole number."),
        ("batch_size", "many", "Records per request: must be a whole number."),
        ("batch_size", [1], "Records per request: must be a whole number."),
        ("concurrency", 9, "Requests at once: must be at most 8."),
        ("timeout_seconds", "nan", "Wait for an answer (seconds): must be a number."),
        ("timeout_seconds", "inf", "Wait for an answer (seconds): must be a number."),
        ("style", "older", "Style: must be one of new, old."),
        ("style", True, "Style: must be one of new, old."),
        ("style", ["new"], "Style: must be one of new, old."),
        ("region", 3, "Region: must be text."),
        ("base_url", "api.example.com", "Base URL: must be an address such as https://api.example.com."),
        (
            "base_url",
            "ftp://api.example.com",
            "Base URL: must be an address such as https://api.example.com.",
        ),
        ("base_url", "https://a b.example.com", "Base URL: must be an address such as"),
        ("base_url", "https://example.com:99999", "Base URL: must be an address such as"),
        ("base_url", "https://[::1", "Base URL: must be an address such as"),
        ("base_url", 7, "Base URL: must be an address such as"),
        ("base_url", "https://key@example.com", "Base URL: must be an address alone"),
        ("base_url", "https://example.com?key=1", "Base URL: must be an address alone"),
        ("base_url", "http://api.example.com", "Base URL: must begin with https://"),
        ("base_url", "http://8.8.8.8", "Base URL: must begin with https://"),
        ("batch-size", 5, "There is no setting batch-size. Did you mean batch_size?"),
        ("zzz", 5, "There is no setting zzz. There are base_url,"),
    ],
)
def test_a_setting_that_does_not_fit_is_told_in_plain_words(key: str, value: Any, said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        clean(SETTINGS, {key: value})

    assert caught.value.faults[key].startswith(said)


@pytest.mark.parametrize(
    "near", ["http://127.0.0.1:9001", "http://localhost:9001", "http://[::1]:9001", "http://sandbox:9001"]
)
def test_plain_http_is_for_this_machine_and_private_networks(near: str) -> None:
    assert clean(SETTINGS, {"base_url": near}) == {"base_url": near}


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BadSettings) as caught:
        clean(SETTINGS, {"batch_size": 0, "style": "older", "region": "eu"})

    assert set(caught.value.faults) == {"batch_size", "style"}
    assert "Records per request" in str(caught.value)
    assert "Style" in str(caught.value)
