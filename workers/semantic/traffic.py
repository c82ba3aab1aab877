"""Traffic replayed through every policy: what would have hit, what of it was right, and what that saved.

Questions come in their order; a miss is stored, a hit is not. Each is compared with the nearest few that were
asked before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from msgspec import Struct

from workers.semantic.judging import Policy
from workers.semantic.lab import SCALES, Explained, explained
from workers.semantic.same_answer import same_answer
from workers.semantic.verifier.verifier import Pairs

NEIGHBOURS: Final = 6
"""Earlier questions that each one is compared with."""
FAR: Final = 0.7
"""A cosine below which no policy looks."""


class Asked(Struct, frozen=True):
    """One request of the past; without an answer nobody can say whether a hit was right."""

    prompt: str | None = None
    text: str | None = None
    question: str | None = None
    answer: str | None = None
    cost_usd: float | None = None

    @property
    def asked(self) -> str:
        """The question, under whichever name it came."""
        return self.prompt or self.question or self.text or ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An earlier question, by its place among the different ones, and what is said of the pair."""

    place: int
    said: Explained


@dataclass(slots=True)
class Outcome:
    """What one policy at one threshold made of the traffic; `saved` is in dollars."""

    policy: Policy
    threshold: float
    requests: int = 0
    exact: int = 0
    hits: int = 0
    right: int = 0
    wrong: int = 0
    expected_wrong: float = 0.0
    saved: float = 0.0
    stored: set[int] = field(default_factory=set)

    @property
    def hit_rate(self) -> float:
        """Semantic hits among all that was no exact repetition."""
        return self.hits / max(1, self.requests - self.exact)

    @property
    def wrong_of_hits(self) -> float:
        """The share of wrong hits: as judged by the answers, else as the verifier's chances say."""
        judged = self.right + self.wrong
        return self.wrong / judged if judged else self.expected_wrong / max(1, self.hits)


class Traffic:
    """Requests of the past, each different question compared once with those before it."""

    def __init__(self, model: Pairs, requests: Sequence[Asked]) -> None:
        self._model = model
        self._requests = requests
        self._places: dict[str, int] = {}
        self._answers: dict[int, str] = {}
        for request in requests:
            place = self._places.setdefault(request.asked, len(self._places))
            if request.answer:
                self._answers.setdefault(place, request.answer)
        self._proposals = list(_proposals(model, list(self._places)))

    def replay(self, policy: Policy, threshold: float, *, cost: float, least_cosine: float) -> Outcome:
        """Serve it all by one policy; `cost` is what a call costs whose line does not say, in dollars."""
        outcome = Outcome(policy, threshold)
        for request in self._requests:
            place = self._places[request.asked]
            outcome.requests += 1
            spent = cost if request.cost_usd is None else request.cost_usd
            if place in outcome.stored:
                outcome.exact += 1
                outcome.saved += spent
                continue
            accepted = [
                proposal
                for proposal in self._proposals[place]
                if proposal.place in outcome.stored and proposal.said.score(policy, least_cosine) >= threshold
            ]
            if accepted:
                outcome.saved += spent
                self._count(outcome, place, max(accepted, key=lambda one: one.said.chance))
            else:
                outcome.stored.add(place)
        return outcome

    def _count(self, outcome: Outcome, place: int, served: Proposal) -> None:
        outcome.hits += 1
        outcome.expected_wrong += 1 - served.said.chance
        one, other = self._answers.get(place), self._answers.get(served.place)
        if one is not None and other is not None:
            verdict = same_answer(one, other, self._model.cosine(one, other))
            outcome.right += verdict == "same"
            outcome.wrong += verdict == "different"


def replayed(model: Pairs, requests: Sequence[Asked], *, cost: float, least_cosine: float) -> list[Outcome]:
    """Every policy at every threshold of its scale."""
    traffic = Traffic(model, requests)
    return [
        traffic.replay(policy, threshold, cost=cost, least_cosine=least_cosine)
        for policy, scale in SCALES
        for threshold in scale
    ]


def suggested(outcomes: Sequence[Outcome], most_wrong: float) -> Outcome | None:
    """The one that saves most while its hits are wrong at most so often; None when there is none."""
    within = [one for one in outcomes if one.hits and one.wrong_of_hits <= most_wrong]
    return max(within, key=lambda one: (one.saved, -one.wrong_of_hits), default=None)


def _proposals(model: Pairs, questions: Sequence[str]) -> Iterator[list[Proposal]]:
    """Each question's nearest earlier ones."""
    rows = np.stack([model.vector(question) for question in questions]) if questions else np.zeros((0, 1))
    for place, question in enumerate(questions):
        similarity = rows[:place] @ rows[place]
        nearest = [int(i) for i in np.argsort(-similarity)[:NEIGHBOURS] if similarity[i] >= FAR]
        yield [Proposal(i, explained(model, question, questions[i])) for i in nearest]
