"""Where exports are written: a folder of this machine, or whatever fsspec knows an address of (`s3://`, `gs://` …).

A file is there when it is whole, and not before. On this machine it is written under a hidden name and renamed; an
object store shows nothing before the upload is complete, and of one that was given up it keeps nothing.
"""

import contextlib
import io
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from waypost import errors

_MISSING: Final = "Install what fsspec needs for it, in the environment of Waypost: {} for this address."


class File(Protocol):
    """A file that is being written.

    Attributes:
        stream: What to write to.
    """

    stream: BinaryIO

    def seal(self) -> int:
        """All is written: close it; how many bytes it has."""

    def publish(self) -> None:
        """Show it under its name, in place of one that was there."""

    def discard(self) -> None:
        """Leave nothing of it."""


class Place:
    """A folder to write to.

    Args:
        address: A path, or an address that fsspec knows.
        private: Whether nobody else of this machine may read what is written.

    Raises:
        ExportPlaceError: There is no such kind of place, or what it needs is not installed.
    """

    def __init__(self, address: str, *, private: bool = False) -> None:
        self.address = address
        self.private = private
        with told(address):
            self._system, self._root = fsspec.core.url_to_fs(address)
        self.local = isinstance(self._system, LocalFileSystem)

    def create(self, name: str) -> File:
        """A new file in it, in folders of its own where the name has them.

        Raises:
            ExportPlaceError: It cannot be written.
        """
        path = f"{self._root.rstrip('/')}/{name}" if name else self._root
        with told(path):
            if self.local and _is_device(Path(path)):
                return _Device(Path(path))
            if self.local:
                return _Local(Path(path), private=self.private)
            return _Remote(self._system, path)

    def read(self, name: str) -> bytes | None:
        """What a file has in it; None if it is not there."""
        with told(name), contextlib.suppress(FileNotFoundError):
            return cast("bytes", self._system.cat_file(f"{self._root.rstrip('/')}/{name}"))
        return None

    def open(self, name: str) -> BinaryIO:
        """A file, for reading.

        Raises:
            FileNotFoundError: It is not there.
        """
        return cast("BinaryIO", self._system.open(f"{self._root.rstrip('/')}/{name}", "rb"))

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        with told(name), contextlib.suppress(FileNotFoundError):
            self._system.rm_file(f"{self._root.rstrip('/')}/{name}")

    def sweep(self, seconds: float) -> None:
        """Delete what programs left so long ago that ended while they wrote here; object stores do that themselves."""
        if self.local:
            for path in Path(self._root).glob(".*"):
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file() and time.time() - path.stat().st_mtime > seconds:
                        path.unlink()


class _Local:
    def __init__(self, path: Path, *, private: bool) -> None:
        self._path = path.resolve()  # of a link, what it leads to
        self._hidden = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        number = os.open(self._hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666)
        self.stream: BinaryIO = os.fdopen(number, "wb", buffering=1 << 20)

    def seal(self) -> int:
        with told(str(self._path)):
            self.stream.flush()
            os.fsync(self.stream.fileno())
            self.stream.close()
            return self._hidden.stat().st_size

    def publish(self) -> None:
        with told(str(self._path)):
            self._hidden.replace(self._path)

    def discard(self) -> None:
        with contextlib.suppress(OSError):  # what cannot be written any more, when the disk is full
            self.stream.close()
        self._hidden.unlink(missing_ok=True)


class _Device:
    """What is no file, like a pipe or /dev/null: written as it comes, as nothing can take its place."""

    def __init__(self, path: Path) -> None:
        self.stream: BinaryIO = path.open("wb")

    def seal(self) -> int:
        self.stream.close()
        return 0

    def publish(self) -> None:
        pass

    def discard(self) -> None:
        with contextlib.suppress(OSError):  # a pipe that nobody reads any more
            self.stream.close()


class _Remote:
    """A file of an object store: it appears, whole, when it is sealed."""

    def __init__(self, system: Any, path: str) -> None:  # Any: fsspec tells no types
        self._system = system
        self._path = path
        self._sealed = False
        with contextlib.suppress(FileExistsError):
            system.makedirs(system._parent(path), exist_ok=True)  # noqa: SLF001  # no other name for it
        self.stream: BinaryIO = system.open(path, "wb", autocommit=False)

    def seal(self) -> int:
        with told(self._path):
            size = self.stream.tell()
            self.stream.close()
            self.stream.commit()  # type: ignore[attr-defined]  # fsspec's own
            self._sealed = True
            return size

    def publish(self) -> None:
        pass

    def discard(self) -> None:
        with contextlib.suppress(Exception):  # there is an error to tell already
            if self._sealed:
                self._system.rm_file(self._path)
            else:
                self.stream.discard()  # type: ignore[attr-defined]  # fsspec's own


class Counted(io.RawIOBase):
    """A stream that counts what is written to it, and stays open when its writer closes it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.bytes = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.bytes

    def write(self, data: Any) -> int:  # Any: whatever is bytes
        self.bytes += len(data)
        self._stream.write(data)
        return len(data)


def _is_device(path: Path) -> bool:
    return path.parts[1:2] in (("dev",), ("proc",)) or (
        path.exists() and not path.is_file() and not path.is_dir()
    )


def split(address: str) -> tuple[str, str]:
    """The folder and the name of a file's address."""
    folder, slash, name = address.rpartition("/")
    return (folder or "/") if slash else ".", name


@contextlib.contextmanager
def told(where: str) -> Iterator[None]:
    """Errors of the place as Waypost tells them.

    Raises:
        ExportPlaceError: It cannot be written or read.
    """
    try:
        yield
    except ImportError as problem:
        raise errors.ExportPlaceError(
            f"{where!r} cannot be written: {problem}.", remedy=_MISSING.format(problem.name or "the package")
        ) from None
    except OSError as problem:
        raise errors.ExportPlaceError(
            f"{where!r} cannot be written: {problem.strerror or problem}."
        ) from None
    except ValueError as problem:
        raise errors.ExportPlaceError(f"{where!r} is no place to write to: {problem}.") from None
