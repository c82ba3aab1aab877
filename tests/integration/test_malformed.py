"""Malformed requests at the real application, in a short form; `make fuzz` goes on for longer."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from tests.fuzz.hostile import check, parse_all, send_all
from tests.support.gateway import ADMIN_KEY, USER_KEY, Gateway, gateway, settings_for
from tests.support.redis_process import RedisProcess

pytestmark = pytest.mark.anyio

CORPUS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "invalid UTF-8": b'{"prompt":"\xff"}',
    "overlong UTF-8": b'{"prompt":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"prompt":"\xed\xa0\x80"}',
    "half a surrogate pair": b'{"prompt":"\\ud800"}',
    "NUL": b'{"prompt":"a\\u0000b"}',
    "NUL after backslashes": b'{"prompt":"a\\\\\\u0000b"}',
    "a raw NUL": b'{"prompt":"a\x00b"}',
    "a name twice": b'{"prompt":"a","prompt":"b"}',
    "a name twice, escaped": b'{"prompt":"a","pr\\u006fmpt":"b"}',
    "a name twice, deep inside": b'{"prompt":"a","cache":{"ttl":1,"ttl":2}}',
    "NaN": b'{"prompt":"a","temperature":NaN}',
    "Infinity": b'{"prompt":"a","temperature":Infinity}',
    "a number beyond all": b'{"prompt":"a","temperature":1e999}',
    "an integer beyond all": b'{"prompt":"a","max_tokens":' + b"9" * 5_000 + b"}",
    "a BOM": b'\xef\xbb\xbf{"prompt":"a"}',
    "UTF-16": '{"prompt":"a"}'.encode("utf-16"),
    "more after the end": b'{"prompt":"a"}{"prompt":"b"}',
    "arrays nested": b'{"prompt":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects nested": b'{"prompt":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    "an unknown field": b'{"prompt":"a","surprise":1}',
    "another type": b'{"prompt":["a"]}',
    "a list": b"[]",
    "a comment": b'{"prompt":"a"/**/}',
    "single quotes": b"{'prompt':'a'}",
    "msgpack": b"\x81\xa6prompt\xa1a",
}


@pytest.fixture
async def served(redis: Redis, redis_server: RedisProcess) -> AsyncIterator[Gateway]:
    """The application alone."""
    async with gateway(settings_for(redis_server.url)) as found:
        yield found


async def post(served: Gateway, body: bytes, path: str = "/v1/query", **headers: str) -> httpx.Response:
    """Send bytes as JSON."""
    said = {"X-API-Key": USER_KEY, "Content-Type": "application/json", "Prefer": "respond-async", **headers}
    return await served.client.post(path, content=body, headers=said)


@pytest.mark.parametrize("name", CORPUS)
async def test_every_malformed_body_is_a_400(served: Gateway, name: str) -> None:
    """In the one error shape."""
    reply = await post(served, CORPUS[name])
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    check(reply)


@pytest.mark.parametrize("depth", [60, 70, 900])
async def test_what_is_nested_too_deeply_is_refused_before_anything_recurses(
    served: Gateway, depth: int
) -> None:
    """Also where any JSON may stand."""
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    body = (
        b'{"model":"openai/gpt-oss-20b","messages":[{"role":"user","content":"q"}],"tools":[' + nested + b"]}"
    )
    reply = await post(served, body, "/v1/chat/completions")
    assert reply.status_code == (202 if depth < 62 else 400)


@pytest.mark.parametrize(
    ("text", "same"), [("caf\u00e9", "cafe\u0301"), ("\u212b", "\u00c5"), ("\uac00", "\u1100\u1161")]
)
async def test_equivalent_ways_of_writing_a_text_are_one_question(
    served: Gateway, text: str, same: str
) -> None:
    """Unicode NFC."""
    ids = [(await _ask(served, one))["id"] for one in (text, same)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("paypal", "p\u0430ypal"),
        ("K", "\uff2b"),
        ("fi", "\ufb01"),
        ("a", "A"),
        ("a b", "a\u00a0b"),
        ("a", "a\u200b"),
    ],
)
async def test_texts_that_only_look_the_same_are_two_questions(
    served: Gateway, text: str, other: str
) -> None:
    """Homoglyphs, widths, ligatures, cases, spaces: none of them shares an answer exactly."""
    ids = [(await _ask(served, one))["id"].partition(".")[0] for one in (text, other)]
    assert ids[0] != ids[1]


async def test_requests_made_of_real_ones_by_breaking_them_are_never_our_failure(served: Gateway) -> None:
    """From a fixed seed."""
    found = await send_all(served, seed=6, cases=1_200)
    assert found[400] > 400
    assert {status for status in found if status >= 500} <= {504}


def test_the_parsers_and_the_encoder_raise_nothing_but_refusals() -> None:
    """From a fixed seed, without the framework."""
    found = parse_all(seed=6, cases=4_000)
    assert found["invalid_request"] > 4_000
    assert found["a question"] > 100


async def test_a_proxys_word_on_who_asks_is_not_believed(served: Gateway) -> None:
    """Nor is any other header of the kind; the key alone says who asks."""
    headers = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "admin", "Forwarded": "for=127.0.0.1"}
    reply = await served.client.get("/admin/keys", headers={"X-API-Key": USER_KEY, **headers})
    assert reply.status_code == 403


async def test_a_page_of_ours_runs_no_script_of_others(served: Gateway) -> None:
    """Where there is HTML, it says what it may load."""
    for path in ("/problems/rate_limit_exceeded", "/docs"):
        policy = (await served.client.get(path, headers={"X-API-Key": ADMIN_KEY})).headers
        assert "default-src 'self'" in policy["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy["Content-Security-Policy"]


async def _ask(served: Gateway, prompt: str) -> dict[str, Any]:
    headers = {"X-API-Key": USER_KEY, "Prefer": "respond-async"}
    reply = await served.client.post("/v1/query", json={"prompt": prompt}, headers=headers)
    body: dict[str, Any] = reply.raise_for_status().json()
    return body
