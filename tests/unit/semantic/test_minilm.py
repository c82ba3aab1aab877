import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.unit.semantic.plain_bert import Matrix, sentence_vector
from workers.semantic.embedder import EmbedderError
from workers.semantic.minilm import LocalEmbedder, store
from workers.semantic.minilm.model import Model
from workers.semantic.minilm.tokens import RecentTexts, Tokens
from workers.semantic.minilm.weights import Source, installed

TEXTS = [
    "hello",
    "How do I reset the password of my account?",
    "Explain, in two paragraphs, why the sky is blue at noon but red at dusk; mention Rayleigh scattering.",
    "SELECT name FROM users WHERE id = 42;",
    "",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for built models."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    """The int8 model as workers use it."""
    return Model.load(folder, installed())


@pytest.fixture(scope="module")
def expected() -> Matrix:
    """The texts' vectors by the plain implementation."""
    source = installed()
    weights, tokenizer = source.weights(), Tokenizer.from_file(str(source.tokenizer))
    tokenizer.no_padding()
    return np.array([sentence_vector(weights, tokenizer.encode(text).ids) for text in TEXTS])


def test_the_float_graph_is_bert(folder: Path, expected: Matrix) -> None:
    """Every fused operator means what the paper says."""
    vectors = Model.load(folder, installed(), "fp32").embed(TEXTS).vectors
    assert (vectors * expected).sum(axis=1).min() > 0.9999


def test_quantisation_keeps_the_direction(model: Model, expected: Matrix) -> None:
    """A quarter of the size at little cost in accuracy."""
    assert (model.embed(TEXTS).vectors * expected).sum(axis=1).min() > 0.97


def test_a_vector_does_not_depend_on_its_company(folder: Path) -> None:
    """The same text has the same vector in every batch, of a model that remembers nothing of it."""
    path, tokenizer = store.built(folder, installed()), installed().tokenizer
    together = Model(path, tokenizer).embed(TEXTS).vectors
    other = Model(path, tokenizer)
    alone = np.concatenate([other.embed([text]).vectors for text in reversed(TEXTS)])[::-1]
    np.testing.assert_array_equal(together, alone)


def test_a_process_holds_the_model_once(folder: Path) -> None:
    """The embedder and the verifier share it, and with it what either has read."""
    one, other = Model.load(folder, installed()), Model.load(folder, installed())
    assert one is other
    assert one.read("What is shared?") is other.read("What is shared?")


def test_what_is_remembered_is_bounded() -> None:
    """The longest unused goes first."""

    def tokens(count: int) -> Tokens:
        rows = np.zeros((count, 2), np.float32)
        return Tokens(np.zeros(count, np.int64), rows, rows, rows.sum(axis=0), whole=True)

    recent = RecentTexts(most=48)
    recent.put("popular", tokens(10))
    for number in range(20):
        recent.put(f"number {number}", tokens(10))
        assert recent.get("popular") is not None
    assert recent.held == 4 * (10 + 2)
    assert recent.get("number 19") is not None
    assert recent.get("number 0") is None
    for number in range(40):
        recent.put(" " * number, tokens(0))
    assert recent.get(" ") is None


def test_a_huge_text_is_not_remembered(folder: Path) -> None:
    """It would hold its characters in memory for the 254 tokens that are read of it."""
    model = Model.load(folder, installed())
    assert model.read("word " * 2_000) is not model.read("word " * 2_000)


def test_paraphrases_are_nearer_than_other_questions(model: Model) -> None:
    """The point of it all."""
    asked, same, other = model.embed(
        ["How can I change my password?", "What are the steps to change my password?", "How do I bake bread?"]
    ).vectors
    assert asked @ same > 0.85
    assert asked @ other < 0.4


def test_long_texts_are_cut_and_said_to_be(model: Model) -> None:
    """Texts that differ only after the cut have one vector, which the caller must know."""
    embedded = model.embed(["word " * 254, "word " * 300, " " * 10_000, "short"])
    assert embedded.truncated == (False, True, True, False)
    assert embedded.tokens == 256 + 256 + 2 + 3


def test_starting_together_builds_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait for the first and leave nothing half-written behind."""
    builds: list[str] = []

    def build(_: object, precision: str) -> bytes:
        builds.append(precision)
        return b"model"

    monkeypatch.setattr(store, "sentence_graph", build)
    monkeypatch.setattr(Source, "weights", lambda _: {})
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: store.built(tmp_path / "new", installed()), range(8)))
    assert builds == ["int8"]
    assert {path.read_bytes() for path in paths} == {b"model"}
    assert {path.suffix for path in (tmp_path / "new").iterdir()} == {".onnx", ".lock"}


def test_a_failed_write_leaves_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there under the final name is always whole."""

    def full_disk(_: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(store, "sentence_graph", lambda _, __: b"model")
    monkeypatch.setattr(Source, "weights", lambda _: {})
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        store.built(tmp_path, installed())
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_the_command_builds_ahead_of_time(folder: Path, model: Model) -> None:
    """One line: where, how large, how long."""
    command = [sys.executable, "-m", "workers.semantic.minilm", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert " MB " in done.stdout


@pytest.mark.anyio
async def test_the_event_loop_runs_while_the_model_does(folder: Path, model: Model) -> None:
    """Inference has a thread of its own."""
    embedder = await LocalEmbedder.open(folder)
    call = asyncio.create_task(embedder.embed(["a long text " * 80] * 8))
    turns = 0
    while not call.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert (await call).vectors.shape == (8, embedder.dimensions)
    assert turns > 3
    await embedder.aclose()
    with pytest.raises(EmbedderError, match="closed"):
        await embedder.embed(["hello"])


@pytest.mark.anyio
async def test_a_model_that_cannot_be_built_is_an_embedder_error(tmp_path: Path) -> None:
    """Without an embedder the worker goes on, without the semantic step."""
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(EmbedderError, match="did not load"):
        await LocalEmbedder.open(blocked / "models")
