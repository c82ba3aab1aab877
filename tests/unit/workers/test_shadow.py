"""A second policy beside the live one: what it would have done, counted and never served."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from shared import metrics
from shared.cache import EntryStore
from shared.wire.completion import CachePolicy, Completion, Message
from shared.wire.entry import Entry
from shared.wire.job import Job
from shared.wire.outcome import Answer, Usage
from workers.semantic.embedder import Vectors
from workers.semantic.found import Looked
from workers.semantic.judging import Judge
from workers.semantic.neighbours import Neighbour, VectorIndex
from workers.semantic.proposing import Proposer
from workers.shadow import ShadowPolicy, difference

pytestmark = pytest.mark.anyio
ANSWER = Answer(
    text="x", finish_reason="stop", model="m", provider="p", usage=Usage(1, 1), cost=1, created_at_ms=0
)
VECTOR = np.array([1, 0], dtype=np.float32).tobytes()


def entry(name: str, question: str) -> Entry:
    """A stored answer."""
    return Entry(
        id=name,
        job_id=f"{name}.1",
        tenant="t",
        question=question,
        answer=ANSWER,
        created_at_ms=0,
        expires_at_ms=10_000,
    )


class Shelf:
    """An index and the entries behind it."""

    def __init__(self, *entries: Entry) -> None:
        self._entries = {one.id: one for one in entries}

    async def nearest(self, _: str, __: Vectors, k: int, now_ms: int) -> Sequence[Neighbour]:
        """All of them, nearer ones first."""
        assert k
        assert now_ms
        return [Neighbour(name, 0.95 - 0.01 * place) for place, name in enumerate(self._entries)]

    async def read(self, name: str, _: str) -> Entry | None:
        """The entry of this name."""
        return self._entries.get(name)


def job() -> Job:
    """A question about enabling something."""
    question = Message("user", "How do I enable 2FA?")
    return Job(
        completion=Completion(model="m", messages=(question,)),
        policy=CachePolicy(),
        tenant="t",
        fingerprint="own",
        partition="p",
        request_id="r",
    )


async def counted(shelf: Shelf, live: Entry | None, policy: str) -> str:
    """The difference that is counted for a shelf, when the live policy served this entry."""
    judge = Judge("cosine" if policy == "cosine" else "guards")
    proposer = Proposer(cast("VectorIndex", shelf), cast("EntryStore", shelf))
    shadow = ShadowPolicy(proposer, judge, space="space", threshold=0.9)
    names = ("agree", "other_entry", "only_live", "only_shadow")
    before = {name: metrics.shadow_policy.labels(policy, name)._value.get() for name in names}
    await shadow.compare(job(), Looked(entry=live, vector=VECTOR), 1)
    [found] = [n for n in names if metrics.shadow_policy.labels(policy, n)._value.get() > before[n]]
    return found


DISABLE, ENABLE = entry("a", "How do I disable 2FA?"), entry("b", "How can I enable 2FA?")


@pytest.mark.parametrize(
    ("shelf", "live", "policy", "expected"),
    [
        (Shelf(DISABLE), None, "guards", "agree"),
        (Shelf(DISABLE), None, "cosine", "only_shadow"),
        (Shelf(DISABLE), DISABLE, "guards", "only_live"),
        (Shelf(DISABLE, ENABLE), ENABLE, "guards", "agree"),
        (Shelf(DISABLE, ENABLE), ENABLE, "cosine", "other_entry"),
        (Shelf(entry("own", "How do I enable 2FA?")), None, "cosine", "agree"),
    ],
)
async def test_where_two_policies_differ_is_counted(
    shelf: Shelf, live: Entry | None, policy: str, expected: str
) -> None:
    """By entry; what the question itself has just stored was not there when it was asked."""
    assert await counted(shelf, live, policy) == expected


@pytest.mark.parametrize(
    ("live", "would", "expected"),
    [
        (None, None, "agree"),
        ("a", "a", "agree"),
        ("a", "b", "other_entry"),
        ("a", None, "only_live"),
        (None, "a", "only_shadow"),
    ],
)
def test_the_difference_is_one_word(live: str | None, would: str | None, expected: str) -> None:
    """Every way in which two may differ."""
    assert difference(live, would) == expected


async def test_a_question_that_was_not_looked_up_is_not_compared() -> None:
    """Without a vector there is nothing to ask the second policy about."""
    shelf = Shelf(DISABLE)
    proposer = Proposer(cast("VectorIndex", shelf), cast("EntryStore", shelf))
    shadow = ShadowPolicy(proposer, Judge("cosine"), space="space", threshold=0.9)
    before = metrics.shadow_policy.labels("cosine", "agree")._value.get()
    await shadow.compare(job(), Looked(), 1)
    assert metrics.shadow_policy.labels("cosine", "agree")._value.get() == before
