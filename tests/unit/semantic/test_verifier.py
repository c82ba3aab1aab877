from pathlib import Path

import numpy as np
import pytest

from workers.semantic.minilm.model import Model
from workers.semantic.minilm.weights import installed
from workers.semantic.verifier import verifier as verifying
from workers.semantic.verifier.adapter import Adapter
from workers.semantic.verifier.alignment import contexts, coverage, order, weights
from workers.semantic.verifier.features import COUNT, features
from workers.semantic.verifier.head import Head
from workers.semantic.verifier.reader import Reader
from workers.semantic.verifier.verifier import Pairs, Verifier

ASKED = "How do I turn on two factor login?"
SAME = "how can I turn on two factor login please"
OTHER = "How do I turn off two factor login?"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the local model is built."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(models: Path) -> Model:
    """The encoder, its inner states laid open."""
    return Model.load(models, installed())


@pytest.fixture(scope="module")
def reader(models: Path) -> Reader:
    """The model that reads pairs."""
    return Reader.load(models, installed())


def test_a_texts_vector_is_the_mean_of_its_tokens(model: Model) -> None:
    """The marks that open and close a text are in the mean as well, so it is near and not the same."""
    tokens = model.read(ASKED)
    mean = tokens.meanings.mean(axis=0)
    assert mean / np.linalg.norm(mean) @ tokens.mean > 0.98


def test_a_pairs_numbers_are_all_there_and_know_no_direction(model: Model) -> None:
    """The head was trained on so many."""
    one, two = model.read(ASKED), model.read(OTHER)
    assert features(one, two).shape == (COUNT,)
    np.testing.assert_allclose(features(one, two), features(two, one), atol=1e-4)


def test_a_rewording_is_believed_and_an_opposite_is_not(model: Model, reader: Reader) -> None:
    """The cosine of the two is nearly the same; the chance is not."""
    rewording, opposite = Pairs(model, Head.load(), reader).chances(ASKED, [SAME, OTHER])
    assert rewording > 0.8
    assert opposite < 0.2


def test_a_text_that_cannot_be_read_whole_has_no_chance(model: Model, reader: Reader) -> None:
    """Equal beginnings are no equal questions; and there must be something to compare."""
    pairs = Pairs(model, Head.load(), reader)
    long = "why " * 300
    assert pairs.chances(long, [long]) == [0.0]
    assert pairs.chances("", ["", ASKED]) == [0.0, 0.0]
    assert pairs.chances(ASKED, []) == []


@pytest.mark.anyio
async def test_it_works_beside_the_event_loop(models: Path) -> None:
    """Opened, asked and closed as a worker does."""
    verifier = await Verifier.open(models)
    chances = await verifier.chances(ASKED, [SAME, OTHER])
    await verifier.aclose()
    assert chances[0] > chances[1]


def test_rare_words_weigh_more() -> None:
    """The tokenizer ranks words by use, so that no table is needed: 'the' is first, 999 is a mark."""
    light, mark, rare = weights(np.array([1996, 999, 25_000]))
    assert light < mark < rare


def test_an_unmatched_token_is_a_miss() -> None:
    """One of two tokens is found fully, the other half by one measure and not at all by another."""
    half = [[1.0, 0.2], [0.1, 0.5]]
    whole = [[1.0, 1.0], [0.0, 0.0]]
    similarities = np.array([half, whole], dtype=np.float32)
    numbers = coverage(similarities, np.ones(2, np.float32), np.array([True, False]))
    assert numbers[:, 0] == pytest.approx([0.75, 0.5])
    assert numbers[:, 1:4] == pytest.approx(np.array([[0.5, 0, 0], [1, 0, 0]]))
    assert numbers[:, 4:7] == pytest.approx(np.array([[0.5, 1, 1], [0, 1, 1]]))
    assert numbers[:, 8:] == pytest.approx(np.array([[1, 0.5]] * 2))


def test_shared_words_in_other_parts_differ_in_context() -> None:
    """Without a shared word there is nothing to tell."""
    similarity = np.array([[0.9, 0.0], [0.0, 0.4]], dtype=np.float32)
    assert contexts(similarity, np.eye(2, dtype=bool), np.ones(2, np.float32))[1] == pytest.approx(0.4)
    assert contexts(similarity, np.zeros((2, 2), dtype=bool), np.ones(2, np.float32))[-1] == 0


def test_an_exchange_of_places_is_an_inversion() -> None:
    """Straight order has none, crossed order has all."""
    heavy = np.ones(2, np.float32)
    straight = order(np.eye(2, dtype=np.float32), heavy)
    crossed = order(np.eye(2, dtype=np.float32)[::-1], heavy)
    assert (straight[0], crossed[0]) == (0, 1)


def test_near_misses_that_share_their_words_are_told_by_reading_both(model: Model, reader: Reader) -> None:
    """Why is not how, and a use is not a nature; a rewording that shares few words is one question still."""
    same = reader.read(model.ids("How does HTTP caching work?"), model.ids("Explain HTTP caching"))
    for one, two in (
        ("How do I get over a breakup?", "Why is it so hard to get over a breakup?"),
        ("How do I turn on two factor login?", "How do I turn off two factor login?"),
    ):
        assert reader.read(model.ids(one), model.ids(two)) < 0 < same


def test_a_reading_knows_no_direction(model: Model, reader: Reader) -> None:
    """Who asked first is no reason to answer otherwise."""
    one, two = model.ids(ASKED), model.ids(OTHER)
    assert reader.read(one, two) == reader.read(two, one)


def counted_readings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the pairs that are read from now on."""
    read: list[int] = []
    true_read = Reader.read

    def counted(self: Reader, one: list[int], two: list[int]) -> float:
        read.append(len(one) + len(two))
        return true_read(self, one, two)

    monkeypatch.setattr(Reader, "read", counted)
    return read


def test_the_likeliest_pair_is_read_and_no_other_is_believed_more(
    model: Model, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading is most of the time that a verdict takes, and the head thought less of the second."""
    read = counted_readings(monkeypatch)
    stored = [OTHER, SAME, "How is two factor login turned on?"]
    chances = Pairs(model, Head.load(), reader).chances(ASKED, stored)
    assert len(read) == 1
    assert max(chances) in chances[1:]
    assert Pairs(model, Head.load(), reader).chances(ASKED, [stored[chances.index(max(chances))]]) == [
        pytest.approx(max(chances))
    ]


def test_what_takes_too_long_to_read_or_is_hopeless_is_left_to_the_head(
    model: Model, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long questions must not hold up an answer, nor a pair that nobody would believe."""
    read = counted_readings(monkeypatch)
    long = " ".join(f"and then I press the {word} button twice" for word in ("red", "green", "blue") * 6)
    assert len(model.ids(long)) * 2 > verifying.READ_TOKENS
    [long_chance] = Pairs(model, Head.load(), reader).chances(long, [f"{long} again"])
    [hopeless] = Pairs(model, Head.load(), reader).chances(ASKED, ["What is the capital of Peru?"])
    assert read == []
    assert hopeless < verifying.HOPELESS < long_chance


def test_the_adapter_changes_matrices_and_vectors() -> None:
    """A product of two thin matrices is added to a matrix, a vector to a vector; what has no change stays."""
    weights = {name: np.ones((2, 2), np.float32) for name in ("m", "n")} | {"v": np.ones(2, np.float32)}
    changes = {
        "up:m": np.array([[1], [2]], np.float32),
        "down:m": np.array([[3, 4]], np.float32),
        "added:v": np.array([0.5, -1], np.float32),
    }
    empty = np.zeros(0, np.float32)
    adapter = Adapter(changes, inner=empty, inner_bias=empty, outer=empty, blend=np.ones(4, np.float32))
    changed = adapter.applied(weights)
    np.testing.assert_array_equal(changed["m"], [[4, 5], [7, 9]])
    np.testing.assert_array_equal(changed["v"], [1.5, 0])
    assert changed["n"] is weights["n"]
