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

SCHEMA = "sentinel/2"
"""Part of every digest: a change of the encoding starts a new cache instead of misreading the old one."""

_DEFAULT_POLICY = CachePolicy()


def fingerprint(secret: bytes, scope: str, completion: Completion) -> str:
    """The identity of a request within a scope: 64 hex digits."""
    return _digest(secret, ("request", scope, *_parts(completion, question="shown")))


def shared_fingerprint(secret: bytes, completion: Completion) -> str:
    """The identity of a request whoever asks it; equal to nobody's within a scope."""
    return _digest(secret, ("shared", *_parts(completion, question="shown")))


def partition(secret: bytes, scope: str, completion: Completion) -> str:
    """The identity of everything but the question: only within it may questions match by meaning.

    A worker adds its embedder's name, so that vectors of two models never meet.
    """
    return _digest(secret, ("partition", scope, *_parts(completion, question="hidden")))


def text_fingerprint(secret: bytes, scope: str, space: str, text: str) -> str:
    """The identity of a text to embed, within a scope and an embedder's space."""
    return _digest(secret, ("embedding", scope, space, unicodedata.normalize("NFC", text)))


def joint_fingerprint(secret: bytes, fingerprints: Iterable[str]) -> str:
    """The identity of several texts together, in their order."""
    return _digest(secret, ("embeddings", *fingerprints))


def flight_id(request: str, policy: CachePolicy) -> str:
    """Which flight a request may join: the same question under the same policy."""
    if policy == _DEFAULT_POLICY:
        return request
    return f"{request}:{hashlib.sha256(msgspec.json.encode(policy)).hexdigest()[:16]}"


def _parts(completion: Completion, *, question: str) -> Iterable[str]:
    yield completion.model
    yield _number(completion.temperature)
    yield _number(completion.max_tokens)
    yield _text(completion.options)
    last = max((i for i, message in enumerate(completion.messages) if message.role == "user"), default=-1)
    for i, message in enumerate(completion.messages):
        yield message.role
        hidden = question == "hidden" and i == last
        if hidden:
            yield "?"
        elif message.whole:
            yield "{" + _text(message.whole)
        else:
            yield "=" + unicodedata.normalize("NFC", message.content)


def _number(value: float | None) -> str:
    # 0 and 0.0 are the same request; repr is exact and the same everywhere.
    return "default" if value is None else repr(float(value))


def _text(json: bytes) -> str:
    return unicodedata.normalize("NFC", json.decode())


def _digest(secret: bytes, parts: Iterable[str]) -> str:
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    for part in (SCHEMA, *parts):
        data = part.encode("utf-8", "surrogatepass")
        mac.update(len(data).to_bytes(8, "big"))
        mac.update(data)
    return mac.hexdigest()
