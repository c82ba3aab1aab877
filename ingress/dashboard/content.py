"""What a job asked and was answered: read only for those who said that they want to see it."""

import json
import shlex

from msgspec import Struct

from ingress.dashboard.board import Board
from shared.job_records import Record, read_result
from shared.wire.completion import Completion
from shared.wire.outcome import Completed


class Turn(Struct, frozen=True):
    """One message."""

    role: str
    text: str


class Content(Struct, frozen=True, kw_only=True):
    """A job's question, its answer if it has one, and a command that asks the same again."""

    messages: tuple[Turn, ...]
    answer: str | None
    curl: str


async def content_of(board: Board, record: Record) -> Content:
    """Read it: from the job's payload while that is kept, else from the entry. Raises RedisUnavailable."""
    answer = None
    result = read_result(record)
    if result is not None and isinstance(result.r, Completed):
        answer = result.r.answer.text
    job = await board.actions.question(record.job_id)
    if job is not None:
        turns = tuple(
            Turn(m.role, m.content or m.whole.decode("utf-8", "replace")) for m in job.completion.messages
        )
        return Content(messages=turns, answer=answer, curl=curl(job.completion))
    listed = await board.entries.one(record.job_id.partition(".")[0])
    if listed is None:
        return Content(messages=(Turn("", "The question is no longer kept."),), answer=answer, curl="")
    return Content(
        messages=(Turn("user", listed.entry.question),), answer=answer or listed.entry.answer.text, curl=""
    )


def curl(completion: Completion) -> str:
    """The same question, in OpenAI's words; the key and the address are the reader's."""
    messages = [
        json.loads(m.whole) if m.whole else {"role": m.role, "content": m.content}
        for m in completion.messages
    ]
    body: dict[str, object] = {"model": completion.model, "messages": messages}
    if completion.temperature is not None:
        body["temperature"] = completion.temperature
    if completion.max_tokens is not None:
        body["max_tokens"] = completion.max_tokens
    body |= json.loads(completion.options) if completion.options else {}
    return (
        'curl -s "$SENTINEL_URL/v1/chat/completions" -H "Authorization: Bearer $SENTINEL_KEY" '
        f"-H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    )
