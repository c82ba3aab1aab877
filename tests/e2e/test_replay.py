"""Real questions through real processes: what was saved, and what was answered wrongly."""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.answers import answer_to
from tests.support.stack import Stack, running

DATA = Path(__file__).parents[1] / "data"
MODEL = "openai/gpt-oss-20b"
REPEATS = 400
CALLERS = 16
WRONG_SHARE_MAX = 0.05
"""Of the semantic hits that have a label; half the pairs were written to be mistaken for one another."""


@dataclass
class Tally:
    """What happened to the questions."""

    kinds: Counter[str] = field(default_factory=Counter)
    right: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)
    unjudged: list[tuple[str, str]] = field(default_factory=list)

    def report(self, calls: int) -> str:
        """The figures, one a line."""
        asked = self.kinds.total()
        judged = self.right + len(self.wrong)
        lines = [
            f"questions asked          {asked:5}",
            *(f"  {kind:22} {self.kinds[kind]:5}" for kind in ("exact", "semantic", "miss", "collapsed")),
            f"provider calls           {calls:5}",
            f"calls saved              {asked - calls:5}  ({(asked - calls) / asked:.1%})",
            f"semantic hits judged     {judged:5}",
            f"  right                  {self.right:5}",
            f"  wrong                  {len(self.wrong):5}  ({len(self.wrong) / max(1, judged):.1%})",
            f"semantic hits unjudged   {len(self.unjudged):5}  (no label for the pair)",
            *(f"    wrong: {asked_} <- {stored}" for asked_, stored in self.wrong),
        ]
        return "\n".join(lines)


def load(name: str) -> list[dict[str, Any]]:
    """Read a file of the data folder."""
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


@pytest.fixture
def fresh(tmp_path: Path, local_model: Path) -> Any:
    """An empty product: what is in the cache is what was replayed."""
    with running(tmp_path, ingresses=2, workers=2) as stack:
        yield stack


@pytest.mark.timeout(300)
def test_a_replay_of_real_questions_saves_calls_and_serves_few_wrong_answers(
    fresh: Stack, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every exact answer is right; semantic ones are held against labels."""
    pairs, traffic = load("labelled_pairs.jsonl"), [row["text"] for row in load("traffic.jsonl")]
    first = [pair["a"] for pair in pairs]
    second = [pair["b"] for pair in pairs]
    popular = random.Random(7).choices(
        first + traffic, weights=[1 / rank for rank in range(1, len(first + traffic) + 1)], k=REPEATS
    )
    labels = {(pair["b"], pair["a"]): pair["label"] for pair in pairs}
    stored = {question_answer(q): q for q in first + second + traffic}
    tally = Tally()
    for phase in (first + traffic, second, popular):
        for question, body in zip(phase, ask_all(fresh, phase), strict=True):
            judge(tally, question, body, labels, stored)
    calls = len(fresh.calls())
    report = tally.report(calls)
    record_property("replay", report)
    with capsys.disabled():
        print(f"\n{report}")  # noqa: T201 - the figures are what this test is for
    assert tally.kinds.total() == len(first) + len(traffic) + len(second) + REPEATS
    assert calls == tally.kinds["miss"]
    assert tally.kinds["exact"] >= REPEATS * 0.9
    assert tally.right > 50
    assert len(tally.wrong) <= WRONG_SHARE_MAX * (tally.right + len(tally.wrong))


def question_answer(question: str) -> str:
    """The only right answer to a question, as the simulator gives it."""
    return answer_to(MODEL, [{"role": "user", "content": question}])


def ask_all(stack: Stack, questions: list[str]) -> list[dict[str, Any]]:
    """Ask everything, several at a time, over both ingresses."""
    clients = [stack.client(ingress=number % 2) for number in range(CALLERS)]

    def ask(item: tuple[int, str]) -> dict[str, Any]:
        number, question = item
        response: httpx.Response = clients[number % CALLERS].post("/v1/query", json={"prompt": question})
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(ask, enumerate(questions)))
    for client in clients:
        client.close()
    return answers


def judge(
    tally: Tally,
    question: str,
    body: dict[str, Any],
    labels: dict[tuple[str, str], int],
    stored: dict[str, str],
) -> None:
    """Count an answer; a semantic one is right when the pair is labelled so."""
    cache = body["cache"]
    kind = cache["type"] if cache["status"] == "hit" else cache["status"]
    tally.kinds[kind] += 1
    if kind != "semantic":
        assert body["output"]["text"] == question_answer(question)
        return
    source = stored[body["output"]["text"]]
    label = labels.get((question, source), labels.get((source, question)))
    if label is None:
        tally.unjudged.append((question, source))
    elif label == 1:
        tally.right += 1
    else:
        tally.wrong.append((question, source))
