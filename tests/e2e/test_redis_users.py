"""The product under Redis users that may do no more than they need, on a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from shared.redis import acl, keys
from tests.support.redis_process import RedisProcess
from tests.support.stack import ADMIN_KEY, Stack, running

SHIPPED = Path(__file__).parents[2] / "compose" / "redis" / "users.acl"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisProcess, Stack]]:
    """An ingress and a worker, each as its own user of the shipped file; the test is the default one."""
    folder = tmp_path_factory.mktemp("users")
    users = folder / "users.acl"
    text = SHIPPED.read_text().replace("user default off", "user default on nopass ~* &* +@all")
    for name in acl.USERS:
        text = text.replace(f"<{name}>", acl.digest(f"password of {name}"))
    users.write_text(text)
    with (
        RedisProcess("--aclfile", str(users)) as redis,
        running(folder, ingresses=0, workers=0, SENTINEL_FINGERPRINT_SECRET="s") as stack,
    ):
        stack.add_worker(SENTINEL_REDIS_URL=url(redis, "sentinel-worker"))
        stack.add_ingress(SENTINEL_REDIS_URL=url(redis, "sentinel-ingress"))
        yield redis, stack


def url(redis: RedisProcess, name: str) -> str:
    """The server as one of its users."""
    password = f"password of {name}".replace(" ", "%20")
    return f"unix://{name}:{password}@{redis.socket}?db=0"


def test_the_shipped_file_is_what_the_code_needs() -> None:
    """Made by `python -m shared.redis.acl`; it holds no password."""
    written = "\n".join(acl.lines({name: f"<{name}>" for name in acl.USERS})) + "\n"
    assert SHIPPED.read_text() == written


def test_everything_works_and_nothing_is_denied(guarded: tuple[RedisProcess, Stack]) -> None:
    """Questions, hits, paraphrases, streams, jobs, keys, usage and purges."""
    redis, stack = guarded
    with stack.client() as client, stack.client(key=ADMIN_KEY) as admin:
        for prompt in ("What is the capital of Peru?", "Tell me the capital city of Peru"):
            for _ in range(2):
                assert client.post("/v1/query", json={"prompt": prompt}).status_code == 200
        events = {"Accept": "text/event-stream"}
        assert client.post("/v1/query", json={"prompt": "A stream?"}, headers=events).status_code == 200
        queued = client.post("/v1/query", json={"prompt": "Later?"}, headers={"Prefer": "respond-async"})
        assert client.get(f"/v1/jobs/{queued.json()['id']}?wait=20").json()["status"] == "completed"
        once = {"Idempotency-Key": "one"}
        assert client.post("/v1/query", json={"prompt": "Once?"}, headers=once).status_code == 200
        made = admin.post("/admin/keys", json={"owner": "ann"}).json()
        assert admin.delete(f"/admin/keys/{made['id']}").status_code == 200
        assert client.get("/v1/usage").status_code == 200
        assert client.post("/v1/cache/purge", json={"namespace": "n"}).status_code == 200
        assert client.get("/readyz?verbose").json()["status"] == "ok"
    with Redis.from_url(redis.url) as server:
        denied = [(one["username"], one["object"]) for one in server.acl_log()]
    # redis-py tells its own version at every start, and does not mind.
    assert [one for one in denied if "client" not in str(one[1]).lower()] == []


@pytest.mark.parametrize("name", acl.USERS)
def test_neither_user_can_do_more_than_its_work(guarded: tuple[RedisProcess, Stack], name: str) -> None:
    """Flush, look around, reconfigure, stop the server, or touch what is not ours."""
    redis, _ = guarded
    commands = (
        *(["FLUSHALL"], ["KEYS", "*"], ["CONFIG", "GET", "*"], ["SHUTDOWN"], ["ACL", "LIST"], ["MONITOR"]),
        *(["DEBUG", "SLEEP", "0"], ["REPLICAOF", "NO", "ONE"], ["SCRIPT", "FLUSH"], ["SAVE"]),
        *(["SET", "foreign", "1"], ["GET", "foreign"], ["EVAL", "return redis.call('GET','foreign')", "0"]),
        *(["SUBSCRIBE", "foreign"], ["MODULE", "LIST"], ["CLIENT", "KILL", "TYPE", "normal"]),
    )
    with Redis.from_url(url(redis, name)) as user:
        for command in commands:
            with pytest.raises((NoPermissionError, Exception), match=r"(?i)permission|can't access"):
                user.execute_command(*command)


def test_a_worker_can_neither_read_nor_make_a_key(guarded: tuple[RedisProcess, Stack]) -> None:
    """Nor what was answered under idempotency keys, nor anybody's bucket."""
    redis, _ = guarded
    forbidden = (
        *(keys.api_key("d"), keys.api_keys(), keys.owner_keys("t", "o"), keys.bucket("k")),
        *(keys.idempotency("k", "n"), keys.batch("b"), keys.ingresses()),
    )
    with Redis.from_url(url(redis, "sentinel-worker")) as worker:
        for name in forbidden:
            with pytest.raises(NoPermissionError):
                worker.exists(name)
