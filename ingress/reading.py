"""A body and the headers beside it, read as a question; pure."""

from ingress import chat
from ingress.asked import Question
from ingress.chat import ChatRequest
from ingress.preferences import Preferences, read_cache_control
from ingress.question import QueryRequest, completion_of, policy_of, scope_of
from shared.clients import Client
from shared.settings import Settings
from shared.wire.completion import Completion


def query_question(
    settings: Settings, client: Client, data: QueryRequest, cache_control: str, preferences: Preferences
) -> Question:
    """What is asked of /v1/query; raises UnknownModel."""
    completion = completion_of(data, settings.known_models)
    return _question(client, data, completion, cache_control, preferences)


def chat_question(
    settings: Settings, client: Client, data: ChatRequest, cache_control: str, preferences: Preferences
) -> Question:
    """What is asked of OpenAI's chat API; raises UnknownModel and BadRequest."""
    completion = chat.completion_of(data, settings.known_models)
    return _question(client, data, completion, cache_control, preferences, streamed=bool(data.stream))


def _question(
    client: Client,
    data: QueryRequest | ChatRequest,
    completion: Completion,
    cache_control: str,
    preferences: Preferences,
    *,
    streamed: bool = False,
) -> Question:
    directives = read_cache_control(cache_control)
    return Question(
        completion=completion,
        policy=policy_of(
            data.cache,
            directives,
            completion,
            threshold=data.similarity_threshold,
            most_wrong=data.max_false_hit_rate,
        ),
        scope=scope_of(client.tenant, data.cache.namespace),
        wait_s=preferences.wait_s,
        only_if_cached=directives.only_if_cached,
        priority=data.priority,
        metadata=data.metadata or {},
        streamed=streamed,
    )
