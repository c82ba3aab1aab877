"""The verifier as the worker sees it: pairs to chances, on a thread of its own."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workers.semantic.minilm.model import Model
from workers.semantic.minilm.tokens import Tokens
from workers.semantic.minilm.weights import installed
from workers.semantic.verifier import adapter, head
from workers.semantic.verifier.features import features, products, verdicts
from workers.semantic.verifier.head import Array, Head, chance_of
from workers.semantic.verifier.reader import Reader

VERSION = f"{head.VERSION}.{adapter.VERSION}"
"""Of the weights: what is learned of chances by others is of no use for these."""
HOPELESS = 0.03
"""A chance by the head below which a pair is not read: on the sets of docs/QUALITY.md 6 of 11,325 hits."""
READ_TOKENS = 256
"""Tokens of a pair that is read, 10 to 20 ms; a longer one is left to the head."""


class VerifierError(Exception):
    """No chance can be told; whoever asked goes on without."""


class Pairs:
    """The model, the head and the reader together; not for concurrent use."""

    def __init__(self, model: Model, head: Head, reader: Reader) -> None:
        self._model = model
        self._head = head
        self._reader = reader

    def chances(self, asked: str, stored: Sequence[str]) -> list[float]:
        """The chance, 0 to 1, that one answer serves the asked question and each stored one.

        A question without words, or longer than the model reads, has none: 0.
        """
        chances = [0.0] * len(stored)
        question = self._model.read(asked)
        others = [(i, text, self._model.read(text)) for i, text in enumerate(stored)]
        judged = [(i, text, other) for i, text, other in others if _readable(question) and _readable(other)]
        if judged:
            numbers = [
                np.concatenate([features(question, o), verdicts(asked, text)]) for _, text, o in judged
            ]
            multiplied = [products(question, other) for _, _, other in judged]
            scores = self._head.scores(np.array(numbers), np.array(multiplied))
            believed = self._read_together(question, [other for _, _, other in judged], scores)
            for (i, _, _), chance in zip(judged, believed, strict=True):
                chances[i] = chance
        return chances

    def _read_together(self, question: Tokens, others: Sequence[Tokens], scores: Array) -> list[float]:
        """The head's chances, but for the likeliest pair, which is read: none is believed more than it."""
        by_head = self._head.chances(scores)
        best = int(by_head.argmax())
        other, score = others[best], float(scores[best])
        if by_head[best] < HOPELESS or len(question.ids) + len(other.ids) > READ_TOKENS:
            return [float(chance) for chance in by_head]
        ids, cosine = (question.ids.tolist(), other.ids.tolist()), float(question.mean @ other.mean)
        read = float(chance_of(self._reader.odds(*ids, cosine, score)))
        return [read if i == best else min(float(chance), read) for i, chance in enumerate(by_head)]

    def measured(self, asked: str, stored: str) -> tuple[float, float] | None:
        """The pair's cosine by the local model, and its chance; None where the model cannot read one."""
        cosine = self.cosine(asked, stored)
        return None if cosine is None else (cosine, self.chances(asked, [stored])[0])

    def vector(self, text: str) -> NDArray[np.float32]:
        """The text's unit vector by the local model, also of a text that it cannot read to its end."""
        return self._model.read(text).mean

    def cosine(self, one: str, other: str) -> float | None:
        """The cosine of two texts by the local model; None where it cannot read one."""
        ours, theirs = self._model.read(one), self._model.read(other)
        return float(ours.mean @ theirs.mean) if _readable(ours) and _readable(theirs) else None


class Verifier:
    """Tells the chance that a stored answer serves a question, without holding up the event loop."""

    def __init__(self, pairs: Pairs, executor: ThreadPoolExecutor) -> None:
        self._pairs = pairs
        self._executor = executor

    @classmethod
    async def open(cls, directory: Path) -> Self:
        """Load the head and the local model, which is built if need be; raises VerifierError."""
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="verifier")
        loop = asyncio.get_running_loop()
        try:
            pairs = await loop.run_in_executor(executor, load, directory)
        except Exception as error:
            executor.shutdown(wait=False)
            raise VerifierError(f"the verifier did not load: {type(error).__name__}") from error
        return cls(pairs, executor)

    async def chances(self, asked: str, stored: Sequence[str]) -> list[float]:
        """The chance for each stored question, 0 to 1; raises VerifierError."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, self._pairs.chances, asked, stored)
        except Exception as error:
            raise VerifierError(f"the verifier failed: {type(error).__name__}") from error

    async def cosine(self, one: str, other: str) -> float | None:
        """The cosine of any two texts; None where the model cannot read one. Raises VerifierError."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, self._pairs.cosine, one, other)
        except Exception as error:
            raise VerifierError(f"the verifier failed: {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Stop the thread once the pair it is at is done."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def load(directory: Path) -> Pairs:
    """Load all three on the calling thread; raises OSError and whatever a broken file causes."""
    source = installed()
    return Pairs(Model.load(directory, source), Head.load(), Reader.load(directory, source))


def _readable(tokens: Tokens) -> bool:
    return tokens.whole and len(tokens.ids) > 0
