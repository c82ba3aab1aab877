"""An answer as OpenAI's clients read it, with what /v1/query would say of it under `sentinel`; pure."""

from typing import Any

import msgspec

from ingress.views import JobView
from shared.wire.outcome import Answer, Usage

COMPLETION_PREFIX = "chatcmpl-"


def completion_view(answer: Answer, job: JobView) -> dict[str, Any]:
    """Lay an answer out as a `chat.completion`; a stored one tells the tokens of the call that bought it."""
    return {
        "id": completion_id(job.id),
        "object": "chat.completion",
        "created": created_of(job.id),
        "model": answer.model,
        "choices": choices_of(answer),
        "usage": usage_of(answer.usage),
        "system_fingerprint": answer.system_fingerprint or None,
        "sentinel": sentinel_of(job),
    }


def completion_id(job_id: str) -> str:
    """The name of a completion; the job's id follows its prefix."""
    return COMPLETION_PREFIX + job_id


def created_of(job_id: str) -> int:
    """When a job was made, as Unix seconds: its id says so, and is the same for all of its callers."""
    generation = job_id.rpartition(".")[2]
    return int(generation) // 1_000_000 if generation.isdecimal() else 0


def choices_of(answer: Answer) -> list[dict[str, Any]]:
    """Every choice in full: clients rely on null members being there."""
    if not answer.choices:
        message = {"role": "assistant", "content": answer.text, "refusal": None}
        return [{"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}]
    found: list[dict[str, Any]] = msgspec.json.decode(answer.choices)
    return [
        {"index": n, "logprobs": None, **choice}
        | {"message": {"role": "assistant", "content": None, "refusal": None, **choice["message"]}}
        for n, choice in enumerate(found)
    ]


def usage_of(usage: Usage) -> dict[str, Any]:
    """Tokens in OpenAI's words."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def sentinel_of(job: JobView) -> dict[str, Any]:
    """What the gateway did for this request."""
    usage = job.usage
    return {
        "job_id": job.id,
        "provider": job.provider,
        "cache": msgspec.to_builtins(job.cache),
        "cost_usd": None if usage is None else usage.cost_usd,
        "saved_usd": None if usage is None else usage.saved_usd,
        "calls": msgspec.to_builtins(job.calls),
        "metadata": job.metadata,
    }
