"""What our connections, look-ups and the outbox make of a real Redis that is ill."""

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from ingress.lookup import LOOK_AGAIN_S, CacheLookup
from shared.cache import UNKNOWN, EntryStore, Found, find_call
from shared.errors import BadSetting, RedisUnavailable
from shared.jobs import JobQueue
from shared.redis import connect, keys
from shared.redis.roles import examine
from shared.redis.scripts import run_pipeline, script
from shared.settings import Settings
from shared.settlements import Settled
from shared.shared_scope import SharedScope
from shared.wire.entry import Commit, Entry, encode
from shared.wire.outcome import Answer, Usage
from tests.support.jobs import settlement, submission
from tests.support.redis_process import RedisProcess
from tests.support.worker import until
from workers.outbox import Outbox

SHIPPED = Path(__file__).parents[2] / "compose" / "redis"
pytestmark = pytest.mark.anyio

ENTRY = Entry(
    id="q",
    tenant="t",
    question="q?",
    answer=Answer(
        text="a",
        finish_reason="stop",
        model="m",
        provider="fake",
        usage=Usage(1, 1),
        cost=42,
        created_at_ms=1,
    ),
    created_at_ms=1,
    expires_at_ms=2**42,
    job_id="q.1",
)
TROUBLES = {
    "out of memory": (["CONFIG SET maxmemory 1"], ["CONFIG SET maxmemory 0"]),
    "read-only": (["REPLICAOF 127.0.0.1 1"], ["REPLICAOF NO ONE"]),
    "replica without its primary": (
        ["CONFIG SET replica-serve-stale-data no", "REPLICAOF 127.0.0.1 1"],
        ["REPLICAOF NO ONE"],
    ),
    "without its replicas": (["CONFIG SET min-replicas-to-write 1"], ["CONFIG SET min-replicas-to-write 0"]),
}


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    """A server of the test's own, to be made ill."""
    with RedisProcess() as process:
        yield process


@pytest.fixture
async def ours(server: RedisProcess) -> AsyncIterator[Redis]:
    """A client as the product makes it."""
    async with client_of(server.url) as client:
        yield client


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Redis]:
    """A client as the product makes it, closed at the end."""
    client = connect.connect(url, Settings(), client_name="test")
    yield client
    await client.aclose()


async def tell(server: RedisProcess, *commands: str) -> None:
    """Give commands on a connection of their own."""
    async with Redis.from_url(server.url) as client:
        for command in commands:
            await client.execute_command(*command.split())


async def contents(server: RedisProcess) -> list[bytes]:
    """All keys there are."""
    async with Redis.from_url(server.url) as client:
        return sorted(await client.keys())


async def take_tokens(redis: Redis) -> None:
    """Write by a script in a pipeline, as admission does."""
    pipe = redis.pipeline(transaction=False)
    script("take_tokens").queue_on(pipe, [keys.bucket("k")], [10, 1, 1])
    await run_pipeline(redis, pipe)


async def write_in_a_pipeline(redis: Redis) -> None:
    """Write as one of several commands."""
    pipe = redis.pipeline(transaction=False)
    pipe.set("x", "y")
    pipe.get("x")
    await run_pipeline(redis, pipe)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_refusal_that_passes_is_a_503_and_leaves_no_half_job(
    server: RedisProcess, ours: Redis, trouble: str
) -> None:
    """From a script, from a pipeline and alone; the same job is accepted afterwards."""
    begin, end = TROUBLES[trouble]
    jobs = JobQueue(ours)
    await ours.ping()
    before = await contents(server)
    await tell(server, *begin)
    with pytest.raises(RedisUnavailable) as refused:
        await jobs.submit(submission(), interest="sentinel:inbox:a", for_ms=1_000)
    assert (refused.value.status, refused.value.retry_after_s) == (503, 1.0)
    for write in (lambda: write_in_a_pipeline(ours), lambda: ours.set("x", "y")):
        with pytest.raises(RedisUnavailable):
            async with connect.translated():
                await write()
    await tell(server, *end)
    assert await contents(server) == before
    submitted = await jobs.submit(submission(), interest="sentinel:inbox:a", for_ms=1_000)
    assert submitted.verdict == "created"


async def test_a_full_redis_takes_no_new_work_and_lets_begun_work_end(
    server: RedisProcess, ours: Redis
) -> None:
    """Otherwise a paid answer would be thrown away, and bought again."""
    jobs = JobQueue(ours)
    await jobs.submit(submission("held"), interest="sentinel:inbox:a", for_ms=60_000)
    await jobs.submit(submission("queued"), interest="sentinel:inbox:a", for_ms=60_000)
    _, [held] = await jobs.claim("w", lease_ms=3_000, count=1)
    await tell(server, "CONFIG SET maxmemory 1")
    with pytest.raises(RedisUnavailable):
        await jobs.submit(submission("new"), interest="sentinel:inbox:a", for_ms=60_000)
    assert await jobs.renew("w", [(held.job_id, held.token)], lease_ms=3_000) == set()
    assert await jobs.mark_sent(held.job_id, held.token)
    assert await jobs.settle("w", held.job_id, held.token, settlement(commit=b"entry")) is Settled.committed
    _, [queued] = await jobs.claim("w", lease_ms=3_000, count=1)
    assert await jobs.release("w", queued) == "handed_back"
    await tell(server, "CONFIG SET maxmemory 0")


async def test_a_failing_disk_is_a_503(server: RedisProcess, ours: Redis) -> None:
    """A snapshot that cannot be written stops all writes."""
    # Nothing can be renamed to the name of a directory.
    (server.socket.parent / "dump.rdb").mkdir()
    async with Redis.from_url(server.url) as client:
        await client.config_set("save", "3600 1")
        await client.bgsave()

        async def failed() -> bool:
            return str((await client.info("persistence"))["rdb_last_bgsave_status"]) == "err"

        await until(failed)
    with pytest.raises(RedisUnavailable, match="Refused"):
        await JobQueue(ours).submit(submission(), interest="sentinel:inbox:a", for_ms=1_000)


async def test_a_mistake_of_ours_is_not_taken_for_trouble_that_passes(ours: Redis) -> None:
    """It stays an error of its own, to be logged and mended."""
    await ours.set("text", "x")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        async with connect.translated():
            await ours.lpush("text", "y")  # type: ignore[misc]


async def test_a_failover_behind_a_name_is_followed_within_one_command() -> None:
    """The connection to the demoted server is dropped, and the name leads to its successor."""
    with RedisProcess() as old, RedisProcess() as new, tempfile.TemporaryDirectory(prefix="snt-") as folder:
        name = Path(folder) / "primary.sock"
        name.symlink_to(old.socket)
        async with client_of(f"unix://{name}?db=0") as client:
            await take_tokens(client)
            await tell(old, "REPLICAOF 127.0.0.1 1")
            name.unlink()
            name.symlink_to(new.socket)
            await take_tokens(client)
        assert await contents(new) == [keys.bucket("k").encode()]


async def test_a_paused_redis_costs_its_timeout_and_no_more(server: RedisProcess, ours: Redis) -> None:
    """Not even a caller who comes when all connections are taken waits for ever."""
    await ours.ping()
    server.pause()
    try:
        async with asyncio.timeout(3):
            replies = await asyncio.gather(*(_ping(ours) for _ in range(200)))
    finally:
        server.resume()
    assert set(replies) == {"redis_unavailable"}
    assert await _ping(ours) == "ok"


async def _ping(redis: Redis) -> str:
    try:
        async with connect.translated():
            await redis.ping()
    except RedisUnavailable as error:
        return error.code
    return "ok"


async def test_a_cache_that_is_away_makes_misses_and_is_looked_for_once_a_second(
    server: RedisProcess, ours: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning when it goes, one when it is back, and nobody but the one who looks waits for it."""
    now = 0.0
    call = find_call("q", ENTRY.tenant)
    lookup = CacheLookup(ours, deadline_s=0.8, clock=lambda: now)
    await EntryStore(ours).apply(Commit(fence="1", entry=ENTRY, partition="p"))
    with caplog.at_level(logging.WARNING):
        assert await lookup.find(call) == Found(ENTRY)
        server.kill()
        assert await lookup.find(call) == UNKNOWN
        server.start()
        assert await lookup.find(call) == UNKNOWN, "it is not looked for at once"
        now += LOOK_AGAIN_S
        assert await lookup.find(call) == Found(ENTRY)
        assert await lookup.find(call) == Found(ENTRY)
    assert [record.getMessage() for record in caplog.records] == [
        "cache redis is away, every question is a miss",
        "cache redis is back",
    ]


async def test_the_outbox_keeps_commits_until_the_cache_is_back(
    server: RedisProcess, ours: Redis, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Away or read-only: none is lost, and none waits for a restart of the worker."""
    await redis.xadd(keys.outbox(), {"commit": encode(Commit(fence="1", entry=ENTRY, partition="p"))})
    outbox = Outbox(redis, EntryStore(ours), SharedScope(ours, EntryStore(ours), 0))

    async def interrupted(times: int = 1) -> bool:
        return sum("outbox interrupted" in record.getMessage() for record in caplog.records) >= times

    async def emptied() -> bool:
        return not await redis.xlen(keys.outbox())

    server.kill()
    carrying = asyncio.create_task(outbox.run())
    try:
        await until(interrupted)
        server.start()
        await tell(server, "REPLICAOF 127.0.0.1 1")
        outbox.ring()
        await until(lambda: interrupted(2))
        assert await redis.xlen(keys.outbox()) == 1
        await tell(server, "REPLICAOF NO ONE")
        await until(emptied)
    finally:
        carrying.cancel()
    assert await EntryStore(ours).read("q", ENTRY.tenant) == ENTRY


async def test_roles_are_read_from_the_servers_themselves(server: RedisProcess, redis: Redis) -> None:
    """Policy, durability, and whether both roles have one server."""
    settings = Settings(redis_url=server.url, cache_redis_url="unix:///other")
    async with client_of(server.url) as queue:
        roles = await examine(queue, redis, settings)
        assert (roles.queue.policy, roles.queue.appendonly, roles.shared) == ("noeviction", "yes", False)
        assert (await examine(queue, queue, settings)).shared


async def test_the_shipped_configurations_fit_their_roles() -> None:
    """Real servers start with them, and production has nothing to say against either."""
    with (
        RedisProcess(configuration=SHIPPED / "queue.conf") as queues,
        RedisProcess(configuration=SHIPPED / "cache.conf") as caches,
    ):
        settings = Settings(redis_url=queues.url, cache_redis_url=caches.url, env="production")
        async with client_of(queues.url) as queue, client_of(caches.url) as cache:
            roles = await examine(queue, cache, settings)
    findings = (*roles.queue.findings, *roles.cache.findings)
    assert [one.status for one in findings] == ["ok"] * 3, findings


async def test_production_does_not_start_on_a_queue_that_evicts(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Development is warned, production is refused with the setting's name."""
    with RedisProcess("--maxmemory-policy", "allkeys-lru") as server:
        async with client_of(server.url) as queue:
            await examine(queue, redis, Settings(redis_url=server.url))
            assert "redis does not fit its role" in caplog.text
            with pytest.raises(BadSetting, match=r"SENTINEL_REDIS_URL: .*allkeys-lru.*noeviction"):
                await examine(queue, redis, Settings(redis_url=server.url, env="production"))


async def test_a_server_that_may_not_tell_its_settings_is_unknown_and_no_failure(
    server: RedisProcess, redis: Redis
) -> None:
    """An ACL may forbid it; a server that has gone since cannot."""
    await tell(server, "ACL SETUSER quiet on nopass ~* +@all -info -config")
    url = server.url.replace("unix://", "unix://quiet:any@")
    async with client_of(url) as queue:
        roles = await examine(queue, redis, Settings(redis_url=url, env="production"))
        assert (roles.queue.policy, roles.queue.appendonly) == ("unknown", "unknown")
        server.kill()
        roles = await examine(queue, redis, Settings(redis_url=url, env="production"))
        assert roles.queue.policy == "unknown"
