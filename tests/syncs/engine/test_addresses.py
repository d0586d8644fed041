"""E-mail addresses and domains in the one form that rows are matched by."""

import re

import email_validator
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncs.engine.addresses import (
    checked_email,
    domain,
    domains,
    email,
    email_domain,
    emails,
    is_free_mail,
    plain_emails,
)
from syncs.engine.mail_domains import DISPOSABLE, PERSONAL

# Letters, marks and signs at which the rules turn, international ones included.
CHARACTERS = st.text(
    "abzABZ019.-_+@'\"<>() !xn\u00fc\u00df\u0130\u03a3\u03c2\u212a\u0301\u200b\u3002\ud800", max_size=20
)
LABEL = st.text("abxnXN019-", min_size=1, max_size=6) | st.sampled_from(
    [
        "xn--mller-kva",
        "XN--MLLER-KVA",
        "xn--zz--",
        "m\u00fcller",
        "stra\u00dfe",
        "\u0391\u03a3",
        "a" * 63,
        "a" * 64,
        "ab--c",
    ]
)
TOP_LEVEL = st.sampled_from(
    ["com", "COM", "test", "Local", "c", "c0m", "1", "xn--p1ai", "\u0440\u0444", "invalid", ""]
)
HOST = st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(LABEL, max_size=3), TOP_LEVEL)
LOCAL = st.text("abAB01.!+_-'\"\\\u00fc\u0130\u212a ", max_size=70)
ADDRESSES = st.builds(
    lambda blank, local, host: f"{blank}{local}@{host}{blank}", st.sampled_from(["", " ", "\t"]), LOCAL, HOST
)
HOSTS = st.builds(
    lambda scheme, host, rest: f"{scheme}{host}{rest}",
    st.sampled_from(["", "https://", "HTTP://", "//", "www.", "https://WWW.", "http://bob:pw@", "bob@"]),
    HOST,
    st.sampled_from(["", ".", ":443", ":", "/", "/a@b", "?q=1", "#top", " ", ":x"]),
)
TEXTS = st.one_of(ADDRESSES, HOSTS, CHARACTERS, st.text(max_size=30))
RESERVED = tuple(f".{name}" for name in email_validator.SPECIAL_USE_DOMAIN_NAMES)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("  Bob@ACME.com\n", "bob@acme.com"),
        ("o'brien+crm@mail.acme.co.uk", "o'brien+crm@mail.acme.co.uk"),
        ("bob@x.test", "bob@x.test"),
        ("bob@dc1.corp.local", "bob@dc1.corp.local"),
        ("J\u00d6RG@M\u00dcLLER.invalid", "j\u00f6rg@m\u00fcller.invalid"),
        ("bob@xn--mller-kva.de", "bob@m\u00fcller.de"),
        ("bob@stra\u00dfe.de", "bob@stra\u00dfe.de"),
        ("a--b@x--y.com", "a--b@x--y.com"),
        ("a" * 64 + "@acme.com", "a" * 64 + "@acme.com"),
    ],
)
def test_an_address_has_one_form(written: str, meant: str) -> None:
    assert email(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "bob",
        "bob@",
        "@acme.com",
        "bob@localhost",
        "bob@acme",
        "bob@acme.c",
        "bob@acme.123",
        "bob@1.2.3.4",
        "bob@[1.2.3.4]",
        ".bob@acme.com",
        "bob.@acme.com",
        "b..ob@acme.com",
        "bob@acme..com",
        "bob@-acme.com",
        "bob@acme-.com",
        "bob@acme.com.",
        "bob@ac_me.com",
        "bob smith@acme.com",
        '"bob smith"@acme.com',
        "Bob <bob@acme.com>",
        "bob@acme.com, eve@acme.com",
        "bob@@acme.com",
        "mailto:bob@acme.com",
        "bob\u200b@acme.com",
        "bob\0@acme.com",
        "bob\n@acme.com",
        "\ud800@acme.com",
        "a" * 65 + "@acme.com",
        "bob@" + "a" * 64 + ".com",
        "bob@" + "a." * 125 + "com",
        "bob@xn--a.com",
        "b" * 100_000,
    ],
)
def test_what_is_no_address_is_told_with_its_reason(written: str) -> None:
    assert email(written) is None
    with pytest.raises(ValueError, match=r"\.$"):
        checked_email(written)


@given(TEXTS)
@example("\u212a@\u212a.com")
@example("\u0130@acme.com")
@example("\u03a3@\u0391\u03a3.gr")
def test_an_address_normalised_twice_is_as_normalised_once(text: str) -> None:
    once = email(text)
    assert once is None or email(once) == once


@given(ADDRESSES | CHARACTERS)
def test_the_answer_is_that_of_email_validator_where_it_has_one(text: str) -> None:
    """Two rules of ours are stricter (the top-level domain), one is wider (reserved names)."""
    local, at, host = text.strip().rpartition("@")
    try:
        found = email_validator.validate_email(
            local.lower() + at + host, check_deliverability=False, strict=True
        )
    except ValueError:
        assert email(text) is None or email_domain(email(text) or "").endswith(RESERVED)
    else:
        top_level = found.ascii_domain.rpartition(".")[2]
        strict = top_level.startswith("xn--") or (top_level.isalpha() and len(top_level) > 1)
        assert email(text) == (found.normalized if strict else None)


@given(ADDRESSES | CHARACTERS)
def test_the_short_way_for_a_plain_address_agrees_with_the_long_one(text: str) -> None:
    found = plain_emails([text])[0]
    assert found is None or found == checked_email(text)


@given(st.lists(st.none() | TEXTS))
def test_a_column_is_its_texts_one_by_one(column: list[str | None]) -> None:
    assert emails(column) == [None if text is None else email(text) for text in column]
    assert domains(column) == [None if text is None else domain(text) for text in column]


@pytest.mark.parametrize(
    "other",
    [
        "Bob@ACME.com",
        "a@b.com\nc@d.com",
        "c@d.com\n",
        "\nc@d.com",
        " c@d.com",
        "",
        "c@d.c",
        "no address",
        "\u212a@d.com",  # a Kelvin sign, in lower case an ASCII k
        f"{'c' * 57}@d.com",
        f"{'c' * 58}@d.com",
    ],
)
def test_one_address_of_another_kind_changes_nothing_for_its_neighbours(other: str) -> None:
    column: list[str | None] = ["a@acme.com", other, "z@acme.com"]
    assert plain_emails(column) == ["a@acme.com", plain_emails([other, None])[0], "z@acme.com"]
    assert emails(column) == ["a@acme.com", email(other), "z@acme.com"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Acme.com", "acme.com"),
        (" https://www.Acme.com/about?x=1#top ", "acme.com"),
        ("http://bob:secret@shop.acme.com:8080/a@b", "shop.acme.com"),
        ("//acme.com", "acme.com"),
        ("acme.com:443", "acme.com"),
        ("acme.com/jobs", "acme.com"),
        ("acme.com.", "acme.com"),
        ("www.acme.com", "acme.com"),
        ("www.www.acme.com", "acme.com"),
        ("www.com", "www.com"),
        ("www2.acme.com", "www2.acme.com"),
        ("M\u00fcller.de", "xn--mller-kva.de"),
        ("XN--MLLER-KVA.de", "xn--mller-kva.de"),
        ("https://\u4f8b\u3048.\u30c6\u30b9\u30c8\u3002", "xn--r8jz45g.xn--zckzah"),
        ("ac\u00adme.com", "acme.com"),
    ],
)
def test_a_web_address_names_a_domain(written: str, meant: str) -> None:
    assert domain(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "acme",
        "Acme Inc.",
        "bob@acme.com",
        "mailto:bob@acme.com",
        "1.2.3.4",
        "https://1.2.3.4:80/",
        "[::1]",
        "http://[2001:db8::1]/",
        "acme..com",
        "acme.com..",
        ".acme.com",
        "-acme.com",
        "ac_me.com",
        "ac me.com",
        "acme.c",
        "acme.com:http",
        "https://",
        "xn--a.com",
        "a" * 64 + ".com",
        "a." * 130 + "com",
        "\ud800.com",
        "a" * 100_000,
    ],
)
def test_what_names_no_domain_is_none(written: str) -> None:
    assert domain(written) is None


@given(TEXTS)
def test_a_domain_normalised_twice_is_as_normalised_once(text: str) -> None:
    once = domain(text)
    assert once is None or (once.isascii() and "." in once and domain(once) == once)


@given(HOSTS | TEXTS)
@example("www.www.acme.com")
@example("www.com")
def test_the_short_way_for_a_plain_domain_agrees_with_the_long_one(text: str) -> None:
    """A name and password send any web address the long way."""
    scheme = re.match(r"(?:https?:)?//", text.strip(), re.IGNORECASE)
    rest = text.strip()[scheme.end() :] if scheme else text.strip()
    if "@" not in rest.split("/")[0]:
        assert domain(text) == domain(f"https://bob:secret@{rest}")


@given(ADDRESSES)
def test_every_address_has_a_domain_as_companies_are_matched_by(text: str) -> None:
    found = email(text)
    if found is not None:
        assert email_domain(found) == domain(found.rpartition("@")[2])
        assert email_domain(found)


def test_an_international_address_belongs_to_the_domain_in_punycode() -> None:
    assert email_domain("bob@m\u00fcller.de") == "xn--mller-kva.de"
    assert email_domain("bob@www.acme.com") == "acme.com"
    assert email_domain("bob") == ""


def test_free_mail_tells_no_company() -> None:
    assert is_free_mail("gmail.com")
    assert not is_free_mail("acme.com")
    assert not is_free_mail("sales.gmail.com.acme.com")
    assert all(domain(name) == name for name in PERSONAL.domains | DISPOSABLE.domains)
    assert not PERSONAL.domains & DISPOSABLE.domains
