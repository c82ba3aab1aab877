"""What the policies would do with pairs of questions, by threshold; pure but for the model it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from shared.wire.outcome import Verdict
from workers.semantic.guards import judge
from workers.semantic.judging import REACH, VETOES, Policy
from workers.semantic.verifier.verifier import Pairs

COSINES: Final = (0.75, 0.80, 0.85, 0.88, 0.90, 0.92, 0.95, 0.98)
CHANCES: Final = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)


SCALES: Final[tuple[tuple[Policy, tuple[float, ...]], ...]] = (
    ("cosine", COSINES),
    ("guards", COSINES),
    ("verified", CHANCES),
)
"""The thresholds at which each policy is measured: cosines, or the verifier's chances."""


class LabelledPair(Struct, frozen=True):
    """Two questions; label 1: the same answer serves both."""

    a: str
    b: str
    label: int


@dataclass(frozen=True, slots=True)
class Explained:
    """All that is said of one pair: cosine and chance by the local model, and each guard's verdict."""

    cosine: float
    chance: float
    verdicts: tuple[Verdict, ...]

    def score(self, policy: Policy, least_cosine: float) -> float:
        """What the policy holds against its threshold; 0 where something else refuses the pair."""
        refused = {verdict.guard for verdict in self.verdicts if not verdict.passed}
        if policy == "cosine":
            return self.cosine
        if policy == "guards":
            return 0.0 if refused else self.cosine
        return 0.0 if refused & VETOES or self.cosine < least_cosine - REACH else self.chance


@dataclass(frozen=True, slots=True)
class Point:
    """One policy at one threshold: of the true pairs the share that hits, of the false ones, and of hits."""

    policy: Policy
    threshold: float
    hit_rate: float
    false_hit_rate: float
    wrong_of_hits: float


def explained(model: Pairs, asked: str, stored: str) -> Explained:
    """Let everybody speak on one pair."""
    measured = model.measured(asked, stored)
    cosine, chance = (0.0, 0.0) if measured is None else measured
    said = tuple(Verdict(v.name, v.passed, v.reason) for v in judge(asked, stored))
    return Explained(cosine, chance, said)


def points(pairs: Sequence[Explained], labels: Sequence[bool], least_cosine: float) -> list[Point]:
    """Every policy at every threshold of its scale."""
    found = []
    for policy, scale in SCALES:
        scores = [pair.score(policy, least_cosine) for pair in pairs]
        found += [_point(policy, threshold, scores, labels) for threshold in scale]
    return found


def suggested(found: Sequence[Point], most_wrong: float) -> Point | None:
    """The point with the most hits whose hits are wrong at most so often; None when there is none."""
    within = [point for point in found if point.hit_rate > 0 and point.wrong_of_hits <= most_wrong]
    return max(within, key=lambda point: (point.hit_rate, -point.false_hit_rate), default=None)


def _point(policy: Policy, threshold: float, scores: Sequence[float], labels: Sequence[bool]) -> Point:
    true = sum(score >= threshold for score, label in zip(scores, labels, strict=True) if label)
    false = sum(score >= threshold for score, label in zip(scores, labels, strict=True) if not label)
    trues = sum(labels)
    return Point(
        policy,
        threshold,
        hit_rate=true / trues if trues else 0.0,
        false_hit_rate=false / (len(labels) - trues) if len(labels) > trues else 0.0,
        wrong_of_hits=false / (true + false) if true + false else 0.0,
    )
