"""A whole semantic look-up, from a question's vector to its answer: ours beside RedisVL and GPTCache.

Half of what is asked is a stored question in other words, half is new. All have the same vectors and the same
least cosine; only ours then judges what was proposed.
"""

import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.bench import environments, index
from tests.bench.lookup_peer import KINDS
from tests.bench.processes import ready
from tests.bench.rows import Row
from tests.support.search_engine import search_engine
from tests.support.stack import ROOT, build_model

PACKAGES: Final = {
    "redisvl": ("redisvl==0.28.0", "numpy==2.4.6"),
    "gptcache": ("gptcache==0.1.44", "faiss-cpu==1.15.1", "numpy==2.4.6", "sqlalchemy==2.0.51"),
}
HELD: Final = 10_000
ASKED: Final = 300
ROUNDS: Final = 3
NOTE: Final = (
    f"{HELD:,} stored questions, one look-up after another, vectors given: the index, the stored answer, and "
    "in ours the guards and the verifier, which reads a stored question once. RedisVL and ours have the same "
    "Redis 8 with its query engine; ours keeps its vectors in the worker, as by default."
)


def measure() -> list[Row]:
    """Ask all of them the same questions in turn."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    build_model()
    pythons = {name: environments.install(f"lookup-{name}", packages) for name, packages in PACKAGES.items()}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as opened:
        folder = Path(name)
        lay_out(folder)
        engine = opened.enter_context(search_engine())
        commands = [
            [
                str(pythons.get(kind, sys.executable)),
                *("-m", "tests.bench.lookup_peer", kind),
                engine.url,
                str(folder),
            ]
            for kind in KINDS
        ]
        processes = dict(zip(KINDS, opened.enter_context(ready(*commands)), strict=True))
        for process in processes.values():
            process.say("build")
            while process.hear().rpartition("\n")[2] == "adding":
                pass
        share = ASKED // ROUNDS
        for number in range(ROUNDS):
            for kind, process in processes.items():
                answer = process.ask(f"ask {number * share} {(number + 1) * share}")
                found[kind].append(json.loads(answer))
    return [_row(kind, found, share) for kind in KINDS]


def lay_out(folder: Path) -> None:
    """Write what is held, what is asked, and the vectors of both."""
    texts = index.sentences(ROOT / "tests" / "data")
    real = index.embedded(texts, index.FOLDER / "data.npy")
    held = [*texts, *(f"Something else that somebody asked, number {n}" for n in range(HELD - len(texts)))]
    vectors = index.filled_up(real, HELD)
    rng = np.random.default_rng(4)
    chosen = rng.permutation(len(texts))[:ASKED]
    near = vectors[chosen] + rng.normal(0, 0.015, (ASKED, vectors.shape[1])).astype(np.float32)
    far = rng.normal(size=(ASKED, vectors.shape[1])).astype(np.float32)
    odd = np.arange(ASKED)[:, np.newaxis] % 2 == 1
    asked = [
        f"Please: {texts[row]}" if number % 2 == 0 else f"New {number}" for number, row in enumerate(chosen)
    ]
    np.save(folder / "vectors.npy", np.concatenate([vectors, index.unit(np.where(odd, far, near))]))
    (folder / "held.json").write_text(json.dumps(held), "utf-8")
    (folder / "asked.json").write_text(json.dumps(asked), "utf-8")


def _row(name: str, found: dict[str, list[dict[str, Any]]], share: int) -> Row:
    p50 = [statistics.median(one["ms"]) for one in found[name]]
    best = [statistics.median(one["ms"]) for one in found["ours"]]
    return Row(
        what=name,
        figures={
            "p50 ms": p50,
            "p99 ms": [float(np.percentile(one["ms"], 99)) for one in found[name]],
            "answered, %": [100 * one["hits"] / share for one in found[name]],
        },
        of={"p50 of ours": [mine / ours for mine, ours in zip(p50, best, strict=True)]},
    )
