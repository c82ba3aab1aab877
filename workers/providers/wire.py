"""The part of OpenAI's chat-completions responses that is relied upon, decoded strictly."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from shared.errors import ProviderGarbage
from shared.wire.outcome import Usage

Tokens = Annotated[int, Meta(ge=0)]


class ReplyMessage(Struct):
    """What the model said; some providers send null beside a refusal."""

    content: str | None = None


class Choice(Struct):
    """One alternative; only the first is used."""

    message: ReplyMessage
    finish_reason: str | None = None


class ReplyUsage(Struct):
    """Tokens as billed."""

    prompt_tokens: Tokens
    completion_tokens: Tokens


class Reply(Struct):
    """A completed chat completion."""

    choices: Annotated[list[Choice], Meta(min_length=1)]
    model: str = ""
    usage: ReplyUsage | None = None


class ErrorBody(Struct):
    """What went wrong, in the provider's words."""

    message: str = ""
    code: str | int | None = None


class ErrorReply(Struct):
    """The shape in which OpenAI-compatible services report errors."""

    error: ErrorBody


class Spoken(Struct, frozen=True):
    """The usable content of a reply; `usage` is None when the provider did not say."""

    text: str
    finish_reason: str
    usage: Usage | None


_reply_decoder = msgspec.json.Decoder(Reply)
_error_decoder = msgspec.json.Decoder(ErrorReply)

REASON_LENGTH = 500
"""Longest piece of a provider's message that is passed on, in characters."""


def decode_reply(body: bytes) -> Spoken:
    """Read a 200's body; raises ProviderGarbage for anything that is not an answer."""
    try:
        reply = _reply_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderGarbage("The provider answered 200 with a body that is not a completion.") from error
    choice = reply.choices[0]
    if not choice.message.content or choice.finish_reason is None:
        raise ProviderGarbage("The provider answered 200 without any text.")
    billed = reply.usage
    usage = None if billed is None else Usage(billed.prompt_tokens, billed.completion_tokens)
    return Spoken(choice.message.content, choice.finish_reason, usage)


def decode_error(body: bytes) -> tuple[str, str | None]:
    """Read an error's message and code; a body in another shape has none."""
    try:
        error = _error_decoder.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", None
    return error.message[:REASON_LENGTH], None if error.code is None else str(error.code)
