"""Just enough of HTTP/1.1 with keep-alive for a stub that costs next to nothing: what is measured is us."""

import socket
import threading
import time
from abc import ABC, abstractmethod

HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"


class Stub(ABC):
    """Serves any number of connections, each in a thread of its own."""

    latency = 0.0  # seconds from a POST's arrival to its answer

    @abstractmethod
    def answer(self, method: bytes, path: bytes, body: bytes) -> tuple[bytes, bytes, bytes]:
        """The status with its words, the body, and more headers, each ended by a line break."""

    def serve(self) -> None:
        """Print the port, and serve for ever."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb", buffering=1 << 18) as wire:
            while line := wire.readline():
                came = time.perf_counter()
                method, path, _ = line.split(b" ", 2)
                length = 0
                while (header := wire.readline()) != b"\r\n":
                    if header[:15].lower() == b"content-length:":
                        length = int(header[15:])
                body = wire.read(length) if length else b""
                status, answer, headers = self.answer(method, path, body)
                if self.latency and method == b"POST":
                    time.sleep(max(0.0, came + self.latency - time.perf_counter()))
                connection.sendall(HEAD % (status, len(answer), headers) + answer)
