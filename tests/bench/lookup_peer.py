"""One semantic cache in a process of its own: `python -m tests.bench.lookup_peer NAME URL FOLDER`.

Says `ready`; answers `build` with `adding` lines and then the seconds that it took, and `ask FROM TO` with a
JSON object: the milliseconds of each look-up and how many found an answer. Runs in the environment of its
library. Nobody embeds: the vectors of all texts are given.
"""

import asyncio
import contextlib
import importlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

AT_ONCE: Final = 500
LIKE: Final = 0.85
"""The least cosine at which each proposes an answer."""
Ask: TypeAlias = Callable[[str], Awaitable[bool]]


class Given:
    """Texts, and the vector of each."""

    def __init__(self, folder: Path) -> None:
        self.held: list[str] = json.loads((folder / "held.json").read_text("utf-8"))
        self.asked: list[str] = json.loads((folder / "asked.json").read_text("utf-8"))
        self.vectors = np.load(folder / "vectors.npy")
        self.row = {text: number for number, text in enumerate([*self.held, *self.asked])}

    def of(self, text: str) -> Any:
        """The vector of one text; of one that nobody gave, some vector, as libraries try an embedder out."""
        return self.vectors[self.row.get(text, 0)]


@contextlib.asynccontextmanager
async def gptcache(given: Given, url: str) -> AsyncIterator[Ask]:
    """GPTCache with its default store, SQLite, faiss, and the distance that decides."""
    del url
    api: Any = importlib.import_module("gptcache.adapter.api")
    library: Any = importlib.import_module("gptcache")
    manager: Any = importlib.import_module("gptcache.manager")
    distance: Any = importlib.import_module("gptcache.similarity_evaluation")
    pre: Any = importlib.import_module("gptcache.processor.pre")
    with tempfile.TemporaryDirectory() as name:
        data = manager.get_data_manager(
            manager.CacheBase("sqlite", sql_url=f"sqlite:///{name}/cache.db"),
            manager.VectorBase("faiss", dimension=given.vectors.shape[1], index_path=f"{name}/faiss"),
        )
        cache = library.Cache()
        # It counts squared distances: 2 - 2 cos.
        config = library.Config(similarity_threshold=(4 - (2 - 2 * LIKE)) / 4)
        cache.init(
            pre_embedding_func=pre.get_prompt,
            embedding_func=lambda text, **_: given.of(text),
            data_manager=data,
            similarity_evaluation=distance.SearchDistanceEvaluation(),
            config=config,
        )
        for start in range(0, len(given.held), AT_ONCE):
            part = given.held[start : start + AT_ONCE]
            print("adding", flush=True)
            cache.import_data(questions=part, answers=[f"answer to {text}" for text in part])

        async def ask(text: str) -> bool:
            return api.get(text, cache_obj=cache) is not None

        yield ask


@contextlib.asynccontextmanager
async def redisvl(given: Given, url: str) -> AsyncIterator[Ask]:
    """RedisVL's SemanticCache on Redis' query engine."""
    semantic: Any = importlib.import_module("redisvl.extensions.cache.llm")
    vectorize: Any = importlib.import_module("redisvl.utils.vectorize")
    client: Any = importlib.import_module("redis")
    vectorizer = vectorize.CustomVectorizer(embed=lambda text, **_: given.of(text).tolist())
    cache = semantic.SemanticCache(
        name="bench",
        distance_threshold=1 - LIKE,
        vectorizer=vectorizer,
        redis_client=client.Redis.from_url(url),
    )
    for number, text in enumerate(given.held):
        if number % AT_ONCE == 0:
            print("adding", flush=True)
        cache.store(prompt=text, response=f"answer to {text}", vector=given.of(text).tolist())

    async def ask(text: str) -> bool:
        return bool(cache.check(prompt=text))

    yield ask


@contextlib.asynccontextmanager
async def ours(given: Given, url: str) -> AsyncIterator[Ask]:
    """The semantic step of this project's worker: index, guards, verifier, and the entry itself."""
    from tests.bench import lookup_ours  # noqa: PLC0415 - another environment has it not

    async with lookup_ours.opened(given, url, LIKE, "verified") as ask:
        yield ask


@contextlib.asynccontextmanager
async def ours_by_cosine(given: Given, url: str) -> AsyncIterator[Ask]:
    """The same, deciding by the cosine alone as the others do."""
    from tests.bench import lookup_ours  # noqa: PLC0415 - another environment has it not

    async with lookup_ours.opened(given, url, LIKE, "cosine") as ask:
        yield ask


KINDS: Final = {"ours": ours, "ours_by_cosine": ours_by_cosine, "redisvl": redisvl, "gptcache": gptcache}


async def main(name: str, url: str, folder: Path) -> None:
    """Serve the driver until it ends this process."""
    given = Given(folder)
    print("ready", flush=True)
    assert sys.stdin.readline().strip() == "build"
    started = time.monotonic()
    async with KINDS[name](given, url) as ask:
        print(time.monotonic() - started, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            _, start, stop = line.split()
            times, hits = [], 0
            for text in given.asked[int(start) : int(stop)]:
                before = time.perf_counter()
                hits += await ask(text)
                times.append((time.perf_counter() - before) * 1000)
            print(json.dumps({"ms": times, "hits": hits}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
