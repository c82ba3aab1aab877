"""The sentence encoder as an ONNX graph: BERT, mean pooling, unit length.

Texts run one at a time, so there is no padding and no attention mask; and since int8 activations share
one scale per tensor, a text's vector does not depend on which texts happened to travel with it.
"""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workers.semantic.minilm.canvas import Canvas
from workers.semantic.minilm.quantise import by_column, by_row
from workers.semantic.minilm.weights import Weights

Precision: TypeAlias = Literal["fp32", "int8"]
Matrix: TypeAlias = NDArray[np.float32]

TOKENS = "tokens"
SEGMENTS = "segments"
DIMENSIONS = 384
MAX_TOKENS = 256
MAX_PAIR_TOKENS = 2 * MAX_TOKENS
_LAYERS = 6
_HEADS = 12
_EPSILON = 1e-12
_NONE = ""
"""An input that is left out: a mask, and the zero points of weights, which are all zero."""


def sentence_graph(weights: Weights, precision: Precision) -> bytes:
    """Draw the encoder: int32 tokens [batch, length <= 256] to unit vectors [batch, 384], serialised."""
    encoder = _Encoder(weights, precision)
    vectors = encoder.pooled(encoder.layers(encoder.embeddings()))
    return encoder.canvas.model(inputs=[TOKENS], output=vectors, shape=["batch", DIMENSIONS])


def pair_graph(weights: Weights, precision: Precision) -> bytes:
    """Draw the encoder of two texts in one row: int32 tokens and segments [1, length <= 512] to states.

    A token's segment is 0 in the first text and 1 in the second. The hidden states are [1, length, 384].
    """
    encoder = _Encoder(weights, precision)
    hidden = encoder.layers(encoder.pair_embeddings())
    shape = ("batch", "length", DIMENSIONS)
    return encoder.canvas.model(inputs=[TOKENS, SEGMENTS], output=hidden, shape=shape)


class _Encoder:
    def __init__(self, weights: Weights, precision: Precision) -> None:
        self.canvas = Canvas()
        self._weights = weights
        self._quantised = precision == "int8"

    def embeddings(self) -> str:
        # There is one segment, so its embedding is folded into the positions'.
        segment = self._weights["embeddings.token_type_embeddings.weight"][0]
        table = self._weights["embeddings.position_embeddings.weight"][:MAX_TOKENS] + segment
        return self._normalised(self._placed(table), "embeddings.LayerNorm")

    def pair_embeddings(self) -> str:
        canvas = self.canvas
        table = self._weights["embeddings.position_embeddings.weight"][:MAX_PAIR_TOKENS]
        segments = canvas.constant(self._weights["embeddings.token_type_embeddings.weight"])
        placed = canvas.standard("Add", self._placed(table), canvas.standard("Gather", segments, SEGMENTS))
        return self._normalised(placed, "embeddings.LayerNorm")

    def _placed(self, table: Matrix) -> str:
        canvas = self.canvas
        zero = canvas.constant(np.array([0], dtype=np.int64))
        length = canvas.standard("Shape", TOKENS, start=1)
        positions = canvas.standard("Slice", canvas.constant(table), zero, length)
        return canvas.standard("Add", self._words(), positions)

    def _normalised(self, states: str, prefix: str) -> str:
        return self.canvas.standard("LayerNormalization", states, *self._pair(prefix), epsilon=_EPSILON)

    def layers(self, hidden: str) -> str:
        for layer in range(_LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{layer}")
        return hidden

    def _layer(self, hidden: str, prefix: str) -> str:
        attended = self._attention(hidden, f"{prefix}.attention.self")
        hidden = self._residual(attended, hidden, f"{prefix}.attention.output")
        kernel, bias = self._dense(f"{prefix}.intermediate.dense")
        widened = self.canvas.fused("BiasGelu", self._product(hidden, kernel), self.canvas.constant(bias))
        return self._residual(widened, hidden, f"{prefix}.output")

    def pooled(self, hidden: str) -> str:
        axes = self.canvas.constant(np.array([1], dtype=np.int64))
        mean = self.canvas.standard("ReduceMean", hidden, axes, keepdims=0)
        return self.canvas.standard("LpNormalization", mean, axis=-1, p=2)

    def _words(self) -> str:
        canvas, table = self.canvas, self._weights["embeddings.word_embeddings.weight"]
        if not self._quantised:
            return canvas.standard("Gather", canvas.constant(table), TOKENS)
        words = by_row(table)
        values = canvas.standard("Gather", canvas.constant(words.values), TOKENS)
        scales = canvas.standard("Gather", canvas.constant(words.scales), TOKENS)
        return canvas.standard("Mul", canvas.standard("Cast", values, to=1), scales)

    def _attention(self, hidden: str, prefix: str) -> str:
        canvas = self.canvas
        parts = [self._dense(f"{prefix}.{part}") for part in ("query", "key", "value")]
        kernel = np.concatenate([kernel for kernel, _ in parts], axis=1)
        bias = canvas.constant(np.concatenate([bias for _, bias in parts]))
        if not self._quantised:
            return canvas.fused("Attention", hidden, canvas.constant(kernel), bias, num_heads=_HEADS)
        values, scale, zero = canvas.quantised_activation(hidden)
        weight, weight_scale = self._int8(kernel)
        inputs = (values, weight, bias, scale, weight_scale, _NONE, zero)
        return canvas.fused("QAttention", *inputs, num_heads=_HEADS)

    def _residual(self, inner: str, outer: str, prefix: str) -> str:
        # Not onnxruntime's SkipLayerNormalization: at 1.32 it is not vectorised, and three times slower.
        summed = self.canvas.standard("Add", self._product(inner, *self._dense(f"{prefix}.dense")), outer)
        return self._normalised(summed, f"{prefix}.LayerNorm")

    def _product(self, hidden: str, kernel: Matrix, bias: Matrix | None = None) -> str:
        canvas = self.canvas
        shift = () if bias is None else (canvas.constant(bias),)
        if self._quantised:
            no_zero_point = (_NONE,) if shift else ()
            return canvas.fused("DynamicQuantizeMatMul", hidden, *self._int8(kernel), *no_zero_point, *shift)
        product = canvas.standard("MatMul", hidden, canvas.constant(kernel))
        return canvas.standard("Add", product, *shift) if shift else product

    def _int8(self, kernel: Matrix) -> tuple[str, str]:
        quantised, constant = by_column(kernel), self.canvas.constant
        return constant(quantised.values), constant(quantised.scales)

    def _dense(self, prefix: str) -> tuple[Matrix, Matrix]:
        return self._weights[f"{prefix}.weight"].T, self._weights[f"{prefix}.bias"]

    def _pair(self, prefix: str) -> tuple[str, str]:
        constant = self.canvas.constant
        return constant(self._weights[f"{prefix}.weight"]), constant(self._weights[f"{prefix}.bias"])
