"""A question to a model, as every part of Sentinel sees it."""

from typing import Literal

from msgspec import Struct

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class Message(Struct, frozen=True):
    """One turn of a conversation.

    `whole` is the message as JSON when it is more than a role and a text: parts, names, tool calls; `content`
    is then empty.
    """

    role: Role
    content: str
    whole: bytes = b""


class Completion(Struct, frozen=True, kw_only=True):
    """Everything that can change the answer, and nothing else; `None` means the provider's default."""

    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    options: bytes = b""
    """Every further parameter, as a JSON object with sorted names; empty when there is none."""

    @property
    def question(self) -> str:
        """The last user text: the only part that may match by meaning; empty when there is none."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def may_match_by_meaning(self) -> bool:
        """Whether the conversation ends in a question of plain text."""
        last = self.messages[-1]
        return last.role == "user" and not last.whole and bool(last.content.strip())


class CachePolicy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a caller allows the cache to do for its question; seconds where it names a time.

    `None` leaves it to the settings. `ttl_s`, `namespace` and `tags` are kept with the answer: how long it is
    fresh, and what it can be purged by. Everything else is about what this caller takes: RFC 9111's and
    RFC 5861's directives.
    """

    read: bool = True
    write: bool = True
    semantic: bool = True
    threshold: float | None = None
    most_wrong: float | None = None
    """The most hits that may be wrong, as a share; stricter than the settings' or without effect."""
    max_age_s: int | None = None
    ttl_s: int | None = None
    min_fresh_s: int | None = None
    max_stale_s: int | None = None
    stale_while_revalidate_s: int | None = None
    stale_if_error_s: int | None = None
    namespace: str | None = None
    tags: tuple[str, ...] = ()
    refresh: bool = False
    """Asked by the gateway itself, to replace an answer that it has just served stale."""
