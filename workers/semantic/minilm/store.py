"""The built model on disk: made once, whole or not at all."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.semantic.minilm.graph import Precision, sentence_graph
from workers.semantic.minilm.weights import Source

RECIPE = 2  # raise it whenever the graph or the quantisation changes, so that models are built anew
VECTORS = 1
"""Raise it where vectors change by more than roundings (a cosine under 0.99): no stored one is of use."""


def built(directory: Path, source: Source, precision: Precision = "int8") -> Path:
    """Return the built model's path, building it first (about two seconds) if it is not there.

    Processes that start together build it once: the others wait for the first. Raises OSError when the
    directory cannot be written.
    """
    path = directory / f"all-MiniLM-L6-v2-{precision}-r{RECIPE}-{source.version}.onnx"
    return kept(path, lambda: sentence_graph(source.weights(), precision))


def kept(path: Path, draw: Callable[[], bytes]) -> Path:
    """Return the path of a model that is drawn once; processes that start together wait for the first."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_suffix(".lock")):
        if not path.exists():
            _write_whole(path, draw())
    return path


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        # The lock ends with the process that holds it, so a killed builder blocks nobody.
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write_whole(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        partial = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            partial.chmod(0o644)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
