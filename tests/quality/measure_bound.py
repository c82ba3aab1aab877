"""Measure the error bound on a replayed stream: `python -m tests.quality.measure_bound DIR`.

DIR holds the sets of docs/QUALITY.md. Their pairs that nothing was learned from, in a random order, are the
stream: what is near enough to be proposed, each with its true label as its judge.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.quality.measure import UNVETOED, scored, scored_part
from tests.quality.replay import replay, static_hit_share
from workers.semantic.judging import REACH
from workers.semantic.minilm import LocalEmbedder
from workers.semantic.verifier.adapter import Adapter
from workers.semantic.verifier.head import Head, chance_of

BOUNDS = (0.01, 0.02, 0.05)
SEEDS = range(5)


def table(folder: Path, models: Path) -> str:
    """One line a bound: what the learned threshold does, and what static ones could at most."""
    data = scored_part(folder, models)
    columns = scored(data, Head.load(), Adapter.load(), models)
    near = (data.cosines >= LocalEmbedder.threshold - REACH) & (columns["verified"] > UNVETOED)
    chances, labels, cosines = chance_of(columns["reader"][near]), data.labels[near], data.cosines[near]
    guarded = np.where(columns["guards"][near] > UNVETOED, cosines, 0.0)
    lines = [
        f"{near.sum()} proposals, {1 - labels.mean():.1%} of them wrong; means of {len(SEEDS)} orders",
        "",
        "| bound | wrong of hits (worst order) | hits | static cosine | cosine and guards | static chance |",
        "|---|---|---|---|---|---|",
    ]
    for bound in BOUNDS:
        runs = []
        for seed in SEEDS:
            order = np.random.default_rng(seed).permutation(len(labels))
            runs.append(replay(chances[order].tolist(), labels[order].tolist(), bound, seed=seed))
        wrong = [run.wrong_share for run in runs]
        statics = [
            f"{static_hit_share(scores, labels, float(np.mean(wrong))):.1%}"
            for scores in (cosines, guarded, chances)
        ]
        figures = (f"{np.mean(wrong):.2%} ({max(wrong):.2%})", f"{np.mean([r.hit_share for r in runs]):.1%}")
        lines.append("| " + " | ".join((f"{bound:.0%}", *figures, *statics)) + " |")
    return "\n".join(lines)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="the error bound on a replayed stream")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "sentinel-models")
    given = parser.parse_args()
    sys.stdout.write(table(given.directory, given.models) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
