"""Malformed requests without end, from a seed: real ones with one thing or several wrong."""

import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

from msgspec import Struct

VALID: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("/v1/query", {"prompt": "What is Redis?", "temperature": 0.5, "cache": {"ttl": 5, "tags": ["a"]}}),
    ("/v1/query", {"prompt": "q", "metadata": {"k": "v"}, "similarity_threshold": 0.9, "max_tokens": 5}),
    (
        "/v1/chat/completions",
        {
            "model": "openai/gpt-oss-20b",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
            "stop": ["\n"],
            "logit_bias": {"1": 0.5},
        },
    ),
    ("/v1/chat/completions", {"model": "m", "messages": [{"role": "tool", "tool_call_id": "x"}]}),
    ("/v1/cache/purge", {"namespace": "n"}),
    ("/admin/keys", {"owner": "ann", "scopes": ["query"], "expires_in_days": 3}),
    ("/admin/keys/key_1/rotate", {"grace_s": 5}),
)
SCALARS: Final = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "-0", "01", "1.", ".5", "0x10", "9" * 400),
    *("true", "null", "[]", "{}", '""', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\u00"', '"\\x41"'),
    *('"\x00"', '"\n"', "'a'", "undefined", '{"a":1,"a":2}', "[[[[]]]]", '"\u202e\ufeff"', '"\u0435"'),
    *("1" * 30, "-1", "2.5", "1e-400", "[1,]", '{"a":1,}', "/**/1"),
)
PIECES: Final = (
    *(b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x00"),
    *(b"\\ud800", b"\\u0000", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\r\n", b"\x1b[0m"),
)
HEADERS: Final = (
    *("Prefer", "Cache-Control", "Accept", "X-Request-ID", "Idempotency-Key", "If-None-Match"),
    *("Last-Event-ID", "Content-Type", "Content-Encoding", "Authorization", "X-Forwarded-For"),
)
HEADER_VALUES: Final = (
    *(b"", b"wait=1e9", b"wait=-1", b"wait=\xff", b"respond-async, wait=0", b"max-age=99999999999999999999"),
    *(b"max-age=", b"no-cache=\x80", b"application/json;charset=utf-7", b"gzip, deflate", b"Bearer ", b"*"),
    *(b"a" * 300, b"\xf0\x9f\x92\xa9", b"0-0", b"18446744073709551616-1", b'W/"x"', b"text/event-stream;q=x"),
)
PATHS: Final = (
    *("/v1/jobs/{}", "/v1/jobs/{}/events", "/v1/cache/entries/{}", "/problems/{}", "/v1/models/{}", "/{}"),
    *("/v1/jobs/x?wait={}", "/v1/usage?from={}", "/v1/usage?group_by={}", "/admin/keys?tenant={}"),
)
PATH_PARTS: Final = (
    *(
        "%00",
        "%ff",
        "%ed%a0%80",
        "..%2f..",
        "%2e%2e",
        "a" * 2_000,
        "{}",
        "%0d%0aX-A:1",
        "nan",
        "inf",
        "1e999",
    ),
    *("-1", "0" * 64 + ".1", "%F0%9F%92%A9", "'--", "*", "[]", "\\", "%", "%zz", "x;y", "2026-13-45"),
)


class Sent(Struct, frozen=True):
    """One request."""

    method: str
    path: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes


def request(random: Random) -> Sent:
    """Make the next one."""
    if random.random() < 0.15:
        path = random.choice(PATHS).format(random.choice(PATH_PARTS))
        return Sent(random.choice(["GET", "GET", "POST", "DELETE"]), path, _headers(random), b"")
    path, document = random.choice(VALID)
    body = json.dumps(_changed(random, document)).encode()
    for _ in range(random.choice([0, 1, 1, 1, 2, 5])):
        body = random.choice(MUTATIONS)(random, body)
    return Sent("POST", path, _headers(random), body)


def _headers(random: Random) -> tuple[tuple[str, bytes], ...]:
    count = random.choice([0, 0, 0, 1, 2])
    return tuple((random.choice(HEADERS), random.choice(HEADER_VALUES)) for _ in range(count))


def _changed(random: Random, value: Any) -> Any:
    """Change a value somewhere in a document, or nothing."""
    if isinstance(value, dict) and value and random.random() < 0.7:
        name = random.choice(list(value))
        changed = {**value, name: _changed(random, value[name])}
        if random.random() < 0.1:
            changed[random.choice(["surprise", "", "__proto__", "prompt"])] = 1
        if random.random() < 0.1:
            del changed[name]
        return changed
    if isinstance(value, list) and value and random.random() < 0.5:
        return [*value, _changed(random, value[0])] * random.choice([1, 1, 3])
    if random.random() < 0.5:
        return random.choice(
            [None, True, -1, 0, 1e308, 2**63, "", "x" * 5_000, [], {}, [[]], {"a": {}}, "\u0000"]
        )
    return value


def _scalar(random: Random, body: bytes) -> bytes:
    """Put what is no JSON, or not everybody's, where a value was."""
    at = body.find(b": ", random.randrange(len(body)) if body else 0)
    return body if at < 0 else body[: at + 2] + random.choice(SCALARS).encode() + body[at + 2 + 5 :]


def _insert(random: Random, body: bytes) -> bytes:
    at = random.randrange(len(body) + 1)
    return body[:at] + random.choice(PIECES) + body[at:]


def _cut(random: Random, body: bytes) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def _flip(random: Random, body: bytes) -> bytes:
    if not body:
        return body
    at = random.randrange(len(body))
    return body[:at] + bytes([body[at] ^ (1 << random.randrange(8))]) + body[at + 1 :]


def _repeat(random: Random, body: bytes) -> bytes:
    at = random.randrange(len(body) + 1)
    return body[:at] + body[at:] * random.choice([2, 3])


def _twice(random: Random, body: bytes) -> bytes:
    """Say a member twice."""
    at = body.find(b"{")
    end = body.find(b",", at)
    return body if at < 0 or end < 0 else body[: at + 1] + body[at + 1 : end + 1] + body[at + 1 :]


def _nest(random: Random, body: bytes) -> bytes:
    depth = random.choice([10, 65, 500, 5_000, 50_000])
    bracket, end = random.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return body.replace(b": ", b": " + bracket * depth + b"1" + end * random.choice([depth, 0]), 1)


def _encode(random: Random, body: bytes) -> bytes:
    text = body.decode("utf-8", "replace")
    return text.encode(random.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-le"]))


MUTATIONS: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    *(_scalar, _scalar, _insert, _insert, _cut, _flip, _repeat, _twice, _nest, _encode),
)
