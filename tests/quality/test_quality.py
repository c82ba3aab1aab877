"""The samples that we may ship, against bounds with some room: `make quality` has the whole picture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.quality.measure import SAMPLES, scored
from tests.quality.measured import Measured, measured
from tests.quality.pairs import read_pairs
from tests.quality.rates import Scores, auc, false_hits_at, hit_share, threshold_for
from tests.quality.slotted_pairs import draw, read_intents
from tests.quality.written_pairs import pairs_of, read_clusters
from workers.semantic.verifier import adapter, head
from workers.semantic.verifier.adapter import Adapter
from workers.semantic.verifier.head import Head

WRITTEN = ("written", "slotted")
FEWER = {"adversarial": 5.0, "checklist": 5.0, "paws": 2.5, "slotted": 4.0, "written": 1.1}
"""How many times fewer false hits than by cosine alone, at a hit rate of 70 %."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the models are built, and what they said is kept."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def data(models: Path) -> Measured:
    """The samples, measured, with some of what was written and nothing was learned from."""
    clusters = [cluster for cluster in read_clusters() if cluster.kept_out][:60]
    slotted = draw([intent for intent in read_intents() if intent.kept_out], 600)
    return measured([*read_pairs(SAMPLES), *pairs_of(clusters), *slotted], models)


@pytest.fixture(scope="module")
def methods(data: Measured, models: Path) -> Mapping[str, Scores]:
    """Every method's score of every pair."""
    return scored(data, Head.load(), Adapter.load(), models)


@pytest.mark.parametrize("name", sorted(FEWER))
def test_the_verifier_serves_fewer_wrong_answers_at_the_same_hit_rate(
    data: Measured, methods: Mapping[str, Scores], name: str
) -> None:
    """Similarity alone cannot tell these sets' false pairs from the true ones."""
    part = data.sets == name
    by_cosine, verified = (
        false_hits_at(methods[method][part], data.labels[part], 0.7) for method in ("cosine", "verified")
    )
    assert verified * FEWER[name] <= by_cosine


def test_minimal_edits_are_told_from_rewordings(data: Measured, methods: Mapping[str, Scores]) -> None:
    """Contrast sets hold false pairs alone: they are set against all true pairs of the samples."""
    true, false = data.labels & ~np.isin(data.sets, WRITTEN), data.sets == "contrast"
    served = {
        name: hit_share(methods[name][false], threshold_for(methods[name][true], 0.7))
        for name in ("cosine", "verified")
    }
    assert served["verified"] * 2 <= served["cosine"]


def test_disfluent_questions_are_found(data: Measured, methods: Mapping[str, Scores]) -> None:
    """Guards alone refuse half of them for a "no" that only corrects the speaker."""
    true, false = data.sets == "disfl", ~data.labels & ~np.isin(data.sets, WRITTEN)
    # At a threshold which both methods let as many false pairs through.
    shares = {
        name: hit_share(scores[true], float(np.quantile(scores[false], 0.9)))
        for name, scores in methods.items()
    }
    assert shares["verified"] > max(shares["cosine"], shares["guards"]) + 0.2


def test_the_weights_are_small() -> None:
    """They travel with the package."""
    assert head.WEIGHTS.stat().st_size <= 1_000_000
    assert adapter.WEIGHTS.stat().st_size <= 3_000_000


def test_a_score_knows_no_direction(data: Measured, methods: Mapping[str, Scores], models: Path) -> None:
    """Who asked first is no reason to answer otherwise."""
    some = data.pairs[::40]
    turned = measured([type(pair)(pair.set, pair.b, pair.a, pair.label) for pair in some], models)
    back = scored(turned, Head.load(), Adapter.load(), models)
    for name in ("head", "reader"):
        np.testing.assert_allclose(methods[name][::40], back[name], atol=0.02)


def test_auc_counts_ties_half() -> None:
    """The figure that tables show is the textbook's."""
    scores, labels = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])
    assert auc(scores, labels) == pytest.approx(0.875)
    assert false_hits_at(scores, labels, 1.0) == pytest.approx(0.5)
