"""Build the local model ahead of time: `python -m workers.semantic.minilm <directory>`."""

import sys
import time
from pathlib import Path

from workers.semantic.minilm.store import built
from workers.semantic.minilm.weights import installed


def main(arguments: list[str]) -> int:
    """Build the model into the directory and say where it is; returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m workers.semantic.minilm <directory>\n")
        return 2
    started = time.perf_counter()
    path = built(Path(arguments[0]), installed())
    elapsed = time.perf_counter() - started
    sys.stdout.write(f"{path}  {path.stat().st_size / 1e6:.1f} MB  {elapsed:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
