"""The client at the real wire: a server on the loopback address that misbehaves in every way."""

import datetime
import json
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from destinations import contract, http
from destinations.contract import Field, Identity, Limits, Meter, ObjectType, Outcome, Target, Window
from destinations.errors import (
    AuthExpired,
    Cause,
    ContractBroken,
    DestinationError,
    Misconfigured,
    RateLimited,
    Rejected,
    Temporary,
)
from destinations.gate import Gate
from destinations.http import HttpClient, Sent
from destinations.pacing import Grant
from syncadmin.lib import outgoing
from syncadmin.lib.proxies import proxies_for
from tests.destinations.wire import answers, listening, says
from tests.destinations.wire import http as reply

KEY = "key-of-alice-0001"


class Acme(contract.Adapter):
    """A service that words nothing of its own, except one refusal, and shows a meter."""

    key = "acme"
    label = "Acme"
    base_url = "https://api.acme.test"
    docs_url = "https://docs.acme.test"
    limits = Limits((Window(100, 10),), 4, 2, 100, 1_000_000)
    objects = ()

    def check(self) -> Identity:
        return Identity()

    def fields(self, target: ObjectType) -> list[Field]:
        return []

    def send(self, target: Target, call: contract.Call) -> list[Outcome]:
        return []

    @classmethod
    def refusal(cls, status: int, body: Any, headers: Any, path: str) -> DestinationError | None:
        if isinstance(body, dict) and body.get("code") == "acme_says_no":
            return Rejected(f"Acme says no at {path}.", field=headers["x-field"])
        if isinstance(body, dict) and body.get("code") == "window_used_up":
            return RateLimited.till_window_ends("Wait.", 10, float(headers["x-clock"]))
        return None

    @classmethod
    def meter(cls, headers: Any, now: float) -> Meter | None:
        left = headers.get("x-left")
        return None if left is None else Meter(10, int(left))


def client(base_url: str, **options: Any) -> HttpClient:
    given = {"headers": {"Authorization": f"Bearer {KEY}"}, "secrets": [KEY], "timeout": 5.0}
    given |= {"networks": outgoing.LOOPBACK, **options}
    return HttpClient(Acme, base_url=base_url, **given)


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with outgoing.session(2, networks=outgoing.LOOPBACK) as made:
        yield made


def failure(of: HttpClient, method: str = "post") -> DestinationError:
    with pytest.raises(DestinationError) as caught:
        of.post("/v2/bulk", {"items": []}) if method == "post" else of.get("/v2/me")
    return caught.value


def unpacked(body: bytes) -> bytes:
    return zlib.decompress(body)


# What works


def test_a_body_goes_out_as_json_and_the_answer_comes_back(session):
    with listening(*answers(reply("202 Accepted", b'{"job": {"id": "j1"}}', "X-Left: 7"))) as line:
        found = client(f"{line.url}/", session=session).post("/v2/bulk", {"name": "O'Brien ✨"})
    assert (found.status, found.json, found.headers["x-left"]) == (202, {"job": {"id": "j1"}}, "7")
    head, _, body = line.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v2/bulk HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}".encode() in head
    assert b"Content-Type: application/json" in head
    assert json.loads(body) == {"name": "O'Brien ✨"}


def test_one_connection_serves_many_requests(session):
    with listening(*answers(reply("200 OK", b"{}"))) as line:
        for _ in range(3):
            client(line.url, session=session).get("/v2/me")
    assert (len(line.requests), line.connections) == (3, 1)


def test_without_a_session_each_request_makes_its_own():
    with listening(*answers(reply("200 OK", b"{}"))) as line:
        lone = client(line.url)
        lone.get("/v2/me")
        lone.get("/v2/me")
    assert line.connections == 2


def test_an_answer_without_content_is_none():
    with listening(*answers(reply("204 No Content"))) as line:
        assert client(line.url).get("/v2/me").json is None


def test_a_compressed_chunked_answer_is_read():
    packed = zlib.compressobj(wbits=31)
    body = packed.compress(b'{"ok": true}') + packed.flush()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:]))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    with listening(*answers(head + chunks + b"0\r\n\r\n")) as line:
        assert client(line.url).get("/v2/me").json == {"ok": True}


def test_statuses_that_the_adapter_wants_to_read_come_as_a_reply():
    with listening(*answers(reply("404 Not Found", b"gone"), reply("422 No", b'{"code": "x"}'))) as line:
        of = client(line.url)
        assert of.get("/v2/bulk/1", read=(404,)).json == "gone"
        assert of.get("/v2/bulk/1", read=(404, 422)).json == {"code": "x"}


def test_numbers_beyond_64_bits_and_torn_characters_are_written_too():
    with listening(*answers(reply("200 OK", b"{}"))) as line:
        client(line.url).post("/x", {"n": 2**70, "torn": "\ud83d"})
    assert json.loads(line.requests[0].partition(b"\r\n\r\n")[2]) == {"n": 2**70, "torn": "\ud83d"}


def test_a_body_that_is_not_json_is_our_own_fault_and_is_not_sent():
    with listening(*answers(reply("200 OK", b"{}"))) as line, pytest.raises(ContractBroken):
        client(line.url).post("/x", {"n": object()})
    assert line.requests == []


def test_the_services_cookies_are_not_kept(session):
    with listening(*answers(reply("200 OK", b"{}", "Set-Cookie: who=alice"))) as line:
        client(line.url, session=session).get("/a")
        client(line.url, session=session).get("/b")
    assert b"Cookie" not in line.requests[1]


# Statuses


@pytest.mark.parametrize(
    ("status", "kind", "cause"),
    [
        (301, Misconfigured, Cause.NOT_FOUND),
        (304, Misconfigured, Cause.NOT_FOUND),
        (400, Rejected, Cause.DATA),
        (401, AuthExpired, Cause.CREDENTIALS),
        (403, Misconfigured, Cause.PERMISSION),
        (404, Misconfigured, Cause.NOT_FOUND),
        (405, Misconfigured, Cause.NOT_FOUND),
        (407, Misconfigured, Cause.PROXY),
        (408, Temporary, Cause.TIMEOUT),
        (413, Rejected, Cause.DATA),
        (422, Rejected, Cause.DATA),
        (429, RateLimited, Cause.CONCURRENCY),
        (500, Temporary, Cause.SERVER),
        (502, Temporary, Cause.SERVER),
        (503, Temporary, Cause.SERVER),
        (504, Temporary, Cause.SERVER),
        (599, Temporary, Cause.SERVER),
    ],
)
def test_each_status_asks_for_its_own_decision(status, kind, cause):
    with listening(*answers(reply(f"{status} Some", b'{"message": "No way."}'))) as line:
        error = failure(client(line.url))
    assert (type(error), error.cause) == (kind, cause)
    assert str(status) in error.message


def test_what_the_service_says_is_quoted():
    with listening(*answers(reply("409 Conflict", b'{"errors": [{"detail": "Held by  Bob."}]}'))) as line:
        assert failure(client(line.url)).message == "Acme refused the request (409). Acme says: Held by Bob."


def test_a_page_in_place_of_an_answer_is_not_quoted():
    with listening(*answers(reply("502 Bad Gateway", b"<html><h1>nginx</h1></html>"))) as line:
        assert "html" not in failure(client(line.url)).message


def test_the_adapters_own_words_win():
    body = b'{"code": "acme_says_no"}'
    with listening(*answers(reply("403 Forbidden", body, "X-Field: email"))) as line:
        error = failure(client(line.url))
    assert isinstance(error, Rejected)
    assert (error.message, error.field) == ("Acme says no at /v2/bulk.", "email")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30), ("0", 0), ("1.5", 1.5), ("soon", None), ("-3", None), ("", None)],
)
def test_a_retry_after_in_seconds_is_read(header, seconds):
    with listening(*answers(reply("429 Slow", b"{}", f"Retry-After: {header}"))) as line:
        error = failure(client(line.url))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds
    assert error.cause is (Cause.CONCURRENCY if seconds is None else Cause.BUDGET)
    assert not error.may_be_applied


def test_a_retry_after_as_a_date_is_read_by_the_services_own_clock():
    wrong_by_a_year = time.time() - 365 * 86_400
    headers = (
        f"Date: {formatdate(wrong_by_a_year, usegmt=True)}",
        f"Retry-After: {formatdate(wrong_by_a_year + 90, usegmt=True)}",
    )
    with listening(*answers(reply("429 Slow", b"{}", *headers))) as line:
        assert failure(client(line.url)).retry_after == 90


def test_a_service_that_asks_to_come_back_later_with_503_has_trouble_not_a_limit():
    with listening(*answers(reply("503 Busy", b"", "Retry-After: 30"))) as line:
        error = failure(client(line.url))
    assert (type(error), error.may_be_applied) == (Temporary, True)


def test_a_redirect_is_not_followed_and_names_where_it_leads():
    there = "Location: https://evil.test/steal?x=1"
    with listening(*answers(reply("302 Found", b"", there))) as line:
        error = failure(client(line.url))
    assert "evil.test" in error.message
    assert "steal" not in error.message
    assert len(line.requests) == 1


def test_half_an_answer_with_an_error_status_has_said_enough():
    head = b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\n{"
    with listening(says(head)) as line:
        assert failure(client(line.url)).cause is Cause.SERVER


def test_half_an_answer_is_not_given_to_an_adapter_that_reads_the_status_itself():
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n{"
    with listening(says(head)) as line, pytest.raises(Temporary) as raised:
        client(line.url).get("/jobs/1", read=(404,))
    assert raised.value.cause is Cause.GARBLED


# Failures of the wire


def test_a_name_that_does_not_exist_is_told_as_such(monkeypatch):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure(client("https://api.acme.test"))
    assert (type(error), error.cause, error.may_be_applied) == (Temporary, Cause.DNS, False)
    assert error.message.startswith("The name api.acme.test cannot be resolved. Whoever runs this server")


def test_a_closed_door_is_told_as_such():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        port = closed.getsockname()[1]
        error = failure(client(f"http://127.0.0.1:{port}"))
    assert (error.cause, error.may_be_applied) == (Cause.CONNECT, False)
    assert f"127.0.0.1:{port}" in error.message


def test_a_connection_that_is_never_made_has_changed_nothing():
    # A listener whose queue is full: the next one to knock hears nothing.
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        error = failure(client(f"http://127.0.0.1:{full.getsockname()[1]}", timeout=0.2))
    assert (error.cause, error.may_be_applied) == (Cause.TIMEOUT, False)


def test_an_answer_that_does_not_come_in_time_may_have_been_applied():
    given_up = threading.Event()
    with listening(says(then=given_up.wait)) as line:
        error = failure(client(line.url, timeout=0.2))
        given_up.set()
    assert (error.cause, error.may_be_applied) == (Cause.TIMEOUT, True)
    assert "within 0.2 seconds" in error.message


def test_an_answer_that_drips_is_given_up_in_time():
    def drip(line: socket.socket, _request: bytes) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):  # it would be whole in the end
            line.sendall(b" ")
            time.sleep(0.05)

    with listening(drip) as line:
        error = failure(client(line.url, timeout=0.3))
    assert error.cause is Cause.TIMEOUT


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nConte"])
def test_a_connection_that_is_hung_up_before_the_answer_may_have_been_applied(before):
    with listening(says(before)) as line:
        error = failure(client(line.url))
    assert error.may_be_applied
    assert error.cause in (Cause.DROPPED, Cause.GARBLED)


def test_a_connection_that_is_reset_is_dropped():
    def reset(line: socket.socket, _request: bytes) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()

    with listening(reset) as line:
        error = failure(client(line.url))
    assert (error.cause, error.may_be_applied) == (Cause.DROPPED, True)


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"job": {"i',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"job": {"i',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{"job": {"i',
        b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"job": {"i',
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nplop",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"I am not a web server\r\n\r\n",
    ],
)
def test_an_answer_that_is_cut_off_or_not_json_is_garbled_and_may_have_been_applied(answer):
    with listening(says(answer)) as line:
        error = failure(client(line.url))
    assert (type(error), error.cause, error.may_be_applied) == (Temporary, Cause.GARBLED, True)


def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(outgoing, "MOST_BYTES", 100_000)
    flood = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 1_000_000
    with listening(says(flood)) as line:
        error = failure(client(line.url))
    assert error.cause is Cause.GARBLED
    assert "larger" in error.message


def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_unpacked_to_its_end(monkeypatch):
    monkeypatch.setattr(outgoing, "MOST_BYTES", 100_000)
    packed = zlib.compressobj(wbits=31)
    body = packed.compress(b" " * 5_000_000) + packed.flush()
    with listening(*answers(reply("200 OK", body, "Content-Encoding: gzip"))) as line:
        assert "larger" in failure(client(line.url)).message


@pytest.mark.parametrize("url", ["api.acme.test", "ftp://api.acme.test", "http://", "http://a b.test"])
def test_a_base_url_that_is_no_web_address_is_a_setting_to_correct(url):
    error = failure(client(url))
    assert isinstance(error, Misconfigured)
    assert "base URL" in error.message


@pytest.mark.parametrize("key", ["••••••", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_a_key_to_enter_again(key):
    error = failure(client("http://127.0.0.1:1", headers={"Authorization": f"Bearer {key}"}))
    assert isinstance(error, AuthExpired)
    assert key not in error.message


# Certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for another host than 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("other.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, pkcs8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_nobody_vouches_for_stops_before_anything_is_sent(tls):
    with listening(*answers(reply("200 OK", b"{}")), tls=tls) as line:
        error = failure(client(line.url))
    assert (type(error), error.cause) == (Misconfigured, Cause.TLS)
    assert "REQUESTS_CA_BUNDLE" in error.message
    assert line.requests == []


def test_a_certificate_of_another_host_is_not_trusted_though_its_signer_is(tls, certificate):
    with listening(*answers(reply("200 OK", b"{}")), tls=tls) as line:
        error = failure(client(line.url, ca_bundle=str(certificate)))
    assert (type(error), error.cause) == (Misconfigured, Cause.TLS)
    assert "127.0.0.1" in error.message


def test_a_server_that_speaks_no_tls_is_told_as_such():
    with listening(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as line:
        error = failure(client(line.url.replace("http:", "https:")))
    assert (type(error), error.cause) == (Temporary, Cause.TLS)


def test_a_missing_file_of_certificates_is_the_operators_to_mend():
    error = failure(client("https://127.0.0.1:1", ca_bundle="/nowhere/ca.pem"))
    assert (type(error), error.cause) == (Misconfigured, Cause.TLS)


# Proxies


def test_a_plain_request_goes_through_the_proxy():
    with listening(*answers(reply("200 OK", b'{"by": "proxy"}'))) as proxy:
        found = client("http://api.acme.test", proxies={"http": proxy.url}).get("/v2/me")
    assert found.json == {"by": "proxy"}
    assert proxy.requests[0].startswith(b"GET http://api.acme.test/v2/me ")


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Misconfigured, "wants a name and a password"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", Temporary, "does not connect to api.acme.test"),
    ],
)
def test_a_proxy_that_refuses_is_told_apart(answer, kind, words):
    with listening(says(answer)) as proxy:
        through = proxy.url.replace("http://", "http://anna:pa55@")
        error = failure(client("https://api.acme.test", proxies={"https": through}))
    assert (type(error), error.cause) == (kind, Cause.PROXY)
    assert words in error.message
    assert "pa55" not in error.message
    assert kind is Misconfigured or not error.may_be_applied


def test_a_proxy_that_is_not_there_is_told_as_such():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        port = closed.getsockname()[1]
        error = failure(client("https://api.acme.test", proxies={"https": f"http://127.0.0.1:{port}"}))
    assert (error.cause, error.may_be_applied) == (Cause.PROXY, False)
    assert f"127.0.0.1:{port}" in error.message


@pytest.mark.parametrize(
    ("url", "no_proxy", "goes_through"),
    [
        ("https://api.acme.test", "", True),
        ("http://api.acme.test", "", False),  # only HTTPS_PROXY is set
        ("https://localhost:9001", "", False),
        ("https://127.0.0.1:9001", "", False),
        ("https://[::1]:9001", "", False),
        ("https://api.acme.test", "acme.test", False),
        ("https://api.acme.test", "x.test, .acme.test", False),
        ("https://api.acme.test", "*.acme.test", False),
        ("https://api.acme.test", "ACME.test:443", False),
        ("https://api.acme.test", "acme.test:8443", True),
        ("https://notacme.test", "acme.test", True),
        ("https://api.acme.test", "*", False),
        ("https://10.1.2.3", "10.0.0.0/8", False),
        ("https://11.1.2.3", "10.0.0.0/8", True),
        ("https://api.acme.test:99999", "", False),
    ],
)
def test_hosts_that_need_no_proxy_go_past_it(url, no_proxy, goes_through):
    found = proxies_for(url, https_proxy="http://proxy:3128", no_proxy=no_proxy)
    assert found == ({"https": "http://proxy:3128"} if goes_through else {})


# The budget


def test_an_empty_gate_sends_nothing_and_says_when_to_come_again(monkeypatch):
    monkeypatch.setattr(http, "PATIENCE", 0.2)
    gate = Gate()
    gate.fill(Grant({}, 1, 1, time.time(), time.time() + 60))
    with listening(*answers(reply("200 OK", b"{}"))) as line:
        of = client(line.url, gate=gate)
        of.get("/v2/me")
        error = failure(of)
    assert (type(error), error.cause) == (RateLimited, Cause.BUDGET)
    assert error.retry_after is not None
    assert (len(line.requests), len(of.exchanges)) == (1, 1)


@pytest.mark.parametrize(("lengths", "pause"), [({}, 7), ({10: 10}, 7), ({10: 5}, 2), ({10: 60}, 17)])
def test_a_pause_that_is_worked_out_goes_by_the_accounts_own_window(lengths, pause):
    gate = Gate(lengths=lengths)
    gate.fill(Grant({}, 1, 1, time.time(), time.time() + 60))
    used_up = reply("429 Slow", b'{"code": "window_used_up"}', "X-Clock: 1003.0")
    with listening(*answers(used_up)) as line:
        error = failure(client(line.url, gate=gate))
    (refusal,) = gate.report().refusals
    assert isinstance(error, RateLimited)
    assert error.retry_after == refusal.retry_after == pause


def test_the_gate_hears_what_the_service_says_of_its_limits():
    gate = Gate()
    gate.fill(Grant({}, 3, 1, time.time(), time.time() + 60))
    with listening(
        *answers(
            reply("200 OK", b"{}", "X-Left: 5"),
            reply("429 Slow", b"{}", "X-Left: 0", "Retry-After: 9"),
            reply("429 Slow", b"{}"),
        )
    ) as line:
        of = client(line.url, gate=gate)
        of.get("/v2/me")
        failure(of)
        failure(of)
    report = gate.report()
    assert [found.meter for found in report.observations] == [Meter(10, 0)]
    assert [refusal.retry_after for refusal in report.refusals] == [9, None]
    assert all(refusal.sent_at <= refusal.at for refusal in report.refusals)


# The record


def kept(of: HttpClient) -> Sent:
    assert len(of.exchanges) == 1
    return of.exchanges[0]


def test_an_exchange_is_kept_without_its_secrets():
    body = json.dumps({"said": f"hello {KEY}", "refresh_token": "r-1"}).encode()
    with listening(*answers(reply("200 OK", body, "Set-Cookie: a=b", "X-Trace: 7"))) as line:
        of = client(line.url, call_id="12-1")
        of.post(f"/v2/bulk?api_key={KEY}&x=1", {"email": "a@x.test", "note": KEY})
    sent = kept(of)
    assert (sent.call, sent.method, sent.status, sent.error) == ("12-1", "POST", 200, "")
    assert sent.url == f"{line.url}/v2/bulk?api_key=[removed]&x=1"
    assert sent.request_headers["Authorization"] == "[removed]"
    assert (sent.reply_headers["Set-Cookie"], sent.reply_headers["X-Trace"]) == ("[removed]", "7")
    assert json.loads(unpacked(sent.request_body)) == {"email": "a@x.test", "note": "[removed]"}
    assert json.loads(unpacked(sent.reply_body)) == {"said": "hello [removed]", "refresh_token": "[removed]"}
    assert sent.started_at.tzinfo is not None
    assert sent.milliseconds >= 0
    assert KEY not in repr(sent)


def test_a_request_without_an_answer_is_kept_with_its_error():
    with listening(says(b"")) as line:
        of = client(line.url)
        error = failure(of)
    sent = kept(of)
    assert (sent.status, sent.error, sent.reply_body) == (None, error.message, b"")
    assert unpacked(sent.request_body) == b'{"items":[]}'


def test_a_service_that_quotes_the_key_does_not_get_it_into_the_error():
    with listening(*answers(reply("400 Bad", json.dumps({"error": f"bad key {KEY}"}).encode()))) as line:
        of = client(line.url)
        error = failure(of)
    assert KEY not in str(error)
    assert "bad key [removed]" in str(error)
    assert kept(of).error == str(error)


def test_large_bodies_are_cut(monkeypatch):
    monkeypatch.setattr(http, "KEPT_BYTES", 1_000)
    with listening(*answers(reply("200 OK", json.dumps(["y" * 5_000]).encode()))) as line:
        of = client(line.url)
        assert len(of.post("/x", ["z" * 5_000]).json[0]) == 5_000
    assert len(unpacked(kept(of).request_body)) == 1_000
    assert len(unpacked(kept(of).reply_body)) == 1_000


# Where nothing is sent


@pytest.mark.parametrize("base_url", ["http://169.254.169.254", "https://[fd00:ec2::254]"])
def test_the_metadata_of_a_cloud_is_never_asked(base_url):
    asked = client(base_url)
    error = failure(asked)
    assert isinstance(error, Misconfigured)
    assert error.message.startswith("No request was sent to Acme: ")
    assert "never connected to" in error.message
    assert asked.exchanges[0].status is None


def test_a_private_address_is_refused_with_the_setting_that_would_allow_it():
    with listening(*answers(reply("200 OK", b"{}"))) as line:
        error = failure(client(line.url, networks=()))
    assert isinstance(error, Misconfigured)
    assert "ALLOWED_NETWORKS" in error.message
    assert not line.connections
