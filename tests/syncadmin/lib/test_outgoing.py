"""Where this machine connects to for people who name addresses, and how much of an answer it takes."""

import socket
import zlib
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import requests

from syncadmin.lib import outgoing
from syncadmin.lib.outgoing import LOOPBACK, Refused
from tests.destinations.wire import answers, listening
from tests.destinations.wire import http as reply

METADATA = "169.254.169.254"


@pytest.mark.parametrize(
    "address",
    [
        *(METADATA, "169.254.170.2", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254"),
        *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *(
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::a9fe:a9fe",
        ),
    ],
)
def test_where_clouds_hand_out_credentials_nothing_ever_connects(address: str) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert outgoing.why_not(ip_address(address), everything)
    error = outgoing.refusal("db.acme.com", ip_address(address), everything)
    assert "it is never connected to" in str(error)
    assert "ALLOWED_NETWORKS" not in str(error)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"),
        *(
            "10.0.0.5",
            "172.16.3.4",
            "192.168.1.1",
            "100.64.0.1",
            "fc00::1",
            "fd12:3456::1",
            "::ffff:10.0.0.5",
        ),
        *("224.0.0.1", "255.255.255.255", "ff02::1", "192.0.2.1"),
    ],
)
def test_private_addresses_and_this_machine_are_for_operators_to_list(address: str) -> None:
    error = outgoing.refusal("db.acme.com", ip_address(address), ())
    assert f"db.acme.com leads to {ip_address(address)}" in str(error)
    assert "whoever runs this server must add" in str(error)
    assert "ALLOWED_NETWORKS" in str(error)


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("8.8.8.8", []),
        ("2600::1", []),
        ("::ffff:8.8.8.8", []),
        ("10.0.0.5", ["10.0.0.0/8"]),
        ("::ffff:10.0.0.5", ["10.0.0.0/8"]),
        ("127.0.0.1", ["127.0.0.0/8"]),
        ("fd12:3456::1", ["fd12::/16"]),
    ],
)
def test_public_addresses_and_listed_networks_may_be_connected_to(address: str, networks: list[str]) -> None:
    assert outgoing.why_not(ip_address(address), [ip_network(text) for text in networks]) is None


@pytest.mark.parametrize(
    "host",
    [METADATA, "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "[::ffff:a9fe:a9fe]"],
)
def test_an_address_is_known_in_every_form_that_resolvers_read(host: str) -> None:
    with pytest.raises(Refused):
        outgoing.check_written(f"http://{host}/latest/meta-data/", LOOPBACK)
    with outgoing.session(networks=LOOPBACK) as over, pytest.raises(Refused):
        over.get(f"http://{host}/latest/meta-data/", timeout=60)


class Names:
    """A name server whose answers change: each look-up of rebind.example gets the next one."""

    def __init__(self, *addresses: str) -> None:
        self.addresses, self.asked = list(addresses), 0
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "rebind.example":
            self.asked += 1
            host = self.addresses.pop(0)
        return self._real(host, port, *args, **kwargs)


def test_a_name_that_changes_its_answer_is_connected_to_where_it_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names("127.0.0.1", METADATA)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    with listening(*answers(reply("200 OK", b"{}", "Connection: close"))) as line:
        url = f"http://rebind.example:{line.port}/"
        with outgoing.session(networks=LOOPBACK) as over:
            assert over.get(url, timeout=60).text == "{}"
            assert names.asked == 1  # what was checked is what was connected to
            with pytest.raises(Refused, match=r"rebind\.example leads to 169\.254\.169\.254"):
                over.get(url, timeout=60)
    assert len(line.requests) == 1


def test_an_address_that_may_not_be_is_left_out_where_the_name_has_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = socket.getaddrinfo

    def both(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return [*real(METADATA, port, *args, **kwargs), *real("127.0.0.1", port, *args, **kwargs)]

    with listening(*answers(reply("200 OK", b"{}"))) as line:
        monkeypatch.setattr(socket, "getaddrinfo", both)
        with outgoing.session(networks=LOOPBACK) as over:
            assert over.get(f"http://both.example:{line.port}/", timeout=60).ok


@pytest.mark.parametrize("to", [f"http://{METADATA}/latest/", "http://127.0.0.2:1/", "https://127.0.0.2:1/"])
def test_a_redirect_is_checked_too(to: str) -> None:
    only_one = (ip_network("127.0.0.1/32"),)
    with (
        listening(*answers(reply("302 Found", b"", f"Location: {to}"))) as line,
        outgoing.session(networks=only_one) as over,
        pytest.raises(Refused),
    ):
        over.get(line.url, timeout=60)
    assert len(line.requests) == 1


def test_through_a_proxy_what_is_written_is_checked_and_names_are_the_proxys() -> None:
    with listening(*answers(reply("200 OK", b"{}"))) as line, outgoing.session() as over:
        proxies = {"http": line.url}
        assert over.get("http://api.acme.test/", proxies=proxies, timeout=60).ok
        for host in (METADATA, "10.0.0.5", "localhost", "metadata.google.internal", "2130706433"):
            with pytest.raises(Refused):
                over.get(f"http://{host}/", proxies=proxies, timeout=60)
    assert len(line.requests) == 1


def test_an_answer_that_unpacks_to_more_than_anybody_sends_is_not_read_whole() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(30)) + packer.flush()
    assert len(bomb) < 100_000
    packed = reply("200 OK", bomb, "Content-Encoding: gzip")
    with listening(*answers(packed)) as line, requests.Session() as over:
        outgoing.restrict(over, networks=LOOPBACK, most_bytes=1_000_000)
        with pytest.raises(outgoing.TooLarge):
            over.get(line.url, timeout=30)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_comes_drop_by_drop_ends_with_the_time_out(start: bytes) -> None:
    """Each byte arrives well within the time-out; there is no end of them."""

    def drip(line: socket.socket, _request: bytes) -> None:
        line.sendall(start)
        line.settimeout(0.02)
        for _ in range(60_000):  # twenty minutes
            try:
                if not line.recv(1):
                    return
            except TimeoutError:
                line.sendall(b"x")

    with (
        listening(drip) as line,
        outgoing.session(networks=LOOPBACK) as over,
        pytest.raises(requests.ReadTimeout),
    ):
        over.get(line.url, timeout=0.3)
