"""What callers post to /v1/query, and what it means in the field's terms; pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ingress.preferences import CacheDirectives
from shared.errors import FieldError, UnknownModel
from shared.wire.completion import CachePolicy, Completion, Message

Metadata = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=64)],
        Annotated[str, Meta(max_length=512)],
    ],
    Meta(max_length=16),
]

Staleness = Annotated[int, Meta(ge=0, le=31_536_000)]


MostWrong = Annotated[
    float,
    Meta(
        ge=0,
        le=1,
        description="most semantic hits that may be wrong, as a share; may be stricter than the gateway's",
    ),
]


class CacheOptions(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={
        "no_cache": "no-cache",
        "no_store": "no-store",
        "stale_while_revalidate": "stale-while-revalidate",
        "stale_if_error": "stale-if-error",
    },
):
    """What the cache may do for this request."""

    ttl: (
        Annotated[int, Meta(ge=1, le=31_536_000, description="seconds for which the answer is fresh")] | None
    ) = None
    namespace: (
        Annotated[str, Meta(min_length=1, max_length=128, description="narrows the scope within the tenant")]
        | None
    ) = None
    no_cache: Annotated[bool, Meta(description="do not look the answer up, but store the new one")] = False
    no_store: Annotated[bool, Meta(description="do not store the answer")] = False
    mode: Annotated[
        Literal["semantic", "exact"], Meta(description="exact: never serve an answer found by meaning")
    ] = "semantic"
    stale_while_revalidate: Annotated[
        Staleness | None,
        Meta(
            description="seconds after its freshness for which an answer may be served while it is refreshed"
        ),
    ] = None
    stale_if_error: Annotated[
        Staleness | None,
        Meta(description="seconds after its freshness for which an answer may stand in for a failure"),
    ] = None
    pace: Annotated[
        Annotated[float, Meta(ge=0, le=100_000)] | None,
        Meta(description="tokens per second at which a stored answer is streamed; 0: all at once"),
    ] = None
    tags: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...],
        Meta(max_length=8, description="what the stored answer can be purged by"),
    ] = ()


class QueryRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question."""

    prompt: Annotated[str, Meta(min_length=1, description="the question; the only part matched by meaning")]
    model: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    system: Annotated[str, Meta(min_length=1, description="system prompt; matched exactly")] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    similarity_threshold: (
        Annotated[
            float, Meta(ge=0, le=1, description="least similarity; may raise the gateway's, never lower it")
        ]
        | None
    ) = None
    max_false_hit_rate: MostWrong | None = None
    priority: Annotated[
        Literal["interactive", "batch"], Meta(description="batch jobs leave slots to interactive ones")
    ] = "interactive"
    cache: CacheOptions = CacheOptions()
    metadata: Metadata = {}


def completion_of(question: QueryRequest, models: tuple[str, ...]) -> Completion:
    """The request as a provider would get it; raises UnknownModel. `models` starts with the default."""
    model = offered(question.model or models[0], models)
    system = (Message("system", question.system),) if question.system else ()
    return Completion(
        model=model,
        messages=(*system, Message("user", question.prompt)),
        temperature=question.temperature,
        max_tokens=question.max_tokens,
    )


def offered(model: str, models: tuple[str, ...]) -> str:
    """The model, when it is one of these; raises UnknownModel."""
    if model not in models:
        detail = f"This gateway does not offer {model!r}; it offers {', '.join(models)}."
        raise UnknownModel(detail, errors=[FieldError(pointer="/model", detail=detail)])
    return model


def policy_of(
    cache: CacheOptions,
    directives: CacheDirectives,
    completion: Completion,
    *,
    threshold: float | None,
    most_wrong: float | None,
) -> CachePolicy:
    """What the cache may do: the body and the headers, whichever is stricter."""
    return CachePolicy(
        read=not (cache.no_cache or directives.no_cache),
        write=not (cache.no_store or directives.no_store),
        semantic=cache.mode == "semantic" and completion.may_match_by_meaning,
        threshold=threshold,
        most_wrong=most_wrong,
        max_age_s=directives.max_age_s,
        ttl_s=cache.ttl,
        min_fresh_s=directives.min_fresh_s,
        max_stale_s=directives.max_stale_s,
        stale_while_revalidate_s=_least(cache.stale_while_revalidate, directives.stale_while_revalidate_s),
        stale_if_error_s=_least(cache.stale_if_error, directives.stale_if_error_s),
        namespace=cache.namespace,
        tags=tuple(sorted(set(cache.tags))),
    )


def _least(*said: int | None) -> int | None:
    return min((seconds for seconds in said if seconds is not None), default=None)


def scope_of(tenant: str, namespace: str | None) -> str:
    """The scope whose answers may be shared: the tenant, or a namespace within it."""
    # JSON, so that no tenant and namespace run together into another pair's.
    return msgspec.json.encode((tenant, namespace)).decode()
