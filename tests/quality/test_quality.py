"""The samples that we may ship, against bounds with some room: `make quality` has the whole picture."""

from pathlib import Path

import numpy as np
import pytest

from tests.quality.measure import SAMPLES, scored
from tests.quality.measured import Measured, measured
from tests.quality.pairs import read_pairs
from tests.quality.rates import auc, false_hits_at, hit_share, threshold_for
from workers.semantic.verifier.head import WEIGHTS, Head

FEWER = {"adversarial": 5.0, "checklist": 5.0, "paws": 2.5}
"""How many times fewer false hits than by cosine alone, at a hit rate of 70 %."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The samples, measured."""
    return measured(read_pairs(SAMPLES), tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("name", sorted(FEWER))
def test_the_verifier_serves_fewer_wrong_answers_at_the_same_hit_rate(data: Measured, name: str) -> None:
    """Similarity alone cannot tell these sets' false pairs from the true ones."""
    part = data.only(data.sets == name)
    columns = scored(part, Head.load())
    by_cosine = false_hits_at(columns["cosine"], part.labels, 0.7)
    verified = false_hits_at(columns["verified"], part.labels, 0.7)
    assert verified * FEWER[name] <= by_cosine


def test_minimal_edits_are_told_from_rewordings(data: Measured) -> None:
    """Contrast sets hold false pairs alone: they are set against all true pairs."""
    part = data.only(data.labels | (data.sets == "contrast"))
    columns = scored(part, Head.load())
    threshold = {name: threshold_for(columns[name][part.labels], 0.7) for name in ("cosine", "verified")}
    false = ~part.labels
    served = {name: hit_share(columns[name][false], limit) for name, limit in threshold.items()}
    assert served["verified"] * 2 <= served["cosine"]


def test_disfluent_questions_are_found(data: Measured) -> None:
    """Guards alone refuse half of them for a "no" that only corrects the speaker."""
    part = data.only((data.sets == "disfl") | ~data.labels)
    columns = scored(part, Head.load())
    # At a threshold which both methods let as many false pairs through.
    shares = {
        name: hit_share(scores[part.labels], float(np.quantile(scores[~part.labels], 0.9)))
        for name, scores in columns.items()
    }
    assert shares["verified"] > max(shares["cosine"], shares["guards"]) + 0.2


def test_the_head_is_small() -> None:
    """It travels with the package."""
    assert WEIGHTS.stat().st_size <= 1_000_000


def test_a_score_knows_no_direction(data: Measured, tmp_path: Path) -> None:
    """Who asked first is no reason to answer otherwise."""
    head, some = Head.load(), data.pairs[::40]
    turned = [type(pair)(pair.set, pair.b, pair.a, pair.label) for pair in some]
    one, two = measured(some, tmp_path), measured(turned, tmp_path)
    forth, back = (head.scores(part.inputs, part.products) for part in (one, two))
    np.testing.assert_allclose(forth, back, atol=0.01)


def test_auc_counts_ties_half() -> None:
    """The figure that tables show is the textbook's."""
    scores, labels = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])
    assert auc(scores, labels) == pytest.approx(0.875)
    assert false_hits_at(scores, labels, 1.0) == pytest.approx(0.5)
