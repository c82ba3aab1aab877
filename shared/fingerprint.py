"""Identity of a question: equal fingerprints, and only they, may share an answer exactly.

The encoding is injective: every part is framed by its length, so that no two requests run together
("say hi" + "llama" is not "say hill" + "ama"). Text is NFC-normalised, and neither folded nor trimmed.
The digest is an HMAC, so that an id that a caller sees does not confirm a guessed prompt.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable

import msgspec

from shared.wire.completion import CachePolicy, Completion

SCHEMA = "sentinel/1"
"""Part of every digest: a change of the encoding starts a new cache instead of misreading the old one."""

_DEFAULT_POLICY = CachePolicy()


def fingerprint(secret: bytes, scope: str, completion: Completion) -> str:
    """The identity of a request within a scope: 64 hex digits."""
    return _digest(secret, ("request", scope, *_parts(completion, question="shown")))


def partition(secret: bytes, scope: str, completion: Completion) -> str:
    """The identity of everything but the question: only within it may questions match by meaning.

    A worker adds its embedder's name, so that vectors of two models never meet.
    """
    return _digest(secret, ("partition", scope, *_parts(completion, question="hidden")))


def flight_id(request: str, policy: CachePolicy) -> str:
    """Which flight a request may join: the same question under the same policy."""
    if policy == _DEFAULT_POLICY:
        return request
    return f"{request}:{hashlib.sha256(msgspec.json.encode(policy)).hexdigest()[:16]}"


def _parts(completion: Completion, *, question: str) -> Iterable[str]:
    yield completion.model
    yield _number(completion.temperature)
    yield _number(completion.max_tokens)
    last = max(i for i, message in enumerate(completion.messages) if message.role == "user")
    for i, message in enumerate(completion.messages):
        yield message.role
        hidden = question == "hidden" and i == last
        yield "?" if hidden else "=" + unicodedata.normalize("NFC", message.content)


def _number(value: float | None) -> str:
    # 0 and 0.0 are the same request; repr is exact and the same everywhere.
    return "default" if value is None else repr(float(value))


def _digest(secret: bytes, parts: Iterable[str]) -> str:
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    for part in (SCHEMA, *parts):
        data = part.encode("utf-8", "surrogatepass")
        mac.update(len(data).to_bytes(8, "big"))
        mac.update(data)
    return mac.hexdigest()
