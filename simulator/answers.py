"""What the simulator answers: a text that a test can compute beforehand."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

_EXCERPT_CHARACTERS = 60
_MESSAGE_OVERHEAD = 4
_REPLY_OVERHEAD = 3


def answer_to(model: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """Answer a conversation: the same text for the same model, roles and texts, and no other.

    Names the first 60 characters of the last user message, its white space folded and its double quotes
    made single, so that a reader can see to which question an answer belongs.
    """
    spoken = [[message.get("role"), text_of(message.get("content"))] for message in messages]
    digest = hashlib.sha256(msgspec.json.encode([model, spoken])).hexdigest()[:12]
    excerpt = " ".join(question_of(messages).split()).replace('"', "'")[:_EXCERPT_CHARACTERS]
    return f'[simulated] answer {digest} to "{excerpt}"'


def question_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the last user message, or an empty text when there is none."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def text_of(content: object) -> str:
    """Return the text of a message's content, which is a text, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def count_tokens(text: str) -> int:
    """Approximate a text's tokens as its UTF-8 bytes divided by four, rounded up."""
    return -(-len(text.encode()) // 4)


def prompt_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Approximate a conversation's tokens: its texts, four for each message and three for the reply."""
    texts = sum(count_tokens(text_of(message.get("content"))) for message in messages)
    return texts + _MESSAGE_OVERHEAD * len(messages) + _REPLY_OVERHEAD


def pieces_of(text: str) -> list[str]:
    """Split a text into pieces of four characters, about a token each."""
    return [text[start : start + 4] for start in range(0, len(text), 4)]
