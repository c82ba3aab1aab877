"""Redis gone, paused, full, read-only, or cutting its clients off."""

import asyncio

from shared.cli.ports import free_port
from tests.chaos.faults.fault import Cure, Fault, Hit
from tests.chaos.history import now

REDIS = Hit("redis", ("redis",))
"""Whatever any worker has in work may be hit with it."""


class RedisKill(Fault):
    """SIGKILL and a restart from the append-only file."""

    kind = "redis_kill"
    lasts_s = (0.2, 2.0)

    async def inject(self) -> Hit:
        """Kill it."""
        self.site.fleet.stack.queue.kill()
        return REDIS

    async def heal(self) -> Cure:
        """Start it on the same files; up at its first PONG."""
        await asyncio.to_thread(self.site.fleet.stack.queue.start)
        return Cure(up_at=now())


class RedisPause(Fault):
    """SIGSTOP: connections stay open and nothing answers."""

    kind = "redis_pause"
    lasts_s = (0.5, 3.0)

    async def inject(self) -> Hit:
        """Stop it where it stands."""
        self.site.fleet.stack.queue.pause()
        return REDIS

    async def heal(self) -> Cure:
        """Let it go on with what has queued up meanwhile."""
        self.site.fleet.stack.queue.resume()
        return Cure(up_at=now())


class DropSubscribers(Fault):
    """Every subscription is cut: announcements are lost until the hubs are back."""

    kind = "drop_subscribers"

    async def inject(self) -> Hit:
        """Cut them."""
        await self.site.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call]
        # Only those who wait are subscribed, so that no job is hit.
        return Hit("redis")

    async def heal(self) -> Cure:
        """Leave it to the hubs."""
        return Cure()


class DropClients(Fault):
    """Every connection is cut, in the middle of whatever it did."""

    kind = "drop_clients"

    async def inject(self) -> Hit:
        """Cut them, but for our own."""
        await self.site.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")  # type: ignore[no-untyped-call]
        return REDIS

    async def heal(self) -> Cure:
        """Leave it to the clients."""
        return Cure()


class RedisFull(Fault):
    """Memory is used up: whatever would grow is refused, whatever shrinks is not."""

    kind = "redis_full"
    lasts_s = (0.5, 4.0)

    async def inject(self) -> Hit:
        """Allow less than is in use."""
        await self.site.redis.config_set("maxmemory", "1")
        return REDIS

    async def heal(self) -> Cure:
        """Lift the limit."""
        await self.site.redis.config_set("maxmemory", "0")
        return Cure(up_at=now())


class RedisReadOnly(Fault):
    """A replica for a moment, as after a failover that went to the wrong side."""

    kind = "redis_readonly"
    lasts_s = (0.5, 3.0)

    async def inject(self) -> Hit:
        """Follow a port where nobody is, so that no data is ever replaced."""
        self._jobs = await self._count()
        await self.site.redis.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))  # type: ignore[no-untyped-call]
        return REDIS

    async def heal(self) -> Cure:
        """Follow nobody; no job may have gone meanwhile."""
        await self.site.redis.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]
        up_at, jobs = now(), await self._count()
        assert jobs >= self._jobs, f"the fault itself lost data: {self._jobs} jobs before, {jobs} after"
        return Cure(f"{self._jobs} jobs before, {jobs} after", up_at)

    async def _count(self) -> int:
        count = 0
        async for _ in self.site.redis.scan_iter(match="sentinel:job:*", count=1_000):
            count += 1
        return count
