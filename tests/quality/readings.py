"""What the reader says of pairs, kept on disk beside what else was measured of them."""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.quality.pairs import Pair
from workers.semantic.minilm.model import Model
from workers.semantic.minilm.weights import installed
from workers.semantic.verifier.adapter import WEIGHTS
from workers.semantic.verifier.reader import Reader

Array = NDArray[np.float32]
PROGRESS = 5_000


def readings(pairs: Sequence[Pair], models: Path) -> Array:
    """Read every pair, or remember what these weights said of them; the model lies in `models`."""
    weights = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    said = repr([weights, [(pair.a, pair.b) for pair in pairs]])
    path = models / f"readings-{hashlib.sha256(said.encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        np.save(path, _read(pairs, models))
    read: NDArray[Any] = np.load(path, allow_pickle=False)
    return read.astype(np.float32)


def _read(pairs: Sequence[Pair], models: Path) -> Array:
    model, reader = Model.load(models, installed()), Reader.load(models, installed())
    said = np.zeros(len(pairs), dtype=np.float32)
    for i, pair in enumerate(pairs):
        said[i] = reader.read(model.ids(pair.a), model.ids(pair.b))
        if i % PROGRESS == 0:
            sys.stderr.write(f"{i} of {len(pairs)} pairs read\n")
    return said
