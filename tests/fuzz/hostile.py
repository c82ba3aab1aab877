"""Sends malformed requests to the real application: every one is a 4xx problem, and memory stays flat."""

import resource
from collections import Counter
from random import Random
from typing import Any

import httpx

from ingress.body import decode
from ingress.chat import ChatRequest, completion_of
from ingress.question import QueryRequest, completion_of as question_of
from shared.errors import RequestError
from shared.fingerprint import fingerprint, partition
from shared.wire.completion import Completion
from tests.fuzz.bodies import Sent, request
from tests.support.gateway import ADMIN_KEY, Gateway

MODELS = ("openai/gpt-oss-20b", "m")
NOTHING_STORED = 504


async def send_all(served: Gateway, seed: int, cases: int) -> Counter[int]:
    """Send so many, and count the statuses; fails at the first answer that is not a proper one.

    Whatever turns out to be a question is only looked up: the answer is a 504 that says so.
    """
    random, found = Random(seed), Counter[int]()
    for number in range(cases):
        sent = request(random)
        reply = await _reply(served, sent)
        found[reply.status_code] += 1
        try:
            check(reply)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, case {number}: {sent} got {reply.status_code}") from error
    return found


async def _reply(served: Gateway, sent: Sent) -> httpx.Response:
    headers = [(b"X-API-Key", ADMIN_KEY.encode())]
    names = {name for name, _ in sent.headers}
    if "Content-Type" not in names:
        headers.append((b"Content-Type", b"application/json"))
    if "Cache-Control" not in names and sent.path.startswith("/v1/"):
        headers.append((b"Cache-Control", b"only-if-cached"))
    if "Prefer" not in names or "Cache-Control" in names:
        headers.append((b"Prefer", b"respond-async"))
    # What may turn out to be a question must not be waited for: there is no worker.
    said = [one for one in sent.headers if one[0] != "Prefer" or "Cache-Control" not in names]
    headers += [(name.encode(), value) for name, value in said]
    try:
        built = served.client.build_request(sent.method, sent.path, headers=headers, content=sent.body)
    except (httpx.InvalidURL, UnicodeEncodeError):
        built = served.client.build_request("GET", "/nowhere")
    return await served.client.send(built)


def check(reply: httpx.Response) -> None:
    """Hold an answer to the one error shape."""
    if reply.status_code < 400:
        return
    assert reply.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = reply.json()
    assert problem["status"] == reply.status_code
    assert {"type", "title", "detail", "code", "request_id", "error"} <= set(problem)
    assert reply.status_code < 500 or (reply.status_code, problem["code"]) == (NOTHING_STORED, "cache_miss")


def parse_all(seed: int, cases: int) -> Counter[str]:
    """Read so many bodies, and identify those that ask something; nothing but refusals is raised."""
    random, found = Random(seed), Counter[str]()
    for _ in range(cases):
        body = request(random).body
        for read in (_query, _chat):
            try:
                completion = read(body)
            except RequestError as error:
                found[error.code] += 1
                continue
            assert len(fingerprint(b"s", "t", completion)) == len(partition(b"s", "t", completion)) == 64
            found["a question"] += 1
    return found


def _query(body: bytes) -> Completion:
    return question_of(decode(body, QueryRequest), MODELS)


def _chat(body: bytes) -> Completion:
    return completion_of(decode(body, ChatRequest), MODELS)


def peak_mb() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
