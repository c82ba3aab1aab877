"""Reads from a request what the call log and the script want to know, whatever else is wrong with it."""

import hashlib
from typing import Any

import msgspec

from simulator.answers import question_of, text_of
from simulator.errors import Refusal
from simulator.records import Arrival

_QUESTION_CHARACTERS = 4_096
_NAME_CHARACTERS = 200
_KEY_DIGEST_CHARACTERS = 16


def decode(body: bytes) -> Any:
    """Decode a JSON body; Refusal 400 when it is not JSON, not UTF-8, or nested too deeply."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"Request body is not valid JSON: {error}") from error


def describe(
    path: str, key: str, body: bytes, call_id: str = "", traceparent: str = ""
) -> tuple[Arrival, str]:
    """Describe a call for its record, and return its whole question for the script to look at."""
    raw, canonical = _canonical(body)
    fields = raw if isinstance(raw, dict) else {}
    question = _question(fields)
    model = fields.get("model")
    arrival = Arrival(
        path=path[:_NAME_CHARACTERS],
        model=model[:_NAME_CHARACTERS] if isinstance(model, str) else None,
        stream=fields.get("stream") is True,
        key_digest=hashlib.sha256(key.encode()).hexdigest()[:_KEY_DIGEST_CHARACTERS] if key else None,
        request_digest=hashlib.sha256(canonical).hexdigest(),
        question=question[:_QUESTION_CHARACTERS],
        call_id=call_id[:_NAME_CHARACTERS],
        traceparent=traceparent[:_NAME_CHARACTERS],
    )
    return arrival, question


def _canonical(body: bytes) -> tuple[Any, bytes]:
    try:
        raw = decode(body)
        return raw, msgspec.json.encode(raw, order="deterministic")
    except (Refusal, RecursionError):
        return None, body


def _question(fields: dict[str, Any]) -> str:
    messages = fields.get("messages")
    if isinstance(messages, list):
        return question_of([message for message in messages if isinstance(message, dict)])
    given = fields.get("input")
    items = given if isinstance(given, list) else [given]
    # Jina's inputs are texts, or parts with a text as in a message.
    return "\n".join(item if isinstance(item, str) else text_of([item]) for item in items)
