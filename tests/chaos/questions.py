"""The questions that callers ask: new ones, old ones, the one everybody asks now, and paraphrases."""

import random
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from simulator.answers import answer_to

MODEL = "openai/gpt-oss-20b"
SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ve",
    "rat",
    "pu",
    "si",
    "do",
    "ner",
    "ga",
    "tho",
    "bel",
    "wu",
    "fen",
    "cra",
    "zil",
)
REMEMBERED = 200
HOT_FOR = 6
"""How many times in a row the hot question is drawn, so that several callers have it in flight at once."""
PARAPHRASES = ("What is the capital of {}?", "Tell me the capital city of {}")


class Question(Struct, frozen=True):
    """A prompt, and the prompts whose answers may be served for it; its text occurs in one scope only."""

    prompt: str
    twins: tuple[str, ...] = ()
    namespace: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The request; only paraphrases are matched by meaning, and only within their own namespace."""
        if self.namespace is None:
            return {"prompt": self.prompt, "cache": {"mode": "exact"}}
        return {"prompt": self.prompt, "cache": {"namespace": self.namespace}}


class Questions:
    """A seeded stream of questions, shared by all callers of a run."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"questions {seed}")
        self._asked: list[Question] = []
        self._hot: list[Question] = []
        self._made = 0

    def draw(self) -> Question:
        """Take the next question: half new, a quarter repeated, the rest hot or paraphrases."""
        luck = self._random.random()
        if luck < 0.25 and self._asked:
            return self._random.choice(self._asked[-REMEMBERED:])
        if luck < 0.4:
            if not self._hot:
                self._hot = [self._new()] * HOT_FOR
            return self._hot.pop()
        question = self._paraphrase() if luck < 0.5 else self._new()
        self._asked.append(question)
        return question

    def _new(self) -> Question:
        return Question(f"Explain {self._word()} {self._word()} number {self._number()}.")

    def _paraphrase(self) -> Question:
        number = self._number()
        place = f"{self._word().title()}{number}"
        both = tuple(form.format(place) for form in PARAPHRASES)
        pair = [Question(prompt, both, f"family-{number}") for prompt in both]
        self._random.shuffle(pair)
        self._asked.append(pair[1])
        return pair[0]

    def _word(self) -> str:
        return "".join(self._random.choices(SYLLABLES, k=3))

    def _number(self) -> int:
        self._made += 1
        return self._made


def permitted_answers(prompts: Iterable[str]) -> frozenset[str]:
    """Every text that may be served for a question, given its prompt and those of its twins."""
    return frozenset(answer_to(MODEL, [{"role": "user", "content": prompt}]) for prompt in prompts)
