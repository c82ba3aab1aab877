"""The processes of one `sentinel up`: in which order they start, what readiness is, how they stop."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from shared.cli import child_logs, ports, redis_server
from shared.cli.plan import Plan
from shared.cli.processes import Child, Spec
from shared.cli.supervision import keep_running, stop_in_order, unless, until_ready
from shared.cli.terminal import say

READY_WITHIN_S: Final = 60.0
_MODEL_WITHIN_S: Final = 600.0
_EXTRA_PATIENCE_S: Final = 2.0  # beyond the drain: the process's own way out
_REDIS_PATIENCE_S: Final = 10.0  # it writes what it has not written yet


class Fleet:
    """Starts, supervises and stops what a plan says."""

    def __init__(self, plan: Plan) -> None:
        drain_s = plan.settings.drain_s + _EXTRA_PATIENCE_S
        self._plan = plan
        self._alerts: list[asyncio.Task[None]] = []
        self._redis = (
            [] if plan.redis is None else [self._child("redis", plan.redis.command, _REDIS_PATIENCE_S)]
        )
        self._simulator = (
            []
            if plan.simulator_port is None
            else [self._python("simulator", "simulator", "--port", str(plan.simulator_port), patience_s=2.0)]
        )
        self._ingress = [self._python("ingress", "ingress", patience_s=drain_s)]
        self._workers = [
            self._python(f"worker-{number}", "workers", patience_s=drain_s)
            for number in range(1, plan.settings.workers + 1)
        ]
        self._model: list[Child] = []

    @property
    def stop_order(self) -> Sequence[Sequence[Child]]:
        """No new work first, then the work in flight, then what it needs."""
        return (self._ingress, self._workers, self._model, self._simulator, self._redis)

    async def bring_up(self) -> None:
        """Start everything and wait until requests are answered; raises CannotStart."""
        plan = self._plan
        _empty(plan.data_dir / "metrics")
        if plan.redis is not None:
            server = plan.redis
            await self._start(self._redis, lambda: redis_server.answers(server))
        if plan.model_dir is not None:
            await self._prepare_model(plan.model_dir)
        if plan.simulator_port is not None:
            port = plan.simulator_port
            await self._start(self._simulator, lambda: ports.accepts("127.0.0.1", port))
        host = ports.reachable_host(plan.settings.host)

        async def ready() -> bool:
            return await is_ready(host, plan.settings.port, plan.settings.workers)

        await self._start([*self._ingress, *self._workers], ready)

    async def keep_running(self) -> None:
        """Restart whatever ends, for ever."""
        async with asyncio.TaskGroup() as group:
            for stage in self.stop_order:
                for child in stage:
                    group.create_task(keep_running(child, self._forget_gauges))

    async def close(self, at_once: asyncio.Event) -> None:
        """Stop everything in order, or kill it as soon as the event is set; returns when all has ended."""
        await unless(at_once, stop_in_order(self.stop_order))
        for child in (child for stage in self.stop_order for child in stage):
            child.kill()
            if child.pid is not None:
                await child.wait()
        for task in self._alerts:
            task.cancel()
        await asyncio.gather(*self._alerts, return_exceptions=True)

    async def _start(self, children: Sequence[Child], ready: Callable[[], Awaitable[bool]]) -> None:
        for child in children:
            child_logs.make_room(child.spec.log)
            await child.start()
            self._alerts.append(
                asyncio.create_task(child_logs.show_alerts(child.spec.name, child.spec.log, say))
            )
        await until_ready(ready, children, within_s=READY_WITHIN_S)

    async def _prepare_model(self, directory: Path) -> None:
        say("preparing the local sentence model (first start only) ...")
        builder = self._python("model", "workers.semantic.minilm", str(directory), patience_s=2.0)
        self._model = [builder]
        child_logs.make_room(builder.spec.log)
        await builder.start()

        async def built() -> bool:
            return builder.exit_code == 0

        await until_ready(built, self._model, within_s=_MODEL_WITHIN_S)
        self._model = []

    def _python(self, name: str, module: str, *arguments: str, patience_s: float) -> Child:
        return self._child(name, (sys.executable, "-m", module, *arguments), patience_s)

    def _child(self, name: str, command: tuple[str, ...], patience_s: float) -> Child:
        log = self._plan.data_dir / "logs" / f"{name}.log"
        return Child(
            Spec(name=name, command=command, environ=self._plan.environ, log=log, patience_s=patience_s)
        )

    def _forget_gauges(self, pid: int) -> None:
        # What a killed process had in flight would otherwise be counted for ever.
        for file in (self._plan.data_dir / "metrics").glob(f"gauge_live*_{pid}.db"):
            file.unlink(missing_ok=True)


async def is_ready(host: str, port: int, workers: int) -> bool:
    """Whether the ingress is ready, within two seconds, and has heard of so many workers."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"GET /readyz?verbose HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        return b" 200 " in head.partition(b"\r\n")[0] and len(json.loads(body)["workers"]) >= workers
    except (OSError, TimeoutError, ValueError, KeyError):
        return False


def _empty(directory: Path) -> None:
    for file in directory.iterdir():
        file.unlink()
