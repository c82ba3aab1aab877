"""One `sentinel up` per data directory: a file that holds its process id, locked while it lives."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.cli.errors import CannotStart


class AlreadyUp(CannotStart):
    """Another `sentinel up` uses the same data directory; `pid` is its process id, 0 if not yet written."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"another `sentinel up` (process {pid or 'unknown'}) uses this data directory")
        self.pid = pid


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the file for the time of the block, then remove it; raises AlreadyUp when somebody holds it."""
    file = _locked(path)
    try:
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def live_pid(path: Path) -> int | None:
    """The process that holds the file now (0 if its id is not written yet), or None when nobody does."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_pid(path)
    finally:
        os.close(file)
    return None


def _locked(path: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise AlreadyUp(_read_pid(path)) from None
        # The holder removes the file as it ends: a lock on a removed file protects nothing.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        os.close(file)


def _read_pid(path: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return 0
