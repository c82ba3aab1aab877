"""How far a policy may go: the lowest threshold whose wrong hits stay under a bound, by judged pairs.

The idea of learning when to trust a cached answer, under a bound that the user sets, is vCache's (arXiv
2502.03771); this is another method. Chances are sorted into bins. Judged pairs tell each bin's share of wrong
answers; all proposals, judged or not, tell how much each bin weighs. So it does not matter that misses are
judged for nothing and hits only now and then.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

BINS: Final = 24
FIRST_EDGE: Final = -1.0
BIN_WIDTH: Final = 0.25
"""In log odds: the bins' edges reach from a chance of 0.27 to one of 0.99."""
_LEAST_CHANCE: Final = 1e-9
_AT_WORST: Final = 0.5
PRIOR_PAIRS: Final = 10.0
"""Judged pairs that a bin's own chance counts for: what is believed before anything is known."""
PESSIMISM: Final = 2.0
"""How many times more wrong a bin is believed to be than its chance says: a head errs on unknown traffic."""
CONFIDENCE_Z: Final = 2.33
"""One-sided 99 %; less would not do, since the threshold is chosen anew again and again."""
NEVER: Final = 2.0
"""A threshold above every chance."""


class Tally(Struct, frozen=True):
    """What was seen in one bin: proposals, and those of them judged right and wrong."""

    proposals: float = 0.0
    right: float = 0.0
    wrong: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A policy's threshold, and the share of wrong answers among its hits with its interval (99 % each side).

    `hit_share` is the share of `proposals` that hits, `judged` how many pairs from the threshold on were.
    Without a hit to speak of, all shares are 0.
    """

    threshold: float
    wrong: float
    lower: float
    upper: float
    hit_share: float
    judged: float
    proposals: float = 0.0

    @property
    def serves(self) -> bool:
        """Whether anything hits."""
        return self.threshold < NEVER


def bin_of(chance: float) -> int:
    """The bin of a chance: they are equally wide in log odds, so finest where the decisions are."""
    odds = math.log(max(chance, _LEAST_CHANCE) / max(1 - chance, _LEAST_CHANCE))
    return min(BINS - 1, max(0, int((odds - FIRST_EDGE) / BIN_WIDTH)))


def edge_of(place: int) -> float:
    """The least chance of a bin; the first one begins at 0."""
    return 1 / (1 + math.exp(-(FIRST_EDGE + BIN_WIDTH * place))) if place else 0.0


def proposed(tallies: tuple[Tally, ...], chance: float) -> tuple[Tally, ...]:
    """Count a proposal, whatever becomes of it."""
    tally = tallies[bin_of(chance)]
    return _with(tallies, chance, msgspec.structs.replace(tally, proposals=tally.proposals + 1))


def judged(tallies: tuple[Tally, ...], chance: float, *, right: bool) -> tuple[Tally, ...]:
    """Count a judgement of a pair that was proposed with this chance."""
    tally = tallies[bin_of(chance)]
    name = "right" if right else "wrong"
    return _with(tallies, chance, msgspec.structs.replace(tally, **{name: getattr(tally, name) + 1}))


def nothing_seen() -> tuple[Tally, ...]:
    """The tallies of a policy that has not served yet."""
    return (Tally(),) * BINS


def bounded(tallies: tuple[Tally, ...], most_wrong: float, least: float = 0.0) -> Estimate:
    """Find the lowest threshold, `least` or above, whose upper estimate of wrong hits is within `most_wrong`.

    With no such threshold nothing hits, which is always within the bound.
    """
    found = Estimate(NEVER, 0.0, 0.0, 0.0, 0.0, 0.0, sum(t.proposals for t in tallies))
    for estimate in _from_the_top(tallies, least):
        if estimate.upper <= most_wrong:
            found = estimate
    return found


def estimated(tallies: tuple[Tally, ...], threshold: float) -> Estimate:
    """Estimate the share of wrong answers among hits from this threshold on."""
    *_, last = _from_the_top(tallies, threshold)
    return last


def together(estimates: Sequence[Estimate]) -> Estimate:
    """One estimate for several independent ones, each weighing what it serves; its threshold is the highest.

    What serves nothing has no say in it.
    """
    serving = [(e, e.hit_share * e.proposals) for e in estimates if e.serves]
    proposals = sum(e.proposals for e in estimates)
    hits = sum(weight for _, weight in serving)
    if hits == 0:
        return Estimate(NEVER, 0.0, 0.0, 0.0, 0.0, 0.0, proposals)
    wrong = sum(weight * e.wrong for e, weight in serving) / hits
    spread = math.sqrt(sum((weight * (e.upper - e.wrong)) ** 2 for e, weight in serving)) / hits
    return Estimate(
        threshold=max(e.threshold for e, _ in serving),
        wrong=wrong,
        lower=max(0.0, wrong - spread),
        upper=min(1.0, wrong + spread),
        hit_share=hits / proposals,
        judged=sum(e.judged for e, _ in serving),
        proposals=proposals,
    )


def _from_the_top(tallies: tuple[Tally, ...], least: float) -> Iterator[Estimate]:
    """The estimates of all thresholds, from the highest bin down to the one that `least` is in."""
    all_proposals = sum(t.proposals for t in tallies)
    mean = variance = weight = seen = 0.0
    for place in range(BINS - 1, bin_of(least) - 1, -1):
        tally = tallies[place]
        # A bin that nothing fell into yet weighs a little: its first hit must not come unawares.
        volume = tally.proposals + 1 / BINS
        share, spread = _posterior(tally, (edge_of(place) + edge_of(place + 1)) / 2)
        weight += volume
        mean += volume * share
        variance += volume * volume * spread
        seen += tally.right + tally.wrong
        deviation = math.sqrt(variance) / weight
        yield Estimate(
            threshold=max(least, edge_of(place)),
            wrong=mean / weight,
            lower=max(0.0, mean / weight - CONFIDENCE_Z * deviation),
            upper=min(1.0, mean / weight + CONFIDENCE_Z * deviation),
            hit_share=min(1.0, weight / (all_proposals + 1)),
            judged=seen,
            proposals=all_proposals,
        )


def _posterior(tally: Tally, chance: float) -> tuple[float, float]:
    """A bin's share of wrong answers and its variance: a beta distribution that begins at its chance."""
    believed = min(_AT_WORST, PESSIMISM * (1 - chance))
    wrong = tally.wrong + PRIOR_PAIRS * believed
    right = tally.right + PRIOR_PAIRS * (1 - believed)
    total = wrong + right
    return wrong / total, wrong * right / (total * total * (total + 1))


def _with(tallies: tuple[Tally, ...], chance: float, tally: Tally) -> tuple[Tally, ...]:
    place = bin_of(chance)
    return (*tallies[:place], tally, *tallies[place + 1 :])
