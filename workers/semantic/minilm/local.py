"""The local embedder as the worker sees it: inference on one thread of its own."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from shared.settings.caching import LOCAL_MODEL
from workers.semantic.embedder import Embedded, EmbedderError
from workers.semantic.minilm.graph import DIMENSIONS
from workers.semantic.minilm.model import Model
from workers.semantic.minilm.store import VECTORS
from workers.semantic.minilm.weights import installed


class LocalEmbedder:
    """all-MiniLM-L6-v2 in int8; the event loop never waits for the processor."""

    vendor = "local"
    model = LOCAL_MODEL
    name = f"{model}/int8-r{VECTORS}/{DIMENSIONS}"
    dimensions = DIMENSIONS
    threshold = 0.88  # with the guards on; measured by tests/quality/measure_pairs.py

    def __init__(self, model: Model, executor: ThreadPoolExecutor) -> None:
        self._model = model
        self._executor = executor
        self._closed = False

    @classmethod
    async def open(cls, directory: Path) -> Self:
        """Load the model from a directory, building it there if need be; raises EmbedderError."""
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minilm")
        loop = asyncio.get_running_loop()
        try:
            model = await loop.run_in_executor(executor, lambda: Model.load(directory, installed()))
        except Exception as error:
            executor.shutdown(wait=False)
            raise EmbedderError(f"the local model did not load: {type(error).__name__}") from error
        return cls(model, executor)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts in order, each cut at 256 tokens; raises EmbedderError."""
        if self._closed:
            raise EmbedderError("the local model is closed")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, self._model.embed, texts)
        except EmbedderError:
            raise
        except Exception as error:
            raise EmbedderError(f"the local model failed: {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Stop the thread once the call it is in has ended."""
        self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)
