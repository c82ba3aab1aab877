"""For how long a caller who waits is interested in its job."""

import asyncio

import pytest
from redis.asyncio import Redis

from shared.redis import keys
from tests.support.gateway import USER_KEY, gateway, settings_for
from tests.support.redis_process import RedisProcess
from tests.support.worker import until

pytestmark = [pytest.mark.anyio, pytest.mark.integration]
WAIT_S = 1


async def test_an_interest_outlasts_the_wait_until_the_key_has_the_jobs_id(
    redis_server: RedisProcess, redis: Redis
) -> None:
    """At no moment does nobody want the job, so that no worker drops it while its caller is told its id."""

    async def interests() -> dict[bytes, float]:
        job_ids = await redis.zrange(keys.queue(), 0, -1)
        return {who: at for job in job_ids for who, at in await _waiters(redis, job.decode())}

    async with gateway(settings_for(redis_server.url)) as served:
        body, headers = {"prompt": "Who stays?"}, {"X-API-Key": USER_KEY, "Prefer": f"wait={WAIT_S}"}
        asking = asyncio.create_task(served.client.post("/v1/query", json=body, headers=headers))

        async def asked() -> bool:
            return bool(await interests())

        await until(asked)
        [(_, until_ms)] = (await interests()).items()
        seconds, micros = await redis.time()
        assert until_ms > seconds * 1000 + micros / 1000 + WAIT_S * 1000
        assert (await asking).status_code == 202
        [(who, _)] = (await interests()).items()
        assert who.startswith(b"polled:")


async def _waiters(redis: Redis, job_id: str) -> list[tuple[bytes, float]]:
    found: list[tuple[bytes, float]] = await redis.zrange(keys.waiters(job_id), 0, -1, withscores=True)
    return found
