"""Reads two questions together, so that every word of one is seen in the light of all words of the other."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.semantic.minilm.graph import SEGMENTS, TOKENS, pair_graph
from workers.semantic.minilm.session import session
from workers.semantic.minilm.store import RECIPE, kept
from workers.semantic.minilm.weights import Source
from workers.semantic.verifier.adapter import WEIGHTS, Adapter

Array = NDArray[np.float32]

_OPEN, _CLOSE = 101, 102  # the tokenizer's marks before a text and after it


def in_one_row(one: Sequence[int], two: Sequence[int]) -> tuple[list[int], int]:
    """Two texts' token ids with their marks between, and where the second segment begins."""
    return [_OPEN, *one, _CLOSE, *two, _CLOSE], len(one) + 2


class Reader:
    """The local model, changed to read pairs; not for concurrent use."""

    def __init__(self, path: Path, adapter: Adapter) -> None:
        self._session = session(path)
        self._adapter = adapter

    @classmethod
    def load(cls, directory: Path, source: Source) -> "Reader":
        """Load the int8 model from the directory, building it there if need be; raises OSError."""
        adapter = Adapter.load()
        # By their bytes and not by their version, so that whoever trains sees the weights of now.
        weights = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:12]
        path = directory / f"pair-reader-{weights}-r{RECIPE}-{source.version}.onnx"
        return cls(kept(path, lambda: pair_graph(adapter.applied(source.weights()), "int8")), adapter)

    def read(self, one: Sequence[int], two: Sequence[int]) -> float:
        """How surely one answer serves both texts: token ids without marks, in any order of the two."""
        tokens, cut = in_one_row(*sorted((list(one), list(two))))
        segments = np.zeros((1, len(tokens)), dtype=np.int32)
        segments[0, cut:] = 1
        given = {TOKENS: np.array([tokens], dtype=np.int32), SEGMENTS: segments}
        states: Array = self._session.run(None, given)[0][0]
        return self._judged(states[0], states[:cut].mean(axis=0), states[cut:].mean(axis=0))

    def odds(self, one: Sequence[int], two: Sequence[int], cosine: float, score: float) -> float:
        """The log odds that follow from a reading, the cosine and the head's score."""
        reading, alike, by_head = np.array([[self.read(one, two)], [cosine], [score]], dtype=np.float32)
        return float(self._adapter.blended(reading, alike, by_head)[0])

    def _judged(self, mark: Array, first: Array, second: Array) -> float:
        apart = first - second
        pooled = np.concatenate([mark, first + second, np.abs(apart), first * second, apart * apart])
        inner = pooled @ self._adapter.inner + self._adapter.inner_bias
        return float(_gelu(inner) @ self._adapter.outer)


def _gelu(values: Array) -> Array:
    """Hendrycks and Gimpel, arXiv 1606.08415, by its tanh approximation (off by at most 0.001)."""
    active: Array = values * (1 + np.tanh(0.7978846 * (values + 0.044715 * values**3))) * np.float32(0.5)
    return active
