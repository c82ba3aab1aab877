from collections.abc import Sequence
from pathlib import Path
from typing import cast

import anyio
import pytest

from workers.semantic.judging import REACH, Judge, verified
from workers.semantic.verifier.verifier import Verifier, VerifierError

ASKED = "How do I enable 2FA?"
STORED = ("How do I disable 2FA?", "How can 2FA be enabled?")
pytestmark = pytest.mark.anyio


class Believing:
    """A verifier that is sure of everything."""

    async def chances(self, _: str, stored: Sequence[str]) -> list[float]:
        """Give every pair the same chance."""
        return [0.95] * len(stored)


class Broken:
    """A verifier that fails."""

    async def chances(self, _: str, __: Sequence[str]) -> list[float]:
        """Fail."""
        raise VerifierError("broken on purpose")


def judge_with(verifier: object) -> Judge:
    """A judge of the verified policy with a stand-in."""
    return Judge("verified", cast("Verifier", verifier))


async def test_by_cosine_alone_everything_proposed_is_accepted() -> None:
    """The policy for those who know that their questions are far apart."""
    assert [r.accepted for r in await Judge("cosine").rule(ASKED, STORED)] == [True, True]


async def test_a_guard_that_refuses_decides_where_there_is_no_verifier() -> None:
    """Guards are then all there is."""
    rulings = await Judge("guards").rule(ASKED, STORED)
    assert [r.accepted for r in rulings] == [False, True]
    assert {v.guard for v in rulings[0].verdicts if not v.passed} == {"polarity", "substitution"}


async def test_the_verifier_outweighs_guards_without_a_veto() -> None:
    """It has the guards' verdicts among its numbers; both are reported."""
    rulings = await judge_with(Believing()).rule("What does no, I mean, rent cost?", ["What does rent cost?"])
    assert rulings[0].accepted
    assert rulings[0].verdicts[-1].guard == "verifier"


async def test_a_veto_holds_against_the_verifier() -> None:
    """Another number or another direction is another answer, however alike the rest is."""
    rulings = await judge_with(Believing()).rule(
        "Trains from London to Paris", ["Trains from Paris to London", "Trains from London to Paris please"]
    )
    assert [r.accepted for r in rulings] == [False, True]


async def test_a_broken_verifier_leaves_the_decision_to_the_guards() -> None:
    """A step that fails never loosens the policy."""
    rulings = await judge_with(Broken()).rule(ASKED, STORED)
    assert [r.accepted for r in rulings] == [False, True]
    assert all(r.chance is None for r in rulings)


async def test_a_verifier_that_does_not_load_leaves_the_guards(tmp_path: Path) -> None:
    """An unwritable place for models costs the verifier, not the worker."""
    place = tmp_path / "a file"
    place.write_text("")
    with anyio.fail_after(20):
        judge = await Judge.open("verified", place, least_chance=0.5)
    assert judge.threshold(0.88) == 0.88
    assert judge_with(Believing()).threshold(0.88) == pytest.approx(0.88 - REACH)


def test_a_chance_below_the_least_is_refused_and_says_so() -> None:
    """The reason holds both figures."""
    ruling = verified((), 0.79, 0.8)
    assert not ruling.accepted
    assert ruling.verdicts[-1].reason == "chance 0.79, needed 0.80"


async def test_what_a_guard_has_a_veto_against_is_not_read_by_the_verifier() -> None:
    """That takes milliseconds, and would change nothing."""
    heard: list[str] = []

    class Listening:
        async def chances(self, _: str, stored: Sequence[str]) -> list[float]:
            heard.extend(stored)
            return [0.95] * len(stored)

    judge = judge_with(Listening())
    vetoed, accepted = await judge.rule(
        "How do I add 2 users?", ("How do I add 3 users?", "How to add 2 users?")
    )
    assert heard == ["How to add 2 users?"]
    assert (vetoed.accepted, vetoed.vetoed, vetoed.chance) == (False, True, None)
    assert accepted.accepted
    heard.clear()
    assert not (await judge.rule("How do I add 2 users?", ("How do I add 3 users?",)))[0].accepted
    assert heard == []
