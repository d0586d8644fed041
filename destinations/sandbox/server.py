"""A small threaded HTTP/1.1 server with keep-alive, which can also break an answer on purpose.

One thread for each connection. It serves anything with `answer(Request) -> Answer`.
"""

import logging
import selectors
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Protocol
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

MOST_BODY_BYTES = 64 * 1024 * 1024
IDLE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Request:
    """What came in. The names of `headers` are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out.

    Of a `broken` answer only the first half of the body is sent, of a `dropped` one nothing at all. The
    connection is closed after both.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    dropped: bool = False
    broken: bool = False


class Answering(Protocol):
    def answer(self, request: Request) -> Answer: ...


class Server:
    """Listens at an address until `stop`. `refuse` closes the port for a while, as a dead host does."""

    def __init__(self, service: Answering, *, address: str = "127.0.0.1", port: int = 0) -> None:
        self.service = service
        self.address = address
        self.port = port
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._listening: _Listening | None = None
        self._held: socket.socket | None = None  # while it refuses: kept from others, and deaf
        self._reopening: threading.Timer | None = None

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}"

    @property
    def is_open(self) -> bool:
        return self._listening is not None

    def start(self) -> None:
        """Open the port. OSError where it is taken or not allowed."""
        self._open()

    def stop(self) -> None:
        """Close the port, let answers in progress go out, and wait until the last one has gone."""
        with self._lock:
            timer, self._reopening = self._reopening, None
        if timer is not None:
            timer.cancel()
        self._close(wait=True)
        if self._held is not None:
            self._held.close()
            self._held = None

    def refuse(self, seconds: float | None = None) -> None:
        """Close the port and cut all connections. It opens again after `seconds`, or by `accept`."""
        self._close(wait=False)
        self._held = self._held or self._bound()
        if seconds is not None:
            timer = threading.Timer(seconds, self.accept)
            timer.daemon = True
            with self._lock:
                self._reopening = timer
            timer.start()

    def accept(self) -> None:
        """Open the port again after `refuse`."""
        with self._lock:
            timer, self._reopening = self._reopening, None
        if timer is not None:
            timer.cancel()
        if self._listening is None:
            self._open()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """While this lasts the port is closed."""
        self.refuse()
        try:
            yield
        finally:
            self.accept()

    def _open(self) -> None:
        listener, self._held = self._held or self._bound(), None
        listener.listen(256)
        self.port = listener.getsockname()[1]
        self._listening = _Listening(self, listener)

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((self.address, self.port))
        except OSError:
            found.close()
            raise
        return found

    def _close(self, *, wait: bool) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()
        with self._lock:
            connections = dict(self._connections)
        for thread, connection in connections.items():
            is_ours = thread is threading.current_thread()
            with suppress(OSError):  # closed by the other side
                # Closed for reading only, an idle thread sees the end and a busy one answers first.
                connection.shutdown(socket.SHUT_RD if wait or is_ours else socket.SHUT_RDWR)
        for thread in connections if wait else ():
            thread.join(10)

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection in a thread of its own."""
        thread = threading.Thread(
            target=self._serve, args=(connection,), name="sandbox-connection", daemon=True
        )
        with self._lock:
            self._connections[thread] = connection
        thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(IDLE_SECONDS)
            _Handler(connection, self)
        except OSError:
            logger.debug("A client closed its connection.")
        finally:
            with suppress(OSError):  # closed by the other side
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
            with self._lock:
                del self._connections[threading.current_thread()]


class _Listening:
    """The open port and the thread that takes connections from it."""

    def __init__(self, server: Server, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener
        self._bell, self._bell_rope = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="sandbox-listener", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._bell in ready:
                    return
                try:
                    connection, _ = self._listener.accept()
                except OSError:
                    continue  # the client went away between the two calls
                self._server.serve(connection)

    def close(self) -> None:
        self._bell_rope.send(b".")
        self._thread.join()
        for each in (self._listener, self._bell, self._bell_rope):
            each.close()


class _Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and writes the answers."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""

    def __init__(self, connection: socket.socket, server: Server) -> None:
        self.sandbox = server
        super().__init__(connection, ("", 0), server)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if length < 0 or "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            return self._refuse(HTTPStatus.LENGTH_REQUIRED)
        if length > MOST_BODY_BYTES:
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = self.rfile.read(length) if length else b""
        if len(body) < length:  # the client died while it sent: nothing may be applied
            self.close_connection = True
            return None
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            answer = self.sandbox.service.answer(
                Request(self.command, parts.path, parts.query, headers, body)
            )
        except Exception:
            logger.exception("The sandbox has a fault of its own at %s %s.", self.command, parts.path)
            answer = Answer(500, b'{"error":"Internal server error"}')
        self._send(answer)
        return None

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self._send(Answer(status, b'{"error":"%s"}' % status.phrase.encode()))

    def _send(self, answer: Answer) -> None:
        if answer.dropped:
            self.close_connection = True
            return
        if answer.broken or not self.sandbox.is_open:
            self.close_connection = True
        phrase = HTTPStatus(answer.status).phrase
        lines = [
            f"HTTP/1.1 {answer.status} {phrase}",
            f"Date: {self.date_time_string()}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(answer.body)}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        if self.close_connection and not answer.broken:
            lines.append("Connection: close")
        body = answer.body[: len(answer.body) // 2] if answer.broken else answer.body
        if self.command == "HEAD":
            body = b""
        # One write: head and body in two packets would wait for each other's acknowledgement.
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what came in is shown on the control page."""
