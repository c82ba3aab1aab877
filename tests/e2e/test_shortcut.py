"""The short way and the long one give the same answers: the same cases, sent so that they take either.

A body that comes later than BODY_S is read by the framework, so a pause is all that tells the two ways apart.
"""

import json
import re
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from ingress.offering import BODY_S
from shared.api_keys import digest_of, id_of
from shared.clients import ENVIRONMENT_PEPPER
from shared.redis import keys
from tests.support.stack import ADMIN_KEY, OTHER_KEY, USER_KEY, Stack, running, wait_until

QUERY, CHAT, GROQ = "/v1/query", "/v1/chat/completions", "/openai/v1/chat/completions"
MODEL = "openai/gpt-oss-20b"
BUCKET = keys.bucket(id_of(digest_of(USER_KEY, ENVIRONMENT_PEPPER)))
NEVER_MS = 9_000_000_000_000
"""A bucket that was last seen then does not refill."""


@dataclass(frozen=True)
class Case:
    """A request, and whether the shortcut answers it. `{}` in a text is replaced by the test's question."""

    name: str
    path: str = QUERY
    body: Any = field(default_factory=lambda: {"prompt": "{}"})
    headers: dict[str, str] = field(default_factory=lambda: {"X-API-Key": USER_KEY})
    short: bool = True


KEY = {"X-API-Key": USER_KEY}
MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "{}"}]
CASES = (
    Case("a plain question"),
    Case("a bearer token", headers={"Authorization": f"Bearer {USER_KEY}"}),
    Case("metadata", body={"prompt": "{}", "metadata": {"ticket": "42"}}),
    Case("parameters", body={"prompt": "{}", "temperature": 0.5, "max_tokens": 9, "system": "Be kind."}),
    Case("an id of its own", headers={**KEY, "X-Request-ID": "mine-1"}),
    Case("a preference", headers={**KEY, "Prefer": "wait=7"}),
    Case("respond-async", headers={**KEY, "Prefer": "respond-async"}),
    Case("max-age", headers={**KEY, "Cache-Control": "max-age=3600"}),
    Case("only-if-cached", headers={**KEY, "Cache-Control": "only-if-cached"}),
    Case("a conversation", CHAT, {"model": MODEL, "messages": MESSAGES}),
    Case("Groq's address", GROQ, {"model": MODEL, "messages": MESSAGES}),
    Case("events", headers={**KEY, "Accept": "text/event-stream"}, short=False),
    Case("a stream", CHAT, {"model": MODEL, "messages": MESSAGES, "stream": True}, short=False),
    Case("no key", headers={}, short=False),
    Case("a wrong key", headers={"X-API-Key": "nobody-knows-me"}, short=False),
    Case("two keys", headers={**KEY, "Authorization": f"Bearer {OTHER_KEY}"}, short=False),
    Case("no JSON", body="{", short=False),
    Case("an unknown field", body={"prompt": "{}", "colour": "red"}, short=False),
    Case("an unknown model", body={"prompt": "{}", "model": "nobody/sells-it"}, short=False),
)
VARIES = re.compile(
    rb"(?<=ttl=)\d+|(?<=\"ttl\":)\d+|(?<=\"age\":)\d+|(?<=\"request_id\":\")\w+|(?<=r=)\d+;t=\d+"
)
"""Seconds that may pass, the bucket's level, and what is different in every request."""
VARYING = {"date", "age", "x-ratelimit-remaining", "x-ratelimit-reset", "server-timing"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: bytes
    headers: dict[str, str]
    body: bytes

    def comparable(self, case: Case) -> tuple[Any, ...]:
        """Everything but what varies."""
        fixed = {name: VARIES.sub(b"#", value.encode()) for name, value in self.headers.items()}
        if "X-Request-ID" not in case.headers:
            fixed["x-request-id"] = b"#"
        for name in VARYING & set(fixed):
            fixed[name] = b"#"
        if self.headers.get("transfer-encoding") != "chunked":
            # Of the same length but for a request's own id and a second that has passed.
            fixed["content-length"] = b"#"
        return self.status, tuple(sorted(fixed.items())), VARIES.sub(b"#", self.body)


class Connection:
    """One connection to an ingress, that says when each part of a request is sent."""

    def __init__(self, stack: Stack) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(stack.urls[0].rpartition(":")[2])), 20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def send(self, *parts: bytes, pause_s: float = 0.0) -> None:
        """Send parts, with a pause between them."""
        for number, part in enumerate(parts):
            if number:
                time.sleep(pause_s)
            self._socket.sendall(part)

    def receive(self) -> Answer:
        """Read one response."""
        status, headers = self._file.readline(), {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        if headers.get("transfer-encoding") != "chunked":
            return Answer(status, headers, self._file.read(int(headers["content-length"])))
        body = b""
        while size := int(self._file.readline(), 16):
            body += self._file.read(size)
            self._file.readline()
        self._file.readline()
        return Answer(status, headers, body)

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._socket.close()


@pytest.fixture
def connection(stack: Stack) -> Iterator[Connection]:
    """A connection to the first ingress."""
    opened = Connection(stack)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def leasing(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """A product that takes tokens ahead and serves hits from memory, for half a second."""
    with running(tmp_path_factory.mktemp("leasing"), SENTINEL_HIT_LEASE_S="0.5") as stack:
        yield stack


@pytest.fixture
def bucket(stack: Stack) -> Iterator[Redis]:
    """The queue Redis, where the user's bucket is put back to full at the end."""
    with Redis.from_url(stack.queue.url) as client:
        yield client
        client.delete(BUCKET)


def laid_out(case: Case, question: str) -> tuple[bytes, bytes]:
    """The head and the body of a case's request."""
    text = case.body if isinstance(case.body, str) else json.dumps(case.body).replace("{}", question)
    lines = [f"POST {case.path} HTTP/1.1", "Host: h", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(text)}", *(f"{name}: {value}" for name, value in case.headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n", text.encode()


def shortcuts(stack: Stack) -> int:
    """How many hits the first ingress has answered by its shortcut."""
    with stack.client() as http:
        found = re.search(r"^sentinel_shortcuts_total (\S+)", http.get("/metrics").text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def store(stack: Stack, case: Case, question: str) -> None:
    """Have the answer to a case's question in the cache."""
    if isinstance(case.body, str) or "colour" in case.body or "sells" in str(case.body):
        return
    body = {name: value for name, value in case.body.items() if name != "stream"}
    text = json.dumps(body).replace("{}", question)
    with stack.client() as http:

        def ask(cache_control: str) -> int:
            headers = {"Content-Type": "application/json", "Cache-Control": cache_control}
            return http.post(case.path, content=text, headers=headers).status_code

        assert ask("max-age=60") == 200
        wait_until(lambda: ask("only-if-cached") == 200, "stored")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_ways_say_the_same(stack: Stack, connection: Connection, case: Case) -> None:
    """Status, headers and body; and only what is meant to takes the shortcut."""
    question = uuid.uuid4().hex
    store(stack, case, question)
    head, body = laid_out(case, question)
    before = shortcuts(stack)
    for _ in range(2):  # the first time it is laid out, the second it is remembered
        connection.send(head + body)
        short = connection.receive()
        connection.send(head, body)  # as most clients do: at once, in two packets
        assert connection.receive().comparable(case) == short.comparable(case)
    assert shortcuts(stack) - before == (4 if case.short else 0)
    connection.send(head, body, pause_s=2 * BODY_S)
    long = connection.receive()
    assert shortcuts(stack) - before == (4 if case.short else 0)
    assert short.comparable(case) == long.comparable(case)


@pytest.mark.parametrize("found", ["hit", "miss"])
def test_a_question_costs_one_token(stack: Stack, connection: Connection, bucket: Redis, found: str) -> None:
    """Also one that the shortcut looked up in vain and passed on."""
    case, question = Case("plain"), uuid.uuid4().hex
    if found == "hit":
        store(stack, case, question)
    bucket.hset(BUCKET, mapping={"tokens": 10, "at": NEVER_MS})
    connection.send(b"".join(laid_out(case, question)))
    assert connection.receive().status == b"HTTP/1.1 200 OK\r\n"
    assert bucket.hmget(BUCKET, ["tokens"]) == [b"9"]


def test_a_request_that_is_known_by_its_bytes_is_a_request_like_any_other(
    stack: Stack, connection: Connection, bucket: Redis
) -> None:
    """A token each; a purge, an empty bucket and the end of its key hold for it."""
    case, question = Case("plain"), uuid.uuid4().hex
    with stack.client(key=ADMIN_KEY) as http:
        made = http.post("/admin/keys", json={"owner": uuid.uuid4().hex}).json()
    request = b"".join(laid_out(Case("stored", headers={"X-API-Key": made["key"]}), question))
    mine = keys.bucket(made["id"])
    store(stack, case, question)

    def ask() -> Answer:
        connection.send(request)
        return connection.receive()

    # Read, laid out, kept: from the third on the parser sees it no more.
    first, *others = [ask() for _ in range(5)]
    assert {other.comparable(case) for other in others} == {first.comparable(case)}
    bucket.hset(mine, mapping={"tokens": 3, "at": NEVER_MS})
    assert ask().comparable(case) == first.comparable(case)
    assert bucket.hmget(mine, ["tokens"]) == [b"2"]
    bucket.hset(mine, mapping={"tokens": 3, "at": NEVER_MS})
    with stack.client() as http:
        entry_id = json.loads(first.body)["cache"]["entry_id"]
        assert http.post("/v1/cache/purge", json={"entry": entry_id}).status_code == 200
    again = ask()
    assert (again.status, json.loads(again.body)["cache"]["status"]) == (b"HTTP/1.1 200 OK\r\n", "miss")
    assert bucket.hmget(mine, ["tokens"]) == [b"2"]
    bucket.hset(mine, mapping={"tokens": 0, "at": NEVER_MS})
    assert ask().status == b"HTTP/1.1 429 Too Many Requests\r\n"
    bucket.delete(mine)
    with stack.client(key=ADMIN_KEY) as http:
        assert http.delete(f"/admin/keys/{made['id']}").status_code == 200
    wait_until(lambda: ask().status == b"HTTP/1.1 401 Unauthorized\r\n", "the key has ended", within=8)


def test_an_empty_bucket_refuses_both_ways_alike(stack: Stack, connection: Connection, bucket: Redis) -> None:
    """With the same 429."""
    case, question = Case("plain"), uuid.uuid4().hex
    store(stack, case, question)
    head, body = laid_out(case, question)
    answers = []
    for parts, pause_s in (((head + body,), 0.0), ((head, body), 2 * BODY_S)):
        bucket.hset(BUCKET, mapping={"tokens": 0, "at": NEVER_MS})
        connection.send(*parts, pause_s=pause_s)
        answers.append(connection.receive())
    short, long = (answer.comparable(case) for answer in answers)
    assert short == long
    assert answers[0].status == b"HTTP/1.1 429 Too Many Requests\r\n"


def test_requests_of_one_packet_are_answered_in_their_order(stack: Stack, connection: Connection) -> None:
    """Short and long ones in turn, as pipelining allows."""
    case, question = Case("plain"), uuid.uuid4().hex
    store(stack, case, question)
    short = b"".join(laid_out(Case("s", headers={**KEY, "X-Request-ID": "short"}), question))
    long = b"".join(
        laid_out(Case("l", body="{", headers={**KEY, "X-Request-ID": "long"}), question),
    )
    connection.send(short + long + short + short + long)
    order = [connection.receive().headers["x-request-id"] for _ in range(5)]
    assert order == ["short", "long", "short", "short", "long"]


def test_both_ways_log_the_same_fields(stack: Stack, connection: Connection) -> None:
    """One line of JSON a request, whoever writes it."""
    case, question = Case("plain"), uuid.uuid4().hex
    store(stack, case, question)
    ids = {"short": uuid.uuid4().hex, "long": uuid.uuid4().hex}
    for way, request_id in ids.items():
        asked = Case("plain", headers={**KEY, "X-Request-ID": request_id})
        head, body = laid_out(asked, question)
        connection.send(head, body, pause_s=2 * BODY_S if way == "long" else 0)
        connection.receive()
    log = stack.named("ingress")[0].log
    wait_until(lambda: all(request_id in log.read_text() for request_id in ids.values()), "logged")
    lines = {
        way: next(json.loads(line) for line in log.read_text().splitlines() if request_id in line)
        for way, request_id in ids.items()
    }
    for line in lines.values():
        for name in ("time", "ms", "request_id"):
            assert line.pop(name)
    assert lines["short"] == lines["long"]


def test_a_busy_keys_hits_hardly_ask_redis(leasing: Stack) -> None:
    """Leased tokens, and the entry that was looked up a moment ago; the answers are no others."""
    case, question = Case("plain"), uuid.uuid4().hex
    store(leasing, case, question)
    request, connection = b"".join(laid_out(case, question)), Connection(leasing)
    with Redis.from_url(leasing.queue.url) as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        for _ in range(100):
            connection.send(request * 10)
            answers = [connection.receive() for _ in range(10)]
            assert {answer.comparable(case) for answer in answers} == {answers[0].comparable(case)}
        asked = client.info("commandstats")["cmdstat_evalsha"]["calls"] - before
    connection.close()
    # Two scripts for each that asks; what the workers run beside it is little.
    assert asked < 1_000


def test_a_purge_is_in_force_when_the_lease_has_ended(leasing: Stack) -> None:
    """Also for a question that is asked all the time."""
    case, question = Case("plain"), uuid.uuid4().hex
    store(leasing, case, question)
    with leasing.client() as http:

        def ask() -> httpx.Response:
            headers = {"Cache-Control": "only-if-cached"}
            return http.post(QUERY, json={"prompt": question}, headers=headers)

        entry_id = [ask() for _ in range(20)][-1].json()["cache"]["entry_id"]
        assert http.post("/v1/cache/purge", json={"entry": entry_id}).status_code == 200
        wait_until(lambda: ask().status_code == 504, "the purge is in force", within=5)
        assert {ask().status_code for _ in range(20)} == {504}
