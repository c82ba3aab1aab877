"""The one tree of errors; each carries its code, its HTTP status and whether a retry can help.

SentinelError
├── RequestError            the caller can mend it
│   ├── BadRequest          400  invalid_request
│   ├── InvalidKey          401  invalid_api_key
│   ├── BudgetExceeded      402  budget_exceeded
│   ├── PriceUnknown        402  price_unknown
│   ├── PermissionDenied    403  permission_denied
│   ├── NotFound            404  not_found
│   ├── UnknownJob          404  job_not_found
│   ├── UnknownBatch        404  batch_not_found
│   ├── UnknownKey          404  key_not_found
│   ├── UnknownModel        404  model_not_found
│   ├── MethodNotAllowed    405  method_not_allowed
│   ├── AlreadySettled      409  already_settled
│   ├── NoAnswer            409  no_answer
│   ├── TooManyKeys         409  too_many_keys
│   ├── RequestTimeout      408  request_timeout
│   ├── TooLarge            413  request_too_large
│   ├── WrongMediaType      415  unsupported_media_type
│   ├── HeadersTooLarge     431  headers_too_large
│   ├── KeyReused           422  idempotency_key_reused
│   ├── RateLimited         429  rate_limit_exceeded
│   ├── TooManyJobs         429  too_many_jobs
│   └── TokensUsedUp        429  token_limit_exceeded
├── CacheMiss               504  cache_miss           only-if-cached found nothing
├── Unavailable             503                       ours, and passing
│   ├── RedisUnavailable         redis_unavailable
│   ├── QueueFull                queue_full
│   ├── QueueTooSlow             queue_too_slow
│   ├── TooManyConnections       too_many_connections
│   └── Draining                 draining
├── ProviderError           502  the upstream's doing
│   ├── ProviderRefused     400  upstream_refused       a retry cannot help
│   ├── ProviderModelMissing 502 upstream_model_not_found
│   ├── ProviderKeyRejected 502  upstream_key_rejected
│   ├── ProviderTooLarge    413  upstream_too_large
│   ├── ProviderUnavailable 503  upstream_unavailable
│   ├── ProviderRateLimited 503  upstream_rate_limited
│   ├── ProviderPaced       503  upstream_paced         nothing was sent
│   ├── ProviderTimeout     504  upstream_timeout
│   ├── ProviderGarbage     502  upstream_invalid_response
│   ├── EmbedderUnavailable 503  embedder_unavailable
│   └── CircuitOpen         503  upstream_circuit_open  nothing was sent
├── DeadlineExceeded        504  deadline_exceeded
├── TriesExhausted          500  tries_exhausted
├── BillingUnknown      500  billing_unknown
├── Cancelled           409  cancelled
├── InternalError           500  internal_error
└── BadSetting                   stops the start; never reaches HTTP
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

if TYPE_CHECKING:
    from shared.wire.outcome import Attempt, Spent


class FieldError(Struct, frozen=True):
    """What is wrong with one field: `pointer` is an RFC 6901 JSON pointer into the body."""

    pointer: str
    detail: str


class SentinelError(Exception):
    """Anything Sentinel reports; `detail` is written for the person who reads it."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        retry_after_s: float | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s
        self.extra = dict(extra or {})


class InternalError(SentinelError):
    """Something broke that should not; the log has the rest under the request id."""


class RequestError(SentinelError):
    """The request must change before it can succeed."""

    code = "invalid_request"
    status = 400
    title = "Invalid request"


class BadRequest(RequestError):
    """The request cannot be understood or breaks a rule; `errors` points at the fields."""


class InvalidKey(RequestError):
    """No API key was given, or none that is known."""

    code = "invalid_api_key"
    status = 401
    title = "Invalid API key"


class BudgetExceeded(RequestError):
    """A hard budget has no room for what the answer may cost; `retry_after_s` says when it begins anew.

    Stored answers cost nothing, and are served all the same.
    """

    code = "budget_exceeded"
    status = 402
    title = "Budget exceeded"


class PriceUnknown(RequestError):
    """Nobody knows what the model costs, so that a hard budget cannot be kept; its price can be added."""

    code = "price_unknown"
    status = 402
    title = "The model has no price"


class PermissionDenied(RequestError):
    """The key is known but may not do this."""

    code = "permission_denied"
    status = 403
    title = "Permission denied"


class NotFound(RequestError):
    """There is nothing at this address."""

    code = "not_found"
    status = 404
    title = "Not found"


class UnknownJob(NotFound):
    """No job of this id is visible to this key; it may have expired or be another tenant's."""

    code = "job_not_found"
    title = "Unknown job"


class UnknownBatch(NotFound):
    """No batch of this id is visible to this key; it may have expired or be another tenant's."""

    code = "batch_not_found"
    title = "Unknown batch"


class UnknownKey(RequestError):
    """No stored API key has this id."""

    code = "key_not_found"
    status = 404
    title = "API key not found"


class NoAnswer(RequestError):
    """The job has no answer that could be judged: it is under way, failed or was cancelled."""

    code = "no_answer"
    status = 409
    title = "The job has no answer"


class TooManyKeys(RequestError):
    """The owner has as many active keys as one may have."""

    code = "too_many_keys"
    status = 409
    title = "Too many active keys"


class TooManyBudgets(RequestError):
    """As many tenants and keys have budgets of their own as may."""

    code = "too_many_budgets"
    status = 409
    title = "Too many budgets"


class UnknownModel(NotFound):
    """The request names a model that this gateway does not offer."""

    code = "model_not_found"
    title = "Unknown model"


class MethodNotAllowed(RequestError):
    """The address exists but not for this method."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"


class TooLarge(RequestError):
    """The body is larger than this gateway reads."""

    code = "request_too_large"
    status = 413
    title = "Request too large"


class RequestTimeout(RequestError):
    """The request did not arrive in time; it was not waited for any longer."""

    code = "request_timeout"
    status = 408
    title = "Request timeout"
    retryable = True


class WrongMediaType(RequestError):
    """The body is not JSON, or it is compressed."""

    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"


class HeadersTooLarge(RequestError):
    """The request line and the headers are larger than this gateway reads."""

    code = "headers_too_large"
    status = 431
    title = "Headers too large"


class KeyReused(RequestError):
    """The idempotency key came with another request before."""

    code = "idempotency_key_reused"
    status = 422
    title = "Idempotency key reused"


class RateLimited(RequestError):
    """The key's bucket is empty; `retry_after_s` says when the next request fits."""

    code = "rate_limit_exceeded"
    status = 429
    title = "Rate limit exceeded"
    retryable = True


class TooManyJobs(RequestError):
    """The key has as many jobs waiting or under way as it may; one has to settle first."""

    code = "too_many_jobs"
    status = 429
    title = "Too many jobs"
    retryable = True


class TokensUsedUp(RequestError):
    """The key has bought as many tokens as it may a minute; `retry_after_s` says when the question fits."""

    code = "token_limit_exceeded"
    status = 429
    title = "Token limit exceeded"
    retryable = True


class CacheMiss(SentinelError):
    """The caller asked for a stored answer only, and there is none (RFC 9111, only-if-cached)."""

    code = "cache_miss"
    status = 504
    title = "Not in the cache"


class Unavailable(SentinelError):
    """Sentinel itself cannot serve this now; the same request later may succeed."""

    code = "unavailable"
    status = 503
    title = "Temporarily unavailable"
    retryable = True


class RedisUnavailable(Unavailable):
    """Redis did not answer in time."""

    code = "redis_unavailable"
    title = "Redis is unavailable"


class QueueFull(Unavailable):
    """More jobs wait than the queue may hold."""

    code = "queue_full"
    title = "The queue is full"


class QueueTooSlow(Unavailable):
    """The queue is so long that the job's deadline would pass before its turn."""

    code = "queue_too_slow"
    title = "The queue is too slow"


class TooManyConnections(Unavailable):
    """As many connections are open as one process takes."""

    code = "too_many_connections"
    title = "Too many connections"


class Draining(Unavailable):
    """This process is stopping and takes no new work."""

    code = "draining"
    title = "Shutting down"


class ProviderError(SentinelError):
    """The provider did not answer the question."""

    code = "upstream_error"
    status = 502
    title = "The provider failed"
    spent: "tuple[Spent, ...]" = ()
    """Calls that it may bill all the same."""
    attempts: "tuple[Attempt, ...]" = ()
    """Whom the question was put to, in order, when that is over."""
    blameless: bool = False
    """Whether this says nothing of the provider's health: we left it no time."""


class ProviderRefused(ProviderError):
    """The provider rejected the request; sending it again cannot help.

    It is the caller's to mend, so clients are told as the provider told it: with a 400.
    """

    code = "upstream_refused"
    status = 400
    title = "The provider refused the request"


class ProviderModelMissing(ProviderRefused):
    """The provider does not serve the model that was named."""

    code = "upstream_model_not_found"
    status = 502
    title = "The provider does not know the model"


class ProviderKeyRejected(ProviderRefused):
    """The provider does not accept the gateway's own key, or its account is empty."""

    code = "upstream_key_rejected"
    status = 502
    title = "The provider rejected the gateway's key"


class ProviderTooLarge(ProviderRefused):
    """The request is larger than the provider takes."""

    code = "upstream_too_large"
    status = 413
    title = "The request is too large for the provider"


class ProviderUnavailable(ProviderError):
    """The provider could not be reached or answered with a server error."""

    code = "upstream_unavailable"
    status = 503
    title = "The provider is unavailable"
    retryable = True


class ProviderRateLimited(ProviderError):
    """The provider's own limit is reached."""

    code = "upstream_rate_limited"
    status = 503
    title = "The provider is rate limiting"
    retryable = True


class ProviderPaced(ProviderRateLimited):
    """No call was made: the provider wants none before Retry-After is over, or its limit is used up."""

    code = "upstream_paced"


class ProviderTimeout(ProviderError):
    """The provider did not finish within the deadline."""

    code = "upstream_timeout"
    status = 504
    title = "The provider timed out"
    retryable = True


class ProviderGarbage(ProviderError):
    """The provider answered 200 with something that is not an answer."""

    code = "upstream_invalid_response"
    title = "The provider's response is invalid"
    retryable = True


class EmbedderUnavailable(ProviderError):
    """The embedder gave no usable vectors."""

    code = "embedder_unavailable"
    status = 503
    title = "The embedder is unavailable"
    retryable = True


class CircuitOpen(ProviderError):
    """The provider failed too often; nothing was sent, and it is asked again when Retry-After is over."""

    code = "upstream_circuit_open"
    status = 503
    title = "Provider is resting"
    retryable = True


class DeadlineExceeded(SentinelError):
    """The job's deadline passed before it could be settled otherwise."""

    code = "deadline_exceeded"
    status = 504
    title = "Deadline exceeded"
    retryable = True


class TriesExhausted(SentinelError):
    """Every worker that started the job died with it."""

    code = "tries_exhausted"
    title = "The job failed repeatedly"


class BillingUnknown(SentinelError):
    """A worker died after sending the question; sending it again may be billed again, and was not allowed."""

    code = "billing_unknown"
    title = "The question may have been billed already"


class AlreadySettled(RequestError):
    """The job has settled, and a settled job never changes."""

    code = "already_settled"
    status = 409
    title = "The job has settled"


class Cancelled(SentinelError):
    """Nobody wanted the answer any more."""

    code = "cancelled"
    status = 409
    title = "The job was cancelled"


class BadSetting(SentinelError):
    """A setting does not fit; the start stops and names the variable."""

    code = "bad_setting"
    title = "Bad setting"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
