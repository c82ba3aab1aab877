"""Whoever can write to Redis cannot run code in a worker: nothing there is unpickled."""

import pickle
from pathlib import Path

import pytest
from redis.asyncio import Redis

from shared.redis import keys
from tests.support.worker import until
from workers.context import WorkerContext
from workers.worker import SentinelWorker

pytestmark = pytest.mark.anyio


class Evil:
    """Leaves a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Open the file for writing: harmless, and there to see."""
        return Path.touch, (self.trace,)  # type: ignore[return-value]


async def test_a_pickled_job_is_given_up_and_not_run(
    redis: Redis, ctx: WorkerContext, worker: SentinelWorker, tmp_path: Path
) -> None:
    """As a payload, as an outcome and as an entry: the worker goes on."""
    trace = tmp_path / "trace"
    payload = pickle.dumps({"t": 1, "f": "double", "a": (Evil(trace),), "k": {}, "et": 0})
    await redis.set(keys.payload("evil"), payload)
    await redis.set(keys.outcome("evil"), payload)
    await redis.hset(keys.entry("f" * 64), mapping={"data": payload, "tenant": "t"})  # type: ignore[misc]
    await redis.zadd(keys.queue(), {"evil": 1})
    await redis.rpush(keys.bell("interactive"), "evil")  # type: ignore[misc]

    async def gone() -> bool:
        return await redis.zscore(keys.queue(), "evil") is None

    await until(gone)
    assert not trace.exists()
    assert await ctx.entries.read("f" * 64, "t") is None
    pickle.loads(payload)  # noqa: S301 - so it would have been
    assert trace.exists()
