"""A server on the loopback address that says exactly the bytes it is told, for tests of the wire."""

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Self

Script = Callable[[socket.socket, bytes], None]


def says(*pieces: bytes, then: Callable[[], None] | None = None) -> Script:
    """Send the pieces, do something, hang up."""

    def script(line: socket.socket, _request: bytes) -> None:
        for piece in pieces:
            line.sendall(piece)
        if then is not None:
            then()

    return script


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """A whole answer of HTTP/1.1 that keeps the connection open."""
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return head.encode() + b"\r\n\r\n" + body


class Line:
    """Takes connections one after the other; each request on them is answered by the next script.

    `requests` holds what came in. The last script answers all that comes after it.
    """

    def __init__(self, scripts: Sequence[Script], tls: ssl.SSLContext | None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._scripts = list(scripts)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._line: socket.socket | None = None
        self._thread = Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for open_one in (self._listener, self._line):
            if open_one is not None:
                with suppress(OSError):  # its other end may be gone
                    open_one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self.connections += 1
                self._line = line
                with line:
                    line.settimeout(5)
                    with suppress(OSError):
                        self._answer(line)

    def _answer(self, line: socket.socket) -> None:
        if self._tls is not None:
            line = self._tls.wrap_socket(line, server_side=True)
        with line:
            while request := _read(line):
                self.requests.append(request)
                script = self._scripts[min(len(self.requests), len(self._scripts)) - 1]
                script(line, request)
                if script.__name__ == "script":  # made by `says`: it has hung up
                    return


def _read(line: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        more = line.recv(65_536)
        if not more:
            return b""
        request += more
        if request[0] == 0x16:  # somebody speaks TLS to a server that does not
            return request
    head, _, body = request.partition(b"\r\n\r\n")
    for field in head.split(b"\r\n"):
        if field.lower().startswith(b"content-length:"):
            while len(body) < int(field.split(b":")[1]):
                body += line.recv(65_536)
    return head + b"\r\n\r\n" + body


def answers(*replies: bytes) -> list[Script]:
    """A script for each whole answer; the connection stays open."""

    def answer(reply: bytes) -> Script:
        return lambda line, _request: line.sendall(reply)

    return [answer(reply) for reply in replies]


@contextmanager
def listening(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[Line]:
    with Line(scripts, tls) as line:
        yield line
