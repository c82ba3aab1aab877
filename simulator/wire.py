"""The requests that the data plane understands, as the providers' own fields name them."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]


class ChatMessage(Struct, frozen=True):
    """One message of a conversation; other fields, tool calls among them, are accepted and not read."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None


class StreamOptions(Struct, frozen=True):
    """What a client asks of a stream."""

    include_usage: bool | None = None


class ChatRequest(Struct, frozen=True):
    """The body of a chat completion; fields that change nothing here are accepted and not read."""

    model: str
    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    reasoning_format: Literal["hidden", "raw", "parsed"] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None


class TextInput(Struct, frozen=True):
    """A text to embed, in Jina's object form."""

    text: str


EmbeddingForm = Literal["float", "base64"]
Task = Literal["retrieval.query", "retrieval.passage", "text-matching", "classification", "separation"]


class EmbeddingsRequest(Struct, frozen=True):
    """The body of Jina's embeddings call; `encoding_format` is OpenAI's name for `embedding_type`."""

    model: str
    input: str | TextInput | Annotated[list[str | TextInput], Meta(min_length=1, max_length=512)]
    task: Task | None = None
    dimensions: Annotated[int, Meta(ge=1, le=1024)] = 1024
    normalized: bool = False
    truncate: bool = False
    late_chunking: bool = False
    embedding_type: EmbeddingForm | None = None
    encoding_format: EmbeddingForm | None = None
