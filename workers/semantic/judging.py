"""Decides which proposed entries may answer a question: by cosine alone, guards, or the verifier too."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeAlias

from shared import metrics
from shared.wire.outcome import Verdict
from workers.semantic.guards import judge
from workers.semantic.verifier.verifier import VERSION, Verifier, VerifierError

logger = logging.getLogger(__name__)

Policy: TypeAlias = Literal["cosine", "guards", "verified"]

VERIFIER = "verifier"
BOUND = "bound"
VETOES = frozenset({"contradiction", "selection", "order", "code", "language", "length"})
"""Guards that the verifier cannot overrule: what they find changes the answer. It weighs the others."""
REACH = 0.03
"""How much lower in cosine the verifier may look than guards alone: it tells more than they do."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether an entry may answer, what each guard said, and by which score.

    `chance` is the verifier's, or the cosine where the policy has none; None where the verifier failed.
    `needed` is what it had to reach; `vetoed` says that no score would have done.
    """

    accepted: bool
    verdicts: tuple[Verdict, ...] = ()
    chance: float | None = None
    needed: float | None = None
    vetoed: bool = False


class Judge:
    """One policy, with the verifier if there is one; without it the guards decide alone."""

    def __init__(
        self, policy: Policy, verifier: Verifier | None = None, *, least_chance: float = 0.8
    ) -> None:
        self._policy = policy
        self._verifier = verifier if policy == "verified" else None
        self._least_chance = least_chance

    def threshold(self, calibrated: float) -> float:
        """The cosine from which entries are proposed, for an embedder whose guards-only threshold is this."""
        return calibrated if self._verifier is None else calibrated - REACH

    @classmethod
    async def open(cls, policy: Policy, models: Path, *, least_chance: float) -> Self:
        """Load what the policy needs; a verifier that does not load leaves the guards alone in charge."""
        if policy != "verified":
            return cls(policy)
        try:
            return cls(policy, await Verifier.open(models), least_chance=least_chance)
        except VerifierError as error:
            logger.warning("the guards decide alone", extra={"reason": str(error)})
            return cls("guards")

    async def aclose(self) -> None:
        """Stop the verifier's thread."""
        if self._verifier is not None:
            await self._verifier.aclose()

    @property
    def name(self) -> str:
        """The policy, with the version of the weights that its chances come from."""
        return self._policy if self._verifier is None else f"{self._policy}-{VERSION}"

    async def similarity(self, one: str, other: str) -> float | None:
        """The cosine of two texts by the local model; None without one, or where it cannot read them."""
        if self._verifier is None:
            return None
        try:
            return await self._verifier.cosine(one, other)
        except VerifierError:
            return None

    async def rule(
        self,
        asked: str,
        stored: Sequence[str],
        similarities: Sequence[float] | None = None,
        *,
        needed: float | None = None,
    ) -> list[Ruling]:
        """Rule on every stored question; a verifier that fails leaves the decision to the guards.

        `needed` is the score that a bound on wrong hits asks for, instead of the policy's own. Then a
        verifier that fails accepts nothing: nobody knows how often guards are wrong here.
        """
        rulings = await self.weigh(asked, stored, similarities, needed=needed)
        for ruling in rulings:
            for verdict in ruling.verdicts:
                metrics.semantic_verdicts.labels(verdict.guard, str(verdict.passed).lower()).inc()
        return rulings

    async def weigh(
        self,
        asked: str,
        stored: Sequence[str],
        similarities: Sequence[float] | None = None,
        *,
        needed: float | None = None,
    ) -> list[Ruling]:
        """The same rulings where nothing is to be served: they are not counted."""
        if not stored:
            return []
        cosines = similarities or [1.0] * len(stored)
        if self._policy == "cosine":
            return [scored((), cosine, needed) for cosine in cosines]
        said = [tuple(Verdict(v.name, v.passed, v.reason) for v in judge(asked, text)) for text in stored]
        return await self._ruled(asked, stored, said, cosines, needed)

    async def _ruled(
        self,
        asked: str,
        stored: Sequence[str],
        said: Sequence[tuple[Verdict, ...]],
        cosines: Sequence[float],
        needed: float | None,
    ) -> list[Ruling]:
        if self._verifier is None:
            return [scored(*pair, needed) for pair in zip(said, cosines, strict=True)]
        # Reading a question takes milliseconds, and no chance outweighs a veto.
        open_pairs = [number for number, verdicts in enumerate(said) if not has_veto(verdicts)]
        try:
            heard = [stored[number] for number in open_pairs]
            chances = await self._verifier.chances(asked, heard) if heard else []
        except VerifierError as error:
            metrics.semantic_skipped.labels("VerifierError").inc()
            logger.warning("the verifier was skipped", extra={"reason": str(error)})
            unbounded = needed is None
            return [Ruling(unbounded and all(v.passed for v in verdicts), verdicts) for verdicts in said]
        least = self._least_chance if needed is None else needed
        known = dict(zip(open_pairs, chances, strict=True))
        return [
            verified(verdicts, known[number], least)
            if number in known
            else Ruling(accepted=False, verdicts=verdicts, needed=least, vetoed=True)
            for number, verdicts in enumerate(said)
        ]


def has_veto(verdicts: Sequence[Verdict]) -> bool:
    """Whether a guard refuses a pair whatever a verifier says."""
    return any(not v.passed and v.guard in VETOES for v in verdicts)


def verified(verdicts: tuple[Verdict, ...], chance: float, least: float) -> Ruling:
    """Rule on a pair that no guard has a veto against: the chance decides."""
    enough = chance >= least
    own = Verdict(VERIFIER, enough, f"chance {chance:.2f}, {_needed(least)}")
    return Ruling(enough, (*verdicts, own), chance, least)


def scored(verdicts: tuple[Verdict, ...], cosine: float, needed: float | None) -> Ruling:
    """Rule on a pair without a verifier: every guard has a veto, and a bound may ask for a higher cosine."""
    vetoed = not all(v.passed for v in verdicts)
    if needed is None:
        return Ruling(not vetoed, verdicts, cosine, None, vetoed)
    enough = cosine >= needed
    own = Verdict(BOUND, enough, f"similarity {cosine:.2f}, {_needed(needed)}")
    return Ruling(enough and not vetoed, (*verdicts, own), cosine, needed, vetoed)


def _needed(least: float) -> str:
    return f"needed {least:.2f}" if least <= 1 else "and too little is known to trust any"
