"""What is kept of a request holds no secret, whichever way it got there."""

import json

import pytest

from syncadmin.lib.redact import HIDDEN, Redactor, looks_secret

KEY = "qk_live_abc123"


@pytest.mark.parametrize(
    "name",
    ["Authorization", "X-Api-Key", "apiKey", "client_secret", "refresh_token", "Password", "sessionId"],
)
def test_names_of_credentials_are_known_in_every_spelling(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["email", "Content-Type", "request_id", "key", "RateLimit-Remaining"])
def test_other_names_are_not_taken_for_credentials(name):
    assert not looks_secret(name)


def test_headers_keep_their_names_and_lose_their_secrets():
    headers = {
        "Authorization": f"Bearer {KEY}",
        "Set-Cookie": "id=1",
        "Accept": "text/html",
        "Via": f"x {KEY}",
        "Location": "https://api.test/in?page=2&access_token=abc",
    }
    assert Redactor([KEY]).headers(headers) == {
        "Authorization": HIDDEN,
        "Set-Cookie": HIDDEN,
        "Accept": "text/html",
        "Via": f"x {HIDDEN}",
        "Location": "https://api.test/in?page=2&access_token=[removed]",
    }


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (
            b'{"file":"https://s3.test/j?page=2&X-Amz-Credential=AK%2F1&X-Amz-Signature=ab12"}',
            b'{"file":"https://s3.test/j?page=2&X-Amz-Credential=[removed]&X-Amz-Signature=[removed]"}',
        ),
        (
            b'{"next":"https:\\/\\/api.test\\/v2?a=1\\u0026access_token=abc"}',
            b'{"next":"https://api.test/v2?a=1&access_token=[removed]"}',
        ),
        (
            b"<a href='https://api.test/?token=abc&amp;page=2'>",
            b"<a href='https://api.test/?token=[removed]&amp;page=2'>",
        ),
        (b'{"note":"https://x.test/?tokens of love = 3"}', b'{"note":"https://x.test/?tokens of love = 3"}'),
    ],
)
def test_an_address_within_an_answer_loses_its_secret_queries(body, kept):
    assert Redactor().body(body) == kept


def test_an_address_loses_its_password_and_its_secret_queries():
    url = "https://anna:pa55@api.test/v2/leads?access_token=abc&email=a%40x.test&key=k&page[size]=1"
    assert Redactor().url(url) == (
        "https://api.test/v2/leads?access_token=[removed]&email=a%40x.test&key=[removed]&page[size]=1"
    )


def test_a_plain_address_stays_as_it_is():
    assert Redactor([KEY]).url("https://api.test/v2/bulk/a%2Fb") == "https://api.test/v2/bulk/a%2Fb"


def test_secret_names_in_json_lose_their_values_at_any_depth():
    body = {"a": [{"clientSecret": {"deep": ["s3cr3t"]}, "name": "Bob"}], "token": 5, "password": None}
    found = json.loads(Redactor().body(json.dumps(body).encode()))
    assert found == {"a": [{"clientSecret": HIDDEN, "name": "Bob"}], "token": HIDDEN, "password": None}


def test_json_without_secrets_is_kept_to_the_byte():
    body = b'{ "name":  "O\'Brien", "n": 1.10 }'
    assert Redactor([KEY]).body(body) == body


@pytest.mark.parametrize(
    "rest",
    ['"abc"', '"abc', '"a\\"bc", "x": 1', '["abc"', '{"x": "abc"', "12345, ", '\n  "abc",'],
)
def test_secret_names_in_broken_json_lose_their_values_too(rest):
    found = Redactor().body(b'{"id": 1, "access_token": ' + rest.encode())
    assert b"abc" not in found
    assert b"12345" not in found
    assert b'{"id": 1, "access_token": ' in found


def test_a_known_secret_is_removed_wherever_it_stands():
    secret = 'a"b/ü c'
    redactor = Redactor([secret])
    for ascii_only in (True, False):
        body = json.dumps({"said": f"the key {secret} is wrong"}, ensure_ascii=ascii_only).encode()
        assert json.loads(redactor.body(body)) == {"said": f"the key {HIDDEN} is wrong"}
    assert redactor.url("https://x.test/a%22b%2F%C3%BC%20c/me") == f"https://x.test/{HIDDEN}/me"
    assert redactor.text(f"{secret}!") == f"{HIDDEN}!"


def test_a_secret_that_holds_another_is_removed_whole():
    assert Redactor(["abcd", "abcdefgh"]).text("abcdefgh abcd") == f"{HIDDEN} {HIDDEN}"


def test_a_secret_too_short_to_be_one_tears_nothing_up():
    assert Redactor(["", "e"]).text("hello") == "hello"


def test_a_large_list_of_records_with_secret_names_loses_them_in_every_record():
    body = json.dumps([{"id": n, "api_token": f"abc{n}"} for n in range(3_000)]).encode()
    assert b"abc" not in Redactor().body(body)
