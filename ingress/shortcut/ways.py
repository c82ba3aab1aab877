"""The routes that have a shortcut: how their bodies are read, and how their hits are told."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from ingress.asked import Question
from ingress.body import decode
from ingress.chat import ChatRequest
from ingress.exact_hit import Tell, tell_completion, tell_job
from ingress.preferences import Preferences, read_prefer
from ingress.question import QueryRequest
from ingress.reading import chat_question, query_question
from shared.clients import Client
from shared.settings import Settings


class Way(Struct, frozen=True):
    """One route."""

    kind: type[Any]
    preferences: Callable[[Settings, str], Preferences]
    question: Callable[[Settings, Client, Any, str, Preferences], Question]
    tell: Tell

    def read(
        self, settings: Settings, client: Client, body: bytes, prefer: str, cache_control: str
    ) -> tuple[Question, Preferences]:
        """What is asked; raises what the route itself would."""
        preferences = self.preferences(settings, prefer)
        return self.question(
            settings, client, decode(body, self.kind), cache_control, preferences
        ), preferences


def _query_preferences(settings: Settings, prefer: str) -> Preferences:
    return read_prefer(prefer, default_s=settings.wait_default_s, longest_s=settings.wait_max_s)


def _chat_preferences(settings: Settings, prefer: str) -> Preferences:
    return read_prefer(prefer, default_s=settings.job_deadline_s, longest_s=settings.job_deadline_s)


_QUERY: Final = Way(QueryRequest, _query_preferences, query_question, tell_job)
_CHAT: Final = Way(ChatRequest, _chat_preferences, chat_question, tell_completion)
WAYS: Final[Mapping[str, Way]] = {
    "/v1/query": _QUERY,
    "/v1/chat/completions": _CHAT,
    "/openai/v1/chat/completions": _CHAT,
}
"""By path."""
