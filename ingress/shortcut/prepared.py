"""A hit's bytes, good for as long as nothing in them changes: mostly until its age is a second more."""

import math

from msgspec import Struct

from ingress.asked import ExactHit, Question
from ingress.exact_hit import Tell
from shared import ledger
from shared.cache import decoded
from shared.clients import Client
from shared.freshness import fresh_until_ms, freshness, stage_of
from shared.settings import Settings
from shared.wire.entry import Entry

SECOND_MS = 1000


class Prepared(Struct, frozen=True):
    """What to answer as long as Redis has `data` and says a time from `from_ms` to before `until_ms`.

    `head` are the answer's own header lines; `saved` is what a hit adds to the ledger, `cost` picodollars.
    """

    data: bytes
    from_ms: int
    until_ms: int
    head: bytes
    body: bytes
    cache: str
    saved: tuple[tuple[str, int], ...]
    cost: int

    def good_for(self, data: bytes, now_ms: int) -> bool:
        """Whether this is what would be prepared now."""
        return self.from_ms <= now_ms < self.until_ms and self.data == data


def prepare(
    data: bytes, client: Client, question: Question, applied: str, tell: Tell, settings: Settings, now_ms: int
) -> Prepared | None:
    """Lay a fresh entry's answer out; None when it does not answer, or not without further ado."""
    entry = decoded(data)
    if entry is None or stage_of(entry, client.tenant, question.policy, settings, now_ms) != "fresh":
        return None
    told = tell(ExactHit(entry, freshness(entry, now_ms)), question.metadata)
    headers = {"content-type": "application/json", "content-length": str(len(told.body)), **told.headers}
    if applied:
        headers["Preference-Applied"] = applied
    return Prepared(
        data=data,
        from_ms=now_ms,
        until_ms=_changes_at_ms(entry, question, now_ms),
        head=lines(headers),
        body=told.body,
        cache=told.cache,
        saved=tuple(ledger.saving(client.key_id, entry.answer, "exact")),
        cost=entry.answer.cost or 0,
    )


def lines(headers: dict[str, str]) -> bytes:
    """Headers as HTTP/1.1 has them, names in lower case as the server writes them."""
    return "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


def _changes_at_ms(entry: Entry, question: Question, now_ms: int) -> int:
    """When its age, what is left of its freshness, or its being good enough is another, whatever is first."""
    told = freshness(entry, now_ms)
    ends_ms = fresh_until_ms(entry)
    older = entry.created_at_ms + (told.age_s + 1) * SECOND_MS
    shorter = ends_ms - told.ttl_s * SECOND_MS + 1
    max_age_s = question.policy.max_age_s
    too_old = math.inf if max_age_s is None else entry.created_at_ms + max_age_s * SECOND_MS + 1
    return int(min(older, shorter, ends_ms, too_old))
