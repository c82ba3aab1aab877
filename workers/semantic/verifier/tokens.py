"""The local model's view of every token: what it means by itself, and what it means here."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper
from tokenizers import Tokenizer

from workers.semantic.minilm.graph import DIMENSIONS, MAX_TOKENS, TOKENS
from workers.semantic.minilm.store import built
from workers.semantic.minilm.weights import Source

_QUIET = 3  # onnxruntime: errors only
_MAX_CHARACTERS = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A text's tokens: ids [n], and unit float32 rows [n, 384] before and after the encoder's layers.

    `mean` is the text's unit vector. The marks that open and close a text are in the mean alone. `whole`
    says that nothing was cut.
    """

    ids: NDArray[np.int64]
    words: NDArray[np.float32]
    meanings: NDArray[np.float32]
    mean: NDArray[np.float32]
    whole: bool


class TokenModel:
    """The encoder with its inner states laid open; not for concurrent use."""

    def __init__(self, model: bytes, outputs: tuple[str, str], tokenizer: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        self._outputs = list(outputs)
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    @classmethod
    def load(cls, directory: Path, source: Source) -> "TokenModel":
        """Load the int8 model from the directory, building it there if need be; raises OSError."""
        graph = onnx.load(built(directory, source))
        outputs = _inner(graph)
        for name in outputs:
            shape: list[str | int | None] = ["batch", "length", DIMENSIONS]
            graph.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
        return cls(graph.SerializeToString(), outputs, source.tokenizer)

    def read(self, text: str) -> Tokens:
        """Run one text through the encoder, cut at 256 tokens."""
        encoding = self._tokenizer.encode(text[:_MAX_CHARACTERS])
        words, hidden = self._session.run(self._outputs, {TOKENS: np.array([encoding.ids], dtype=np.int32)})
        mean = hidden[0].mean(axis=0)
        return Tokens(
            ids=np.array(encoding.ids[1:-1], dtype=np.int64),
            words=_unit(words[0][1:-1]),
            meanings=_unit(hidden[0][1:-1]),
            mean=mean / np.linalg.norm(mean),
            whole=not encoding.overflowing and len(text) <= _MAX_CHARACTERS,
        )


def _inner(graph: onnx.ModelProto) -> tuple[str, str]:
    """Find where tokens enter the encoder's layers and where they leave them."""
    entering = next(node.output[0] for node in graph.graph.node if node.op_type == "LayerNormalization")
    leaving = next(node.input[0] for node in graph.graph.node if node.op_type == "ReduceMean")
    return entering, leaving


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
