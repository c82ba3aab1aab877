"""The encoder in memory: text to tokens to a unit vector, on the calling thread."""

import threading
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from tokenizers import Tokenizer

from workers.semantic.embedder import Embedded, checked
from workers.semantic.minilm.graph import DIMENSIONS, MAX_TOKENS, TOKENS, Precision
from workers.semantic.minilm.session import session
from workers.semantic.minilm.store import built
from workers.semantic.minilm.tokens import RecentTexts, Tokens
from workers.semantic.minilm.weights import Source

# More characters than 256 tokens of prose hold; it bounds the work that a huge prompt can cause.
_MAX_CHARACTERS = 8192
_opened: "WeakValueDictionary[Path, Model]" = WeakValueDictionary()
_opening = threading.Lock()


class Model:
    """A loaded encoder with its inner states laid open; threads may share it.

    What was read lately is remembered: the verifier sees each question right after the embedder.
    """

    def __init__(self, path: Path, tokenizer: Path) -> None:
        graph = onnx.load(path)
        self._outputs = [graph.graph.output[0].name, *_laid_open(graph)]
        self._session = session(graph.SerializeToString())
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._recent = RecentTexts()

    @classmethod
    def load(cls, directory: Path, source: Source, precision: Precision = "int8") -> "Model":
        """Load the model from the directory, building it there if need be; a process holds it once."""
        path = built(directory, source, precision).resolve()
        with _opening:
            model = _opened.get(path)
            if model is None:
                model = _opened[path] = cls(path, source.tokenizer)
        return model

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts in order, each cut at 256 tokens; raises EmbedderError."""
        read = [self.read(text) for text in texts]
        vectors = np.reshape([tokens.mean for tokens in read], (len(read), DIMENSIONS))
        return Embedded(
            vectors=checked(vectors, len(texts), DIMENSIONS),
            tokens=sum(tokens.length for tokens in read),
            truncated=tuple(not tokens.whole for tokens in read),
        )

    def read(self, text: str) -> Tokens:
        """Run one text through the encoder, cut at 256 tokens, or remember what came of it."""
        tokens = self._recent.get(text)
        if tokens is None:
            tokens = self._run(text)
            if len(text) <= _MAX_CHARACTERS:
                self._recent.put(text, tokens)
        return tokens

    def ids(self, text: str) -> list[int]:
        """The ids of a text's tokens, without marks, cut as `read` cuts them."""
        ids: list[int] = self._tokenizer.encode(text[:_MAX_CHARACTERS]).ids[1:-1]
        return ids

    def _run(self, text: str) -> Tokens:
        encoding = self._tokenizer.encode(text[:_MAX_CHARACTERS])
        given = {TOKENS: np.array([encoding.ids], dtype=np.int32)}
        vector, words, states = self._session.run(self._outputs, given)
        return Tokens(
            ids=np.array(encoding.ids[1:-1], dtype=np.int64),
            words=_unit(words[0][1:-1]),
            meanings=_unit(states[0][1:-1]),
            mean=vector[0],
            whole=not encoding.overflowing and len(text) <= _MAX_CHARACTERS,
        )


def _laid_open(graph: onnx.ModelProto) -> list[str]:
    """Make outputs of the states in which tokens enter and leave the encoder's layers; returns both names."""
    entering = next(node.output[0] for node in graph.graph.node if node.op_type == "LayerNormalization")
    leaving = next(node.input[0] for node in graph.graph.node if node.op_type == "ReduceMean")
    shape: list[str | int | None] = ["batch", "length", DIMENSIONS]
    for name in (entering, leaving):
        graph.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    return [entering, leaving]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
