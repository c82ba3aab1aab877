"""What became of a job: settled once, read by every caller of its flight."""

from typing import Generic, Literal, TypeVar

import msgspec
from msgspec import Struct

from shared.errors import ProviderError, SentinelError


class Usage(Struct, frozen=True):
    """Tokens as the provider counted them; cached ones are part of the input, reasoning of the output."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0


class Spent(Struct, frozen=True, kw_only=True):
    """A call that brought no answer and may be billed all the same, in tokens and picodollars.

    Without `usage` nobody will ever know whether it was; without `cost` its price is unknown.
    """

    model: str
    usage: Usage | None = None
    cost: int | None = None


class Attempt(Struct, frozen=True):
    """One try to get an answer: `outcome` is `ok` or an error's code, `ms` what it took with its wait."""

    provider: str
    outcome: str
    ms: float


class Embedding(Struct, frozen=True):
    """The model that embedded a question, and the tokens that this was billed for."""

    model: str
    tokens: int


class Answer(Struct, frozen=True, kw_only=True):
    """A provider's answer and what it cost, in picodollars (1e-12 $); None: the price is unknown.

    `choices` has them all as JSON when there is more to the answer than one text: several choices, tool
    calls, reasoning, a refusal, log probabilities; `text` is then the first one's, perhaps empty.
    """

    text: str
    finish_reason: str
    model: str
    provider: str
    usage: Usage
    cost: int | None
    created_at_ms: int
    simulated: bool = False
    choices: bytes = b""
    system_fingerprint: str = ""


class Verdict(Struct, frozen=True):
    """What one guard said of serving a stored answer for a new question."""

    guard: str
    passed: bool
    reason: str = ""


class Match(Struct, frozen=True, kw_only=True):
    """The nearest stored question: why it was served, or why it was not.

    `policy` decided, by a score (`chance`, which is a cosine where no verifier was asked) that had to reach
    `needed`; without a score it was never proposed, or a veto decided. `source` is the job that bought the
    entry.
    """

    similarity: float
    threshold: float
    entry_id: str
    guards: tuple[Verdict, ...] = ()
    policy: str = ""
    chance: float | None = None
    needed: float | None = None
    source: str = ""


class Stale(Struct, frozen=True, kw_only=True):
    """An answer past its freshness, given for want of a newer one: whose entry, and the code of the error."""

    reason: str
    type: Literal["exact", "semantic"]
    entry_id: str


class Timings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a job's time went, in milliseconds; what an earlier release did not measure is 0.

    `search` contains `guards`, the judging of what was found; `provider` contains `pace`, the wait for a
    provider's turn and its breaker. `first_token` counts from the start of `provider`, and is 0 for an answer
    that came whole.
    """

    queue: float = 0.0
    embed: float = 0.0
    search: float = 0.0
    provider: float = 0.0
    guards: float = 0.0
    pace: float = 0.0
    first_token: float = 0.0


class Completed(Struct, frozen=True, kw_only=True, tag="completed"):
    """The job has an answer: the provider's own, or a stored one that means the same.

    `entry_expires_at_ms` is when the entry's freshness ends. With `stale` the answer is a stored one, and its
    source `semantic` also when the entry is the question's own.
    """

    answer: Answer
    source: Literal["provider", "semantic"]
    match: Match | None = None
    entry_expires_at_ms: int | None = None
    embed_cost: int | None = 0
    timings: Timings = Timings()
    embedding: Embedding | None = None
    spent: tuple[Spent, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    stale: Stale | None = None


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    """The job has none; the fields are those of the error that ended it."""

    code: str
    status: int
    title: str
    detail: str
    retryable: bool
    retry_after_s: float | None = None
    match: Match | None = None
    embed_cost: int | None = 0
    timings: Timings = Timings()
    embedding: Embedding | None = None
    spent: tuple[Spent, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    @classmethod
    def from_error(
        cls, error: SentinelError, *, match: Match | None = None, timings: Timings | None = None
    ) -> "Failed":
        """Record an error so that every caller of the flight gets the same one."""
        return cls(
            code=error.code,
            status=error.status,
            title=error.title,
            detail=error.detail,
            retryable=error.retryable,
            retry_after_s=error.retry_after_s,
            match=match,
            timings=timings or Timings(),
            spent=error.spent if isinstance(error, ProviderError) else (),
            attempts=error.attempts if isinstance(error, ProviderError) else (),
        )


Outcome = Completed | Failed
Brought = TypeVar("Brought")


class ArqResult(Struct, Generic[Brought], frozen=True, kw_only=True):
    """arq's own result layout, with what came of the job as `r`; its arguments are not repeated."""

    t: int
    f: str
    a: tuple[()] = ()
    k: dict[str, str] = {}
    et: int
    s: bool
    r: Brought
    st: int
    ft: int
    q: str
    id: str


class Result(ArqResult[Outcome], frozen=True, kw_only=True):
    """A question's, with its outcome."""


class Announcement(Struct, frozen=True, array_like=True):
    """What settle tells the waiting ingresses; `result` is None when it is too large to publish."""

    job_id: str
    result: bytes | None


_encoder = msgspec.msgpack.Encoder()
_result_decoder = msgspec.msgpack.Decoder(Result)
_announcement_decoder = msgspec.msgpack.Decoder(Announcement)

ANNOUNCED_INLINE_BYTES = 65_536
"""Larger outcomes are announced by id alone: pub/sub buffers are bounded, and a reader may want none."""


def encode_result(result: Result) -> bytes:
    """Lay a settled outcome out as stock arq would."""
    return _encoder.encode(result)


def decode_result(data: bytes) -> Result:
    """Read a settled outcome; raises msgspec.DecodeError."""
    return _result_decoder.decode(data)


def encode_announcement(job_id: str, result: bytes) -> bytes:
    """Tell that a job has settled, with its outcome unless that is large."""
    inline = result if len(result) <= ANNOUNCED_INLINE_BYTES else None
    return _encoder.encode(Announcement(job_id, inline))


def decode_announcement(data: bytes) -> Announcement:
    """Read an announcement; raises msgspec.DecodeError."""
    return _announcement_decoder.decode(data)
