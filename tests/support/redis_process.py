"""A real redis-server of a test's own, which may be killed, paused and started again."""

import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from shared.cli.redis_server import find_program

START_S = 60.0
"""Long for a busy machine that reads the append-only file of half an hour."""
QUEUE = ("--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction")


class RedisProcess:
    """One server on a Unix socket in a directory of its own, with an append-only file."""

    def __init__(
        self, *arguments: str, program: Path | None = None, configuration: Path | None = None
    ) -> None:
        """`configuration` is a file that decides instead of what a queue Redis wants."""
        # Not pytest's tmp_path: a socket's path may have 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="snt-")
        self._arguments = arguments
        self._program = program
        self._configuration = configuration
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = Path(self._folder.name) / "redis.sock"
        self.url = f"unix://{self.socket}?db=0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Start, also after a kill: the data is still there."""
        program = self._program or find_program()
        assert program is not None, "no redis-server: run `make test`, which installs one"
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                str(program),
                *(() if self._configuration is None else (str(self._configuration),)),
                *("--port", "0", "--unixsocket", str(self.socket), "--dir", self._folder.name),
                *(QUEUE if self._configuration is None else ()),
                *self._arguments,
            ],
            stdout=subprocess.DEVNULL,
        )
        self._wait_until_up()

    def kill(self) -> None:
        """SIGKILL, and reap."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _wait_until_up(self) -> None:
        client = redis.Redis(unix_socket_path=str(self.socket))
        deadline = time.monotonic() + START_S
        while True:
            try:
                client.ping()
            except redis.RedisError:
                assert time.monotonic() < deadline, "redis-server did not start"
                time.sleep(0.01)
            else:
                client.close()
                return
