"""The product's processes, each with its own link to Redis, to be broken and started again one by one."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from shared.cli.ports import free_port
from tests.chaos import stored, surroundings
from tests.chaos.proxy import Link
from tests.support.redis_process import RedisProcess
from tests.support.stack import Process, Stack

READY_S = 90.0
STOP_S = 20.0
CALM = {"latency_ms": [40, 500]}
"""How the provider behaves when nobody breaks it: slow enough that a killed worker held something."""


@dataclass
class Member:
    """One place in the fleet, whichever process fills it; `port` is an ingress's, 0 for a worker."""

    name: str
    link: Link
    process: Process
    port: int = 0
    logged_before: int = 0
    running: bool = True


class NotReady(Exception):
    """A process that was started does not serve."""

    def __init__(self, member: Member) -> None:
        super().__init__(f"{member.name}, exit code {member.process.popen.poll()}")
        self.member = member


@dataclass
class Fleet:
    """Redis, simulator, ingresses and workers; what is restarted keeps its name, port, link and log."""

    stack: Stack
    redis_port: int
    calls_log: Path
    http: httpx.AsyncClient
    members: dict[str, Member] = field(default_factory=dict)
    rules: dict[int, Mapping[str, object]] = field(default_factory=dict)

    @property
    def workers(self) -> list[Member]:
        """The workers, also those that are down."""
        return [m for m in self.members.values() if m.name.startswith("worker")]

    @property
    def ingresses(self) -> list[Member]:
        """The ingresses, also those that are down."""
        return [m for m in self.members.values() if m.name.startswith("ingress")]

    def start(self, member: Member, **environment: str) -> None:
        """Start a member's process; `ready` waits for it."""
        log = self.stack.folder / f"{member.name}.log"
        member.logged_before = log.stat().st_size if log.exists() else 0
        member.process = self._start(member.name, member.link, member.port, environment)
        member.running = True

    async def ready(self, member: Member) -> None:
        """Wait until a member serves; raises NotReady when it ends or takes too long."""
        try:
            async with asyncio.timeout(READY_S):
                while not await self._serves(member):
                    if member.process.popen.poll() is not None:
                        raise NotReady(member)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise NotReady(member) from None

    def kill(self, member: Member) -> None:
        """SIGKILL, and reap."""
        member.running = False
        member.process.popen.kill()
        member.process.popen.wait()

    async def stop(self, member: Member) -> int:
        """SIGTERM, unless it was told before, and wait; returns the exit code, of a SIGKILL when it hangs."""
        if member.running:
            self.tell_to_stop(member)
        try:
            return await asyncio.to_thread(member.process.popen.wait, STOP_S)
        except subprocess.TimeoutExpired:
            self.kill(member)
            return -signal.SIGKILL

    def tell_to_stop(self, member: Member) -> None:
        """SIGTERM; a second one would end it at once."""
        member.running = False
        self.signal(member, signal.SIGTERM)

    def signal(self, member: Member, number: signal.Signals) -> None:
        """Send any other signal."""
        member.process.popen.send_signal(number)

    async def requests_in_flight(self, member: Member) -> int:
        """Ask an ingress how many requests it is answering, this one not counted."""
        response = await self.http.get(f"{self.url(member)}/readyz?verbose")
        count: int = response.json()["in_flight"]
        return count - 1

    def fallen(self) -> list[Member]:
        """List the members that ended although nobody told them to."""
        return [m for m in self.members.values() if m.running and m.process.popen.poll() is not None]

    async def script(self, fault: int, rule: Mapping[str, object] | None) -> None:
        """Put a fault's rule before the provider's usual behaviour, or take it away; those of others stay."""
        self.rules = {number: kept for number, kept in self.rules.items() if number != fault}
        if rule is not None:
            self.rules[fault] = rule
        # What is for one question first: a poisoned one is not spoiled by what is for all.
        rules = [*sorted(self.rules.values(), key=lambda rule: "match" not in rule), CALM]
        (await self.http.put(f"{self.stack.simulator}/_simulator/script", json=rules)).raise_for_status()

    @staticmethod
    def url(member: Member) -> str:
        """Where an ingress is reached."""
        return f"http://127.0.0.1:{member.port}"

    async def add(self, name: str, *, port: int = 0) -> None:
        """Start a new member."""
        link = Link(self.redis_port)
        await link.open()
        self.members[name] = Member(name, link, self._start(name, link, port, {}), port)

    async def _serves(self, member: Member) -> bool:
        if not member.port:
            with member.process.log.open("rb") as log:
                log.seek(member.logged_before)
                return b"worker ready" in log.read()
        with contextlib.suppress(httpx.HTTPError):
            return (await self.http.get(f"{self.url(member)}/readyz")).status_code == httpx.codes.OK
        return False

    def _start(self, name: str, link: Link, port: int, environment: Mapping[str, str]) -> Process:
        self.stack.processes = [p for p in self.stack.processes if p.name != name]
        here = {
            "SENTINEL_REDIS_URL": f"redis://127.0.0.1:{link.port}/0",
            "GROQ_API_KEY": surroundings.provider_key(name),
        }
        if port:
            here["SENTINEL_PORT"] = str(port)
        return self.stack.start(name, "ingress" if port else "workers", **here, **environment)


@contextlib.asynccontextmanager
async def running(folder: Path, *, ingresses: int, workers: int) -> AsyncIterator[Fleet]:
    """Run a fleet; everything is stopped at the end."""
    redis_port = free_port()
    with RedisProcess("--port", str(redis_port), "--bind", "127.0.0.1") as queue:
        # One client for all: making one costs the loop, on which the links run, tens of milliseconds.
        simulator_port = free_port()
        stack = Stack(
            queue,
            f"http://127.0.0.1:{simulator_port}",
            folder,
            surroundings.environment(folder, simulator_port),
        )
        fleet = Fleet(stack, redis_port, folder / stored.CALLS, httpx.AsyncClient(timeout=5))
        try:
            await asyncio.to_thread(surroundings.start_simulator, stack, simulator_port, fleet.calls_log)
            await fleet.script(0, None)
            for number in range(workers):
                await fleet.add(f"worker-{number}")
            for number in range(ingresses):
                await fleet.add(f"ingress-{number}", port=free_port())
            for member in fleet.members.values():
                await fleet.ready(member)
            yield fleet
        finally:
            for process in stack.processes:
                process.popen.kill()
                process.popen.wait()
            for member in fleet.members.values():
                await member.link.close()
            await fleet.http.aclose()
