"""Groq's chat completions: what is refused, and what is answered."""

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import Struct

from simulator.answers import answer_to, count_tokens, pieces_of, prompt_tokens
from simulator.errors import Refusal
from simulator.pricing import Tokens
from simulator.reply import Reply, json_reply
from simulator.stream import stream_reply
from simulator.wire import ChatRequest

_UNSUPPORTED = ("logprobs", "top_logprobs", "logit_bias")


class Moment(Struct, frozen=True, kw_only=True):
    """What a completion takes from its surroundings.

    `call_id` makes identifiers unique, `at` is Unix seconds, `latency_s` was waited before the first byte,
    `tokens_per_second` paces a stream (0 is unpaced), `cached_tokens` is what a script says was cached.
    """

    call_id: str
    at: float
    latency_s: float
    tokens_per_second: float
    cached_tokens: int | None = None


class Completion(Struct, frozen=True, kw_only=True):
    """A finished answer before it is put into one document or into many events."""

    text: str
    finish_reason: str
    tokens: Tokens
    usage: dict[str, Any]
    head: dict[str, Any]
    request_id: str
    reasoning: str = ""
    tool_call: dict[str, Any] | None = None


def chat_reply(raw: object, models: Collection[str], moment: Moment) -> Reply:
    """Reply to a chat completion's decoded body.

    Raises Refusal 400 for a body that Groq refuses and 404 `model_not_found` for an unknown model.
    """
    request = _checked(raw)
    if request.model not in models:
        raise Refusal(
            404,
            f"The model `{request.model}` does not exist or you do not have access to it.",
            code="model_not_found",
        )
    streamed = bool(request.stream)
    completion = _complete(request, moment, streamed=streamed)
    if streamed:
        wants_usage = bool(request.stream_options and request.stream_options.include_usage)
        return stream_reply(completion, moment.tokens_per_second, include_usage=wants_usage)
    return _document(completion)


def _checked(raw: object) -> ChatRequest:
    try:
        request = msgspec.convert(raw, ChatRequest)
    except msgspec.ValidationError as error:
        raise Refusal(400, str(error)) from error
    for name in _UNSUPPORTED:
        if getattr(request, name):
            raise Refusal(400, f"'{name}' : property is unsupported")
    if request.n not in (None, 1):
        raise Refusal(400, "'n' : number must be at most 1")
    for index, message in enumerate(request.messages):
        if message.name is not None:
            raise Refusal(400, f"'messages.{index}' : property 'name' is unsupported")
    return request


def _complete(request: ChatRequest, moment: Moment, *, streamed: bool) -> Completion:
    messages = [msgspec.structs.asdict(message) for message in request.messages]
    limit = request.max_completion_tokens or request.max_tokens
    pieces = pieces_of(answer_to(request.model, messages))
    kept = pieces if limit is None else pieces[:limit]
    tool_call = _tool_call(request, pieces)
    text = "" if tool_call else "".join(kept)
    tokens = _tokens(prompt_tokens(messages), count_tokens(text), moment.cached_tokens)
    pace = moment.tokens_per_second if streamed else 0.0
    completion_s = len(kept) / pace if pace else 0.0
    return Completion(
        text=text,
        finish_reason=_finish_reason(tool_call, cut=len(kept) < len(pieces)),
        tokens=tokens,
        usage=_usage(tokens, moment, completion_s),
        head={
            "id": f"chatcmpl-{moment.call_id}",
            "created": int(moment.at),
            "model": request.model,
            "system_fingerprint": "fp_simulated",
        },
        request_id=f"req_{moment.call_id}",
        reasoning="[simulated] reasoning" if request.reasoning_format == "parsed" else "",
        tool_call=tool_call,
    )


def _finish_reason(tool_call: dict[str, Any] | None, *, cut: bool) -> str:
    if tool_call is not None:
        return "tool_calls"
    return "length" if cut else "stop"


def _tool_call(request: ChatRequest, pieces: list[str]) -> dict[str, Any] | None:
    """Call the first tool when one must be called; its id is that of the answer, the same each time."""
    if request.tool_choice != "required" or not request.tools:
        return None
    function = request.tools[0].get("function", {})
    arguments = msgspec.json.encode({"answer": "".join(pieces)}).decode()
    digest = "".join(pieces)[19:31]
    return {
        "id": f"call_{digest}",
        "type": "function",
        "function": {"name": function.get("name", ""), "arguments": arguments},
    }


def _tokens(prompt: int, completion: int, cached: int | None) -> Tokens:
    return Tokens(prompt, completion, prompt + completion, min(cached or 0, prompt))


def _usage(tokens: Tokens, moment: Moment, completion_s: float) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "queue_time": 0.0,
        "prompt_tokens": tokens.prompt_tokens,
        "prompt_time": moment.latency_s,
        "completion_tokens": tokens.completion_tokens,
        "completion_time": completion_s,
        "total_tokens": tokens.total_tokens,
        "total_time": moment.latency_s + completion_s,
    }
    if moment.cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": tokens.cached_tokens}
    return usage


def _document(completion: Completion) -> Reply:
    choice = {
        "index": 0,
        "message": _message(completion),
        "logprobs": None,
        "finish_reason": completion.finish_reason,
    }
    payload = {
        **completion.head,
        "object": "chat.completion",
        "choices": [choice],
        "usage": completion.usage,
        "x_groq": {"id": completion.request_id},
    }
    return json_reply(payload, tokens=completion.tokens)


def _message(completion: Completion) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": completion.text}
    if completion.reasoning:
        message["reasoning"] = completion.reasoning
    if completion.tool_call is not None:
        message |= {"content": None, "tool_calls": [completion.tool_call]}
    return message
