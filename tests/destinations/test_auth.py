"""A pasted key arrives clean at the wire, and no fault of it is shown with the key."""

import pytest

from destinations.auth import ApiKey

KEY = ApiKey(where="Qualified › Settings › API")


@pytest.mark.parametrize(
    "pasted",
    [
        "qk_live-1.a/b+c=",
        "  qk_live-1.a/b+c=\n",
        "Bearer qk_live-1.a/b+c=",
        "bearer   qk_live-1.a/b+c=",
        "BEARER\tqk_live-1.a/b+c=\r\n",
        "Bearer: qk_live-1.a/b+c=",
        "Bearer Bearer qk_live-1.a/b+c=",
        "Authorization: Bearer qk_live-1.a/b+c=",
        "authorization:bearer qk_live-1.a/b+c=",
        '"qk_live-1.a/b+c="',
        "'Bearer qk_live-1.a/b+c='",
        "“qk_live-1.a/b+c=”",
        '"Authorization: Bearer qk_live-1.a/b+c="',
        "qk_live-1\n  .a/b+c=",
        "\ufeffqk_live-1.a\u200b/b+c=\u00a0",
        "\u00a0Bearer\u00a0qk_live-1.a/b+c=",
        "qk_live-1.a/b+c=\x00",
    ],
)
def test_a_pasted_key_is_freed_of_what_came_with_it(pasted: str) -> None:
    assert KEY.clean(pasted) == "qk_live-1.a/b+c="


@pytest.mark.parametrize("pasted", ["bearer_of_news_1", "xBearer1", "a'b"])
def test_a_key_that_only_looks_like_a_header_stays_whole(pasted: str) -> None:
    assert KEY.clean(pasted) == pasted


@pytest.mark.parametrize("pasted", ["", "   ", "Bearer", "Bearer ", '""', "Authorization: Bearer"])
def test_nothing_pasted_is_told_as_empty(pasted: str) -> None:
    assert KEY.fault(KEY.clean(pasted)) == "The API key is empty."


def test_a_key_with_a_letter_that_cannot_be_sent_is_told_without_showing_it() -> None:
    fault = KEY.fault(KEY.clean("qk_líve"))

    assert fault == (
        "The API key holds a letter or sign that no key has. Copy it anew from Qualified › Settings › API."
    )
    assert "qk_" not in fault
    assert KEY.fault("qk_live") == ""


def test_the_key_is_sent_as_a_bearer() -> None:
    assert KEY.headers({"api_key": "qk_1"}) == {"Authorization": "Bearer qk_1"}
