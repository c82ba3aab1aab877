"""Spans of calls to models, in OpenTelemetry's words for generative AI; pure.

Source: https://github.com/open-telemetry/semantic-conventions-genai (in development). A hit makes no such
span: no model was asked.
"""

import msgspec

from shared.tracing import Value
from shared.wire.completion import Completion
from shared.wire.outcome import Answer


def chat_request(provider: str, model: str, completion: Completion, *, streamed: bool) -> dict[str, Value]:
    """What is known when a completion is asked for."""
    found: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.request.stream": streamed,
    }
    if completion.temperature is not None:
        found["gen_ai.request.temperature"] = completion.temperature
    if completion.max_tokens is not None:
        found["gen_ai.request.max_tokens"] = completion.max_tokens
    return found


def chat_answer(answer: Answer) -> dict[str, Value]:
    """What is known when it is there."""
    usage = answer.usage
    found: dict[str, Value] = {
        "gen_ai.response.finish_reasons": [answer.finish_reason],
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }
    if answer.cost is not None:
        found["sentinel.cost_picodollars"] = answer.cost
    return found


def asked(completion: Completion) -> dict[str, Value]:
    """The question, for those who may see it."""
    messages = [
        {"role": one.role, "parts": [{"type": "text", "content": one.content or one.whole.decode()}]}
        for one in completion.messages
    ]
    return {"gen_ai.input.messages": msgspec.json.encode(messages).decode()}


def answered(answer: Answer) -> dict[str, Value]:
    """The answer, for those who may see it."""
    parts = [{"type": "text", "content": answer.text}]
    message = {"role": "assistant", "parts": parts, "finish_reason": answer.finish_reason}
    return {"gen_ai.output.messages": msgspec.json.encode([message]).decode()}


def embeddings(provider: str, model: str) -> dict[str, Value]:
    """What is known when a question is embedded."""
    return {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }
