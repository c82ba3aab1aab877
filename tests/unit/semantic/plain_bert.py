"""BERT written out in numpy, from the paper and the weights: what the fast graph is compared with."""

from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from workers.semantic.minilm.weights import Weights

Matrix = NDArray[np.float64]

HEADS = 12
LAYERS = 6


def sentence_vector(weights: Weights, tokens: list[int]) -> Matrix:
    """The mean of the last layer's hidden states, unit length."""
    embeddings = "embeddings."
    hidden = (
        weights[embeddings + "word_embeddings.weight"][tokens]
        + weights[embeddings + "position_embeddings.weight"][: len(tokens)]
        + weights[embeddings + "token_type_embeddings.weight"][0]
    ).astype(np.float64)
    hidden = _norm(weights, embeddings + "LayerNorm", hidden)
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        attended = _dense(weights, layer + "attention.output.dense", _attention(weights, layer, hidden))
        hidden = _norm(weights, layer + "attention.output.LayerNorm", hidden + attended)
        inner = _gelu(_dense(weights, layer + "intermediate.dense", hidden))
        outer = _dense(weights, layer + "output.dense", inner)
        hidden = _norm(weights, layer + "output.LayerNorm", hidden + outer)
    mean: Matrix = hidden.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float64)


def _attention(weights: Weights, layer: str, hidden: Matrix) -> Matrix:
    query, key, value = (
        _heads(_dense(weights, f"{layer}attention.self.{part}", hidden)) for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / sqrt(query.shape[-1])
    likely = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = likely / likely.sum(axis=-1, keepdims=True) @ value
    return np.asarray(mixed.transpose(1, 0, 2).reshape(hidden.shape), dtype=np.float64)


def _heads(hidden: Matrix) -> Matrix:
    return hidden.reshape(len(hidden), HEADS, -1).transpose(1, 0, 2)


def _dense(weights: Weights, name: str, hidden: Matrix) -> Matrix:
    return np.asarray(hidden @ weights[name + ".weight"].T + weights[name + ".bias"], dtype=np.float64)


def _norm(weights: Weights, name: str, hidden: Matrix) -> Matrix:
    centred = hidden - hidden.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt(centred.var(axis=-1, keepdims=True) + 1e-12)
    return np.asarray(scaled * weights[name + ".weight"] + weights[name + ".bias"], dtype=np.float64)


def _gelu(hidden: Matrix) -> Matrix:
    return np.asarray(hidden * 0.5 * (1 + np.vectorize(erf)(hidden / sqrt(2))), dtype=np.float64)
