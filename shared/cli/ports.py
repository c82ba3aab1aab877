"""Who listens where on this machine."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import Final

from msgspec import Struct

_LISTENING: Final = "0A"


class Holder(Struct, frozen=True):
    """A process that listens on a port, and the one that started it."""

    pid: int
    command: str
    parent_pid: int

    @property
    def to_stop(self) -> int:
        """The process to end for the port to stay free: `sentinel up` would start its ingress again."""
        return self.parent_pid if self.command.endswith("-m ingress") and self.parent_pid > 1 else self.pid


def trouble(host: str, port: int) -> OSError | None:
    """Why nothing can listen on this address now, or None when it is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server does it: connections of a stopped one that still linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error
    return None


def free_port() -> int:
    """A port of 127.0.0.1 that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def reachable_host(host: str) -> str:
    """The address that reaches a server of this machine which listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared


async def accepts(host: str, port: int) -> bool:
    """Whether somebody accepts connections there within a second."""
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def holder(port: int, proc: Path = Path("/proc")) -> Holder | None:
    """The process that listens on a TCP port, if /proc tells this user (Linux; others' only to root)."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port, proc)}
    if not sockets:
        return None
    for process in proc.glob("[0-9]*"):
        # Processes end while they are looked at, and those of others may not be looked into.
        with contextlib.suppress(OSError):
            if any(_target(link) in sockets for link in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                return Holder(int(process.name), " ".join(words).strip(), _parent(process))
    return None


def _listening_inodes(port: int, proc: Path) -> set[str]:
    inodes = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes.add(columns[9])
    return inodes


def _parent(process: Path) -> int:
    # The name in parentheses may hold anything; the state and the parent follow the last one.
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])


def _target(link: Path) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - the target is no path
    except OSError:
        return ""
