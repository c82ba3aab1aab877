"""A question to a model, as every part of Sentinel sees it."""

from typing import Literal

from msgspec import Struct

Role = Literal["system", "user", "assistant"]


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    content: str


class Completion(Struct, frozen=True, kw_only=True):
    """Everything that can change the answer, and nothing else; `None` means the provider's default."""

    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None

    @property
    def question(self) -> str:
        """The last user text: the only part that may match by meaning."""
        return next(m.content for m in reversed(self.messages) if m.role == "user")


class CachePolicy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a caller allows the cache to do for its question."""

    read: bool = True
    write: bool = True
    semantic: bool = True
    threshold: float | None = None
    max_age_s: int | None = None
    ttl_s: int | None = None
