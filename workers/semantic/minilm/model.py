"""The encoder in memory: text to tokens to a unit vector, on the calling thread."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from workers.semantic.embedder import Embedded, Vectors, checked
from workers.semantic.minilm.graph import DIMENSIONS, MAX_TOKENS, TOKENS, Precision
from workers.semantic.minilm.store import built
from workers.semantic.minilm.weights import Source

# More characters than 256 tokens of prose hold; it bounds the work that a huge prompt can cause.
_MAX_CHARACTERS = 8192
_QUIET = 3  # onnxruntime: errors only


class Model:
    """A loaded encoder; not for concurrent use."""

    def __init__(self, path: Path, tokenizer: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    @classmethod
    def load(cls, directory: Path, source: Source, precision: Precision = "int8") -> "Model":
        """Load the model from the directory, building it there if need be."""
        return cls(built(directory, source, precision), source.tokenizer)

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts in order, each cut at 256 tokens; raises EmbedderError."""
        rows: list[Vectors] = []
        truncated: list[bool] = []
        tokens = 0
        for text in texts:
            encoding = self._tokenizer.encode(text[:_MAX_CHARACTERS])
            tokens += len(encoding.ids)
            truncated.append(bool(encoding.overflowing) or len(text) > _MAX_CHARACTERS)
            rows.append(self._vector(encoding.ids))
        vectors = checked(np.reshape(rows, (len(rows), DIMENSIONS)), len(texts), DIMENSIONS)
        return Embedded(vectors=vectors, tokens=tokens, truncated=tuple(truncated))

    def _vector(self, ids: list[int]) -> Vectors:
        vector: Vectors = self._session.run(None, {TOKENS: np.array([ids], dtype=np.int32)})[0][0]
        return vector
