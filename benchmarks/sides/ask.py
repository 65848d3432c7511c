"""Ask a service for one page over and over, from so many connections at once; print what came of it as JSON.

    python ask.py HOST PORT PATH KEY CONNECTIONS SECONDS

Each connection asks again as soon as it has its answer. Answers are counted by their length alone, so that asking
costs as little as it can beside what is asked.
"""

import asyncio
import json
import re
import sys
import time

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")


class Asking(asyncio.Protocol):
    """One connection; counts whole answers, and how long each took."""

    def __init__(self, request: bytes, until: float) -> None:
        self.request = request
        self.until = until
        self.took: list[float] = []
        self.bad = 0
        self.bytes = 0
        self.over = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # TCP
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, _ = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n") if found else None
        if length is None or len(self._buffer) < len(head) + 4 + int(length[1]):
            return
        now = time.perf_counter()
        self.took.append(now - self._began)
        self.bad += not self._buffer.startswith(b"HTTP/1.1 200 ")
        self.bytes = int(length[1])
        self._buffer = b""
        if now < self.until:
            self._ask()
        else:
            self._transport.close()
            self.over.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(ConnectionError("The service hung up."))


async def ask(
    host: str, port: int, path: str, key: str, connections: int, seconds: float
) -> dict[str, float]:
    """Requests a second, and how long one of a hundred takes at least."""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    asking = []
    for _ in range(connections):
        _, protocol = await loop.create_connection(lambda: Asking(request, began + seconds), host, port)
        asking.append(protocol)
    await asyncio.gather(*(protocol.over for protocol in asking))
    spent = time.perf_counter() - began
    took = sorted(seconds for protocol in asking for seconds in protocol.took)
    return {
        "requests": len(took),
        "bad": sum(protocol.bad for protocol in asking),
        "bytes": asking[0].bytes,
        "seconds": spent,
        "rate": len(took) / spent,
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
    }


if __name__ == "__main__":
    host, port, path, key, connections, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(ask(host, int(port), path, key, int(connections), float(seconds)))))
