"""What a release left in Redis, kept in a file, and brought back for the next release to go on with.

`python -m tests.support.kept_state FILE` keeps the state of the code that it is run in: an answer stored, a
key made, a job in work whose worker was killed, and one that nobody has taken yet. Run it at each release.
"""

import base64
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from redis import Redis

from tests.support.stack import ADMIN_KEY, Stack, running, wait_until

ANSWERED: Final = "How do I boil an egg?"
RUNNING: Final = "Why is the sky blue?"
QUEUED: Final = "Who painted the Mona Lisa?"
DAY_MS: Final = 86_400_000


def keep(path: Path) -> None:
    """Let the product get into the middle of its work, kill it, and write down what is in Redis."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as stack:
        told = _begin(stack)
        for process in (*stack.named("worker"), *stack.named("ingress")):
            process.stop(signal.SIGKILL)
        with Redis.from_url(stack.queue.url) as redis:
            rows = [_row(redis, name) for name in sorted(redis.scan_iter(count=1000))]
    path.write_text(json.dumps({**told, "kept_at_ms": _now_ms(), "rows": rows}, indent=0), "utf-8")


def bring_back(path: Path, redis: Redis) -> dict[str, Any]:
    """Write a kept state into a Redis as if it had been kept just now; returns what was told of it."""
    told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    kept_at_ms = told["kept_at_ms"]
    moved = _Mover(kept_at_ms, _now_ms() - kept_at_ms)
    for row in told.pop("rows"):
        name = base64.b64decode(row["name"])
        _write(redis, name, row["type"], row["value"], moved)
        if row["ttl_ms"] > 0:
            redis.pexpire(name, row["ttl_ms"])
    return told


def _begin(stack: Stack) -> dict[str, str]:
    """Do what is to be found again."""
    with stack.client(key=ADMIN_KEY) as http:
        made = http.post("/admin/keys", json={"owner": "ada", "tenant": "default"}).json()
    with stack.client() as http:

        def ask(prompt: str, **headers: str) -> dict[str, Any]:
            reply: dict[str, Any] = http.post("/v1/query", json={"prompt": prompt}, headers=headers).json()
            return reply

        answered = ask(ANSWERED)["id"]
        wait_until(
            lambda: ask(ANSWERED, **{"Cache-Control": "only-if-cached"}).get("status") == "completed",
            "stored",
        )
        stack.forget()
        stack.script({"latency_ms": 30_000})
        running_id = ask(RUNNING, Prefer="respond-async")["id"]
        stack.wait_for_calls(1)
        for worker in stack.named("worker"):
            worker.stop(signal.SIGKILL)
        queued = ask(QUEUED, Prefer="respond-async")["id"]
    return {"key": made["key"], "answered": answered, "running": running_id, "queued": queued}


def _row(redis: Redis, name: bytes) -> dict[str, Any]:
    client: Any = redis
    kind = client.type(name).decode()
    read: dict[str, Callable[[], Any]] = {
        "string": lambda: client.get(name),
        "hash": lambda: [list(pair) for pair in client.hgetall(name).items()],
        "set": lambda: sorted(client.smembers(name)),
        "list": lambda: client.lrange(name, 0, -1),
        "zset": lambda: [list(pair) for pair in client.zrange(name, 0, -1, withscores=True)],
        "stream": lambda: [[i, [list(p) for p in fields.items()]] for i, fields in client.xrange(name)],
    }
    return {"name": _text(name), "type": kind, "ttl_ms": client.pttl(name), "value": _text(read[kind]())}


def _write(redis: Redis, name: bytes, kind: str, value: Any, moved: Callable[[Any], Any]) -> None:
    client: Any = redis
    value = moved(_bytes(value))
    if kind == "string":
        client.set(name, value)
    elif kind == "hash":
        client.hset(name, mapping=dict(value))
    elif kind == "set":
        client.sadd(name, *value)
    elif kind == "list":
        client.rpush(name, *value)
    elif kind == "zset":
        client.zadd(name, dict(value))
    else:
        for entry_id, fields in _bytes(value):
            client.xadd(name, dict(fields), id=entry_id)


class _Mover:
    """Moves every time in milliseconds, wherever it is, as if it had been written so much later."""

    def __init__(self, kept_at_ms: int, by_ms: int) -> None:
        self._times = range(kept_at_ms - DAY_MS, kept_at_ms + 400 * DAY_MS)
        self._by_ms = by_ms

    def __call__(self, value: Any) -> Any:
        """The value, later."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value + self._by_ms if self._times.start <= value < self._times.stop else value
        if isinstance(value, list):
            return [self(one) for one in value]
        if isinstance(value, dict):
            return {name: self(one) for name, one in value.items()}
        return self._bytes(value) if isinstance(value, bytes) else value

    def _bytes(self, value: bytes) -> bytes:
        if value.isdigit():
            return str(self(int(value))).encode()
        try:
            read = msgspec.msgpack.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return value
        return msgspec.msgpack.encode(self(read)) if isinstance(read, dict) else value


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return [_text(one) for one in value] if isinstance(value, list) else value


def _bytes(value: Any) -> Any:
    if isinstance(value, str):
        return base64.b64decode(value)
    return [_bytes(one) for one in value] if isinstance(value, list) else value


def _now_ms() -> int:
    return int(time.time() * 1000)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
