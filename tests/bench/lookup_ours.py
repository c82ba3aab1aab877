"""The worker's own semantic step as a side of the look-up bench: real Redis, given vectors."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from shared.cache import EntryStore
from shared.redis import connect
from shared.settings import Settings
from shared.tasks import cancel
from shared.wire.completion import CachePolicy, Completion, Message
from shared.wire.entry import Commit, Entry, IndexRow
from shared.wire.job import Job
from shared.wire.outcome import Answer, Usage
from tests.support.stack import MODELS
from workers.semantic.embedder import Embedded
from workers.semantic.engine_index import EngineIndex
from workers.semantic.feed import IndexFeed
from workers.semantic.fleet_index import FleetIndex
from workers.semantic.judging import Policy
from workers.trust import open_judge, semantic_step

if TYPE_CHECKING:
    from tests.bench.lookup_peer import Ask, Given

TENANT, PARTITION, MODEL, SPACE = "bench", "bench", "bench", "given/384"
LIVES_MS = 3_600_000
AT_ONCE = 100


class GivenEmbedder:
    """An embedder that has them all already."""

    name, model, vendor = SPACE, "given", "local"

    def __init__(self, given: "Given", threshold: float) -> None:
        self._given = given
        self.dimensions = int(given.vectors.shape[1])
        self.threshold = threshold

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Look them up."""
        return Embedded(np.stack([self._given.of(text) for text in texts]), 1, (False,) * len(texts))

    async def aclose(self) -> None:
        """Hold nothing."""


@contextlib.asynccontextmanager
async def opened(given: "Given", url: str, threshold: float, policy: Policy) -> AsyncIterator["Ask"]:
    """Store all that is held, and look up as a worker does under a policy."""
    settings = Settings(
        redis_url=url,
        data_dir=str(MODELS.parent),
        similarity_threshold=threshold,
        semantic_policy=policy,
    )
    redis = connect.connect(url, settings, client_name="bench")
    following = connect.connect(url, settings, blocking_s=1, client_name="bench-index")
    embedder, entries = GivenEmbedder(given, threshold), EntryStore(redis)
    feed = IndexFeed(redis, following, dimensions=embedder.dimensions, capacity=2 * len(given.held))
    index = FleetIndex(redis, feed, EngineIndex(redis, SPACE, embedder.dimensions), settings.index)
    judge = await open_judge(settings)
    semantic, _ = semantic_step(settings, redis, embedder, index, entries, judge)
    task = asyncio.create_task(index.follow())
    now_ms = int(time.time() * 1000)
    for start in range(0, len(given.held), AT_ONCE):
        print("adding", flush=True)
        part = given.held[start : start + AT_ONCE]
        await asyncio.gather(*(entries.apply(commit(text, given, now_ms)) for text in part))

    async def ask(text: str) -> bool:
        looked = await semantic.look(job(text), int(time.time() * 1000))
        return looked.entry is not None

    # The first look-up loads the partition.
    await ask(given.asked[0])
    yield ask
    await cancel([task])
    await judge.aclose()
    await following.aclose()
    await redis.aclose()


def commit(text: str, given: "Given", now_ms: int) -> Commit:
    """An entry and its vector."""
    answer = Answer(
        text=f"answer to {text}",
        finish_reason="stop",
        model=MODEL,
        provider="bench",
        usage=Usage(1, 1),
        cost=0,
        created_at_ms=now_ms,
    )
    name = hashlib.sha256(text.encode()).hexdigest()
    entry = Entry(
        id=name,
        job_id=f"{name}.1",
        tenant=TENANT,
        question=text,
        answer=answer,
        created_at_ms=now_ms,
        expires_at_ms=now_ms + LIVES_MS,
        model=MODEL,
    )
    row = IndexRow(vector=given.of(text).astype("<f4").tobytes(), expires_at_ms=entry.expires_at_ms)
    return Commit(fence="1", entry=entry, partition=f"{PARTITION}:{SPACE}", row=row)


def job(text: str) -> Job:
    """A question on its way to a provider."""
    return Job(
        completion=Completion(model=MODEL, messages=(Message(role="user", content=text),)),
        policy=CachePolicy(),
        tenant=TENANT,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        partition=PARTITION,
        request_id="bench",
    )
