"""The ways in which a typed key may be kept."""

import pytest

from syncs.engine.spellings import beginnings, is_address, spellings


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ada@ACME.com", "ada@acme.com"),
        ("  ada@acme.com\n", "ada@acme.com"),
        ('"ada@acme.com"', "ada@acme.com"),
        ("Ada Lovelace <ada@acme.com>", "ada@acme.com"),
        ("mailto:ada@acme.com?subject=Hello", "ada@acme.com"),
        ("ada%40acme.com", "ada@acme.com"),
        ("zo\\u00eb@acme.com", "zoë@acme.com"),
        ("zoe\u0308@acme.com", "zoë@acme.com"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("ada@acme.com\\u200b", "ada@acme.com\u200b"),
        ("https://www.Acme.com/about", "acme.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("  00042 ", "00042"),
        (" as typed ", " as typed "),
        ("\\ud83e\\udd8a", "🦊"),
    ],
)
def test_a_key_is_found_however_it_was_copied(typed: str, kept: str) -> None:
    assert kept in spellings(typed)


@pytest.mark.parametrize(
    "typed", ["\0", "\ud800", "\\ud800", "%ff", "\\U99999999", "<>", '""', "%", "@", "x" * 500]
)
def test_no_text_is_too_odd_to_look_for(typed: str) -> None:
    for form in spellings(typed):
        assert form and "\0" not in form
        form.encode()


def test_a_beginning_wants_three_letters_and_counts_in_both_cases() -> None:
    assert beginnings(" Ada@") == ("Ada@", "ada@")
    assert beginnings("ad ") == ()


def test_addresses_are_told_from_other_keys() -> None:
    assert is_address(spellings("Ada@acme.com")) and not is_address(spellings("00Q5e@x"))
