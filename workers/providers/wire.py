"""The part of OpenAI's chat-completions responses that is relied upon, decoded strictly."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from shared.errors import ProviderGarbage
from shared.wire.outcome import Usage
from workers.providers import choices

TOKENS_MAX = 100_000_000
"""More than any model reads or writes: beyond it a count is nonsense, and would overflow the ledger."""
Tokens = Annotated[int, Meta(ge=0, le=TOKENS_MAX)]


class InputDetails(Struct):
    """Which of the input tokens were cheaper."""

    cached_tokens: Tokens | None = None


class OutputDetails(Struct):
    """Which of the output tokens were not for the reader."""

    reasoning_tokens: Tokens | None = None


class ReplyUsage(Struct):
    """Tokens as billed; some providers leave the details out, or send null."""

    prompt_tokens: Tokens
    completion_tokens: Tokens
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None

    def usage(self) -> Usage:
        """The same in our words; details never exceed what they are a part of."""
        cached = self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens
        reasoning = self.completion_tokens_details and self.completion_tokens_details.reasoning_tokens
        return Usage(
            input_tokens=self.prompt_tokens,
            output_tokens=self.completion_tokens,
            cached_input_tokens=min(cached or 0, self.prompt_tokens),
            reasoning_tokens=min(reasoning or 0, self.completion_tokens),
        )


class Reply(Struct):
    """A completed chat completion."""

    choices: Annotated[list[dict[str, Any]], Meta(min_length=1)]
    system_fingerprint: str | None = None
    usage: ReplyUsage | None = None


class Billed(Struct):
    """The part of a reply that says what it cost, whatever else is wrong with it."""

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
    choices: bytes = b""
    system_fingerprint: str = ""


_reply_decoder = msgspec.json.Decoder(Reply)
_billed_decoder = msgspec.json.Decoder(Billed)
_error_decoder = msgspec.json.Decoder(ErrorReply)

REASON_LENGTH = 500
"""Longest piece of a provider's message that is passed on, in characters."""


def decode_reply(body: bytes) -> Spoken:
    """Read a 200's body; raises ProviderGarbage for anything that is not an answer."""
    try:
        reply = _reply_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderGarbage("The provider answered 200 with a body that is not a completion.") from error
    choices.check(reply.choices)
    return Spoken(
        text=choices.text_of(reply.choices),
        finish_reason=reply.choices[0]["finish_reason"],
        usage=None if reply.usage is None else reply.usage.usage(),
        choices=choices.kept(reply.choices),
        system_fingerprint=reply.system_fingerprint or "",
    )


def decode_usage(body: bytes) -> Usage | None:
    """Read what a reply that is no answer was billed for; None when it does not say."""
    try:
        billed = _billed_decoder.decode(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if billed is None else billed.usage()


def decode_error(body: bytes) -> tuple[str, str | None]:
    """Read an error's message and code; a body in another shape has none."""
    try:
        error = _error_decoder.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", None
    return error.message[:REASON_LENGTH], None if error.code is None else str(error.code)
