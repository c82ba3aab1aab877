"""What callers post to /v1/chat/completions, and what it means in the field's terms; pure.

The surface is OpenAI's chat API as Groq documents it. Whatever can change the answer is part of its identity;
what this gateway does not support is refused by name. Sources: https://platform.openai.com/docs/api-reference/chat
and https://console.groq.com/docs/api-reference.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ingress.question import CacheOptions, Metadata, MostWrong, offered
from shared.errors import BadRequest, FieldError
from shared.wire.completion import Completion, Message, Role

TokenCount = Annotated[int, Meta(ge=1, le=1_000_000)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
JsonObject = dict[str, Any]


class ChatMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One turn, with everything that a client sends back of what it was answered."""

    role: Role
    content: str | list[JsonObject] | None = None
    name: str | None = None
    tool_calls: list[JsonObject] | None = None
    tool_call_id: str | None = None
    function_call: JsonObject | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    annotations: list[JsonObject] | None = None


class StreamOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a stream tells besides its tokens."""

    include_usage: bool = False
    include_obfuscation: bool = False


class ChatRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chat completion as OpenAI's clients ask for it, and our own members `cache` and the two after it."""

    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=10_000)]
    model: Annotated[str, Meta(min_length=1, max_length=256)]
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    max_tokens: TokenCount | None = None
    max_completion_tokens: TokenCount | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    functions: list[JsonObject] | None = None
    function_call: str | JsonObject | None = None
    response_format: JsonObject | None = None
    reasoning_effort: str | None = None
    reasoning_format: str | None = None
    include_reasoning: bool | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    documents: list[JsonObject] | None = None
    citation_options: str | None = None
    compound_custom: JsonObject | None = None
    disable_tool_validation: bool | None = None
    search_settings: JsonObject | None = None
    include_domains: list[str] | None = None
    exclude_domains: list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    metadata: Metadata | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    store: Literal[False] | None = None
    cache: CacheOptions = CacheOptions()
    similarity_threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_false_hit_rate: MostWrong | None = None
    priority: Literal["interactive", "batch"] = "interactive"


OPTIONS = (
    *("top_p", "stop", "seed", "n", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs"),
    *("top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
    *("response_format", "reasoning_effort", "reasoning_format", "include_reasoning", "verbosity"),
    *("service_tier", "documents", "citation_options", "compound_custom", "disable_tool_validation"),
    *("search_settings", "include_domains", "exclude_domains"),
)
"""What may change the answer, besides the members that `Completion` has for itself."""

_canonical = msgspec.json.Encoder(order="sorted", decimal_format="number")


def completion_of(asked: ChatRequest, models: tuple[str, ...]) -> Completion:
    """The request as a provider would get it; raises UnknownModel and BadRequest."""
    if asked.stream_options is not None and not asked.stream:
        raise _bad("/stream_options", "is only allowed together with `stream`")
    return Completion(
        model=offered(asked.model, models),
        messages=tuple(_message(one, n) for n, one in enumerate(asked.messages)),
        temperature=asked.temperature,
        max_tokens=_max_tokens(asked),
        options=_options(asked),
    )


def _max_tokens(asked: ChatRequest) -> int | None:
    old, new = asked.max_tokens, asked.max_completion_tokens
    if old is not None and new is not None and old != new:
        raise _bad("/max_tokens", "differs from `max_completion_tokens`, which it is the old name of")
    return old if new is None else new


def _options(asked: ChatRequest) -> bytes:
    said = {name: getattr(asked, name) for name in OPTIONS if getattr(asked, name) is not None}
    # One of each is what one gets without asking.
    if said.get("n") == 1:
        del said["n"]
    return _canonical.encode(said) if said else b""


def _message(message: ChatMessage, number: int) -> Message:
    content = _plain_text(message.content)
    said = {
        name: value
        for name, value in msgspec.structs.asdict(message).items()
        if value is not None and name not in ("role", "content")
    }
    if not said and isinstance(content, str):
        return Message(message.role, content)
    if not said and content is None:
        raise _bad(f"/messages/{number}/content", "is missing")
    whole = {"role": message.role, "content": content, **said}
    return Message(message.role, "", _canonical.encode(whole))


def _plain_text(content: str | list[JsonObject] | None) -> str | list[JsonObject] | None:
    """One part of text is the same as the text."""
    match content:
        case [{"type": "text", "text": str(text), **others}] if not others:
            return text
    return content


def _bad(pointer: str, reason: str) -> BadRequest:
    return BadRequest(f"{pointer} {reason}", errors=[FieldError(pointer=pointer, detail=reason)])
