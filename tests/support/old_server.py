"""A server that speaks as much of PostgreSQL's protocol as it takes to tell its version."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


@contextlib.contextmanager
def running(version: str, password: str) -> Iterator[str]:
    """Serve one client; the URL to it, with a password that nobody asks for."""
    listener = socket.create_server(("127.0.0.1", 0))
    hello = (
        _message(b"R", struct.pack("!i", 0))
        + _message(b"S", b"server_version\0" + version.encode() + b"\0")
        + _message(b"S", b"client_encoding\0UTF8\0")
        + _message(b"S", b"standard_conforming_strings\0on\0")
        + _message(b"K", struct.pack("!ii", 1, 1))
    )
    ready = _message(b"Z", b"I")

    def serve() -> None:
        with listener.accept()[0] as client, contextlib.suppress(ConnectionResetError):
            size = struct.unpack("!i", client.recv(4))[0]
            client.recv(size - 4)
            client.sendall(hello + ready)
            while client.recv(10_000):
                client.sendall(_message(b"C", b"SET\0") + ready)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        port = listener.getsockname()[1]
        yield f"postgresql://user:{password}@127.0.0.1:{port}/waypost?sslmode=disable&gssencmode=disable"
        thread.join(10)
