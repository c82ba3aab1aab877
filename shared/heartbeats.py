"""Which workers live: each says so every second, and is forgotten when it does not."""

from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script

BEAT_S = 1.0
LIFE_MS = 5_000


class Heartbeat(Struct, frozen=True, kw_only=True):
    """One worker as it last described itself."""

    worker: str
    host: str
    pid: int
    version: str
    slots: int
    busy: int
    per_s: float
    loop_lag_ms: float
    mode: str = "active"
    """`quiet` takes no more jobs, `draining` ends once its jobs are done."""


class Orders(Struct, frozen=True):
    """What a worker is told in reply to a beat: how to go on, and which classes to leave alone."""

    wish: str = ""
    paused: frozenset[str] = frozenset()


class Heartbeats:
    """The workers of one queue Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def beat(self, beat: Heartbeat) -> Orders:
        """Tell that a worker lives, and hear what is wanted of it; raises RedisError."""
        fields: list[Argument] = [
            *("host", beat.host, "pid", beat.pid, "version", beat.version),
            *("slots", beat.slots, "busy", beat.busy),
            *("per_s", beat.per_s, "loop_lag_ms", beat.loop_lag_ms, "mode", beat.mode),
        ]
        places = [keys.workers(), keys.worker(beat.worker), keys.throughput(), keys.health_check()]
        wish, *paused = await script("beat").run(self._redis, places, [beat.worker, LIFE_MS, *fields])
        return Orders(wish.decode(), frozenset(name.decode() for name in paused))

    async def end(self, worker: str) -> None:
        """Take a worker that stops off the list at once; raises RedisError."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(keys.workers(), worker)
            pipe.delete(keys.worker(worker))
            await pipe.execute()

    async def alive(self) -> list[Heartbeat]:
        """List the workers that were heard of in the last five seconds; raises RedisUnavailable."""
        async with translated():
            names = [name.decode() for name in await self._redis.zrange(keys.workers(), 0, -1)]
            async with self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.hgetall(keys.worker(name))
                described = await pipe.execute()
        return [_read(name, fields) for name, fields in zip(names, described, strict=True) if fields]


def _read(worker: str, fields: dict[bytes, bytes]) -> Heartbeat:
    return Heartbeat(
        worker=worker,
        host=fields.get(b"host", b"").decode(),
        pid=int(fields.get(b"pid", 0)),
        version=fields.get(b"version", b"").decode(),
        slots=int(fields.get(b"slots", 0)),
        busy=int(fields.get(b"busy", 0)),
        per_s=float(fields.get(b"per_s", 0)),
        loop_lag_ms=float(fields.get(b"loop_lag_ms", 0)),
        mode=fields.get(b"mode", b"active").decode(),
    )
