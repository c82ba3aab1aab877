"""`sentinel up` as a process, with stand-ins for what it supervises: they say what happens to them."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.cli.ports import free_port

pytestmark = pytest.mark.e2e

SENTINEL = str(Path(sys.executable).with_name("sentinel"))
WITHIN_S = 30.0

# Found first, because `python -m` looks in the working directory before anywhere else.
STAND_INS = {
    "ingress": """
import http.server, json, os, signal, sys, stand_in
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if os.environ.get("STAND_IN") == "never ready" else 200)
        self.end_headers()
        workers = ["one"] * int(os.environ.get("SENTINEL_WORKERS") or 2)
        self.wfile.write(json.dumps({"workers": workers}).encode())
    def log_message(self, *_): pass
if os.environ.get("STAND_IN") == "broken":
    sys.exit("the ingress is haunted")
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["SENTINEL_PORT"])), Handler)
stand_in.started("ingress")
server.serve_forever()
""",
    "workers": """
import os, signal, stand_in
stand_in.started("worker", stubborn=os.environ.get("STAND_IN") == "stubborn")
while True:
    signal.pause()
""",
    "simulator": """
import http.server, stand_in, sys
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), http.server.BaseHTTPRequestHandler)
stand_in.started("simulator")
server.serve_forever()
""",
}
SHARED = """
import json, os, signal, sys, redis
def started(name, stubborn=False):
    def end(*_):
        alive = redis.Redis.from_url(os.environ["SENTINEL_REDIS_URL"]).ping()
        with open("events", "a") as events:
            print(name, "ended, redis", "alive" if alive else "gone", file=events)
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if stubborn else end)
    line = {"level": "warning", "message": f"started {os.getpid()}"}
    print(json.dumps(line), file=sys.stderr, flush=True)
"""


class Up:
    """A running `sentinel up` in a directory of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = int(environment.get("SENTINEL_PORT") or free_port())
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SENTINEL_", "GROQ_", "JINA_"))}
        # With Jina's key no local model is built.
        ours = {"SENTINEL_PORT": str(self.port), "JINA_API_KEY": "unused", "SENTINEL_DRAIN_S": "20"}
        # Under nohup a child would ignore SIGHUP as well, as it should; here it is to be told.
        as_before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        try:
            self.popen = subprocess.Popen(
                [SENTINEL, "up"],
                cwd=folder,
                env=kept | ours | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
            )
        finally:
            signal.signal(signal.SIGHUP, as_before)

    def line(self) -> str:
        """The next line of the terminal."""
        assert self.popen.stdout is not None
        assert select.select([self.popen.stdout], [], [], WITHIN_S)[0], f"silent for {WITHIN_S} s"
        line = self.popen.stdout.readline().decode()
        assert line, f"ended: {self.errors()}"
        return line

    def line_with(self, part: str) -> str:
        """Read the terminal up to a line that contains this."""
        while part not in (line := self.line()):
            pass
        return line

    def ready(self) -> dict[str, int]:
        """Wait until it is up; returns the process ids of the ingress and the workers by name."""
        found: dict[str, int] = {}
        waiting = {"summary", "ingress", "worker-1", "worker-2"}
        while waiting:
            line = self.line()
            name, started, pid = line.partition(": warning: started ")
            if started:
                found[name] = int(pid)
            waiting -= {"summary"} if line.startswith("Ctrl-C stops everything.") else {name}
        return found

    def errors(self) -> str:
        """What it said on stderr until it ended."""
        assert self.popen.stderr is not None
        return self.popen.stderr.read().decode()

    def descendants(self) -> list[int]:
        """Every live process that was given this directory."""
        return [
            int(process.name)
            for process in Path("/proc").glob("[0-9]*")
            if os.fsencode(f"{self.folder}/.sentinel") in _told(process)
        ]

    def events(self) -> list[str]:
        """What the stand-ins noted as they ended."""
        return (self.folder / "events").read_text().splitlines()

    def close(self) -> None:
        """Kill whatever a failed test has left."""
        for pid in (self.popen.pid, *self.descendants()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.popen.wait(WITHIN_S)
        for stream in (self.popen.stdout, self.popen.stderr):
            if stream is not None:
                stream.close()


def _told(process: Path) -> bytes:
    # Redis writes its title over its environment, and its socket into the title.
    with contextlib.suppress(OSError):
        return (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    return b""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory in which the product's processes are stand-ins."""
    for name, code in STAND_INS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "__main__.py").write_text(code)
    (tmp_path / "stand_in.py").write_text(SHARED)
    return tmp_path


@contextlib.contextmanager
def running(folder: Path, **environment: str) -> Iterator[Up]:
    """Run `sentinel up` and leave nothing of it behind."""
    up = Up(folder, **environment)
    try:
        yield up
    finally:
        up.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_in_order_and_leaves_nothing_running(folder: Path, number: signal.Signals) -> None:
    """Ingress, then workers, then the simulator; Redis answers until the last of them has ended."""
    with running(folder) as up:
        up.ready()
        assert len(up.descendants()) == 5
        up.popen.send_signal(number)
        assert up.popen.wait(WITHIN_S) == 0
        assert up.descendants() == []
        names = ("ingress", "worker", "worker", "simulator")
        assert up.events() == [f"{name} ended, redis alive" for name in names]
        assert not (folder / ".sentinel" / "up.pid").exists()
        assert "ready to exit" in (folder / ".sentinel" / "logs" / "redis.log").read_text()


def test_a_killed_child_is_restarted_and_the_terminal_says_so(folder: Path) -> None:
    """The new one runs under a new process id, beside the others."""
    with running(folder) as up:
        pids = up.ready()
        os.kill(pids["worker-1"], signal.SIGKILL)
        up.line_with("worker-1 was ended by signal 9; starting it again in 0.2 s")
        assert int(up.line_with("worker-1: warning: started").split()[-1]) != pids["worker-1"]
        assert len(up.descendants()) == 5


def test_children_are_out_of_reach_of_the_terminals_ctrl_c(folder: Path) -> None:
    """Each leads a process group of its own, so that only the supervisor decides the order."""
    with running(folder) as up:
        up.ready()
        assert all(os.getpgid(pid) == pid for pid in up.descendants())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_killed_supervisor_takes_its_children_with_it(folder: Path) -> None:
    """Nothing survives to hold the port or the data."""
    with running(folder) as up:
        up.ready()
        watched = select.poll()
        waiting = {os.pidfd_open(pid) for pid in up.descendants()}
        assert len(waiting) == 5
        for pidfd in waiting:
            watched.register(pidfd, select.POLLIN)
        up.popen.kill()
        while waiting:
            ended = watched.poll(WITHIN_S * 1000)
            assert ended, "a child outlived its supervisor"
            for pidfd, _ in ended:
                watched.unregister(pidfd)
                os.close(pidfd)
                waiting.remove(pidfd)


def test_a_second_ctrl_c_stops_at_once(folder: Path) -> None:
    """Workers that will not end are not waited for."""
    with running(folder, STAND_IN="stubborn", SENTINEL_DRAIN_S="3600") as up:
        up.ready()
        up.popen.send_signal(signal.SIGINT)
        up.line_with("Ctrl-C again stops at once")
        while True:  # the first one passed on by `make` would not count, nor does one within half a second
            try:
                assert up.popen.wait(0.6) == 0
                break
            except subprocess.TimeoutExpired:
                up.popen.send_signal(signal.SIGINT)
        assert up.descendants() == []


def test_ctrl_c_during_the_start_stops_what_has_been_started(folder: Path) -> None:
    """Half a product is stopped like a whole one."""
    with running(folder, STAND_IN="never ready") as up:
        up.line_with("ingress: warning: started")
        up.popen.send_signal(signal.SIGINT)
        assert up.popen.wait(WITHIN_S) == 0
        assert up.descendants() == []


def test_a_start_that_fails_shows_why_and_stops_everything(folder: Path) -> None:
    """The last lines of the log that explains it, and status 1."""
    with running(folder, STAND_IN="broken") as up:
        assert up.popen.wait(WITHIN_S) == 1
        errors = up.errors()
        assert "ingress ended with status 1 before it was ready" in errors
        assert "the ingress is haunted" in errors
        assert up.descendants() == []


def test_a_restart_keeps_the_keys(folder: Path) -> None:
    """Callers and cache need not know of it."""
    shown = []
    for _ in range(2):
        with running(folder) as up:
            shown.append(up.line_with("User key"))
            up.popen.send_signal(signal.SIGINT)
            assert up.popen.wait(WITHIN_S) == 0
    assert shown[0] == shown[1]


def test_a_second_up_in_the_same_directory_is_told_of_the_first(folder: Path) -> None:
    """It names the process, says how to run both, and leaves the first one alone."""
    with running(folder) as up:
        up.ready()
        with running(folder, SENTINEL_PORT=str(up.port)) as second:
            assert second.popen.wait(WITHIN_S) == 1
            errors = second.errors()
        assert f"another `sentinel up` (process {up.popen.pid})" in errors
        assert f"SENTINEL_PORT={up.port + 1} SENTINEL_DATA_DIR=.sentinel-2 make up" in errors
        assert up.popen.poll() is None


def test_a_taken_port_is_reported_before_anything_is_started(folder: Path) -> None:
    """Who holds it, and the two ways out; here the holder is the supervisor of another directory."""
    with running(folder) as up:
        pids = up.ready()
        environment = {"SENTINEL_PORT": str(up.port), "SENTINEL_DATA_DIR": "elsewhere"}
        with running(folder, **environment) as second:
            assert second.popen.wait(WITHIN_S) == 1
            errors = second.errors()
        assert f"port {up.port} is taken by process {pids['ingress']}" in errors
        assert f"SENTINEL_PORT={up.port + 1} make up" in errors
        assert f"kill {up.popen.pid}" in errors
        assert not list((folder / "elsewhere" / "logs").iterdir())


def test_a_given_redis_that_does_not_answer_is_reported_before_anything_is_started(folder: Path) -> None:
    """Without its password."""
    url = f"redis://:hidden@127.0.0.1:{free_port()}/0"
    with running(folder, SENTINEL_REDIS_URL=url) as up:
        assert up.popen.wait(WITHIN_S) == 1
        errors = up.errors()
    assert "SENTINEL_REDIS_URL" in errors
    assert "hidden" not in errors
    assert not list((folder / ".sentinel" / "logs").iterdir())


def test_production_refuses_the_simulator(folder: Path) -> None:
    """Status 2: a setting is to be corrected."""
    with running(folder, SENTINEL_ENV="production", SENTINEL_FINGERPRINT_SECRET="given") as up:
        assert up.popen.wait(WITHIN_S) == 2
        assert "GROQ_API_KEY" in up.errors()
