"""Why an answer to one question would serve another, or would not: for people and for programs; pure."""

from typing import Final

from msgspec import Struct

from workers.semantic.judging import REACH, VETOES, Policy
from workers.semantic.lab import Explained
from workers.semantic.minilm import LocalEmbedder
from workers.semantic.wording import MATCH, refused_for, too_far, too_unlikely

GREEN, RED, BOLD, RESET = "\033[32m", "\033[31m", "\033[1m", "\033[0m"
_VETO: Final = " (a veto)"
POLICIES: Final[tuple[Policy, ...]] = ("cosine", "guards", "verified")


class GuardSaid(Struct, frozen=True):
    """One guard; `veto` says that under the policy in force nothing overrules it."""

    guard: str
    passed: bool
    reason: str
    veto: bool


class Explanation(Struct, frozen=True, kw_only=True):
    """Everything that is said of a pair, and what it comes to under each policy."""

    policy: Policy
    match: bool
    verdict: str
    similarity: float
    threshold: float
    chance: float
    chance_needed: float
    guards: tuple[GuardSaid, ...]
    policies: dict[str, bool]


def explanation(said: Explained, policy: Policy, threshold: float | None, chance: float) -> Explanation:
    """Put together what everybody said; `threshold` is the cosine that guards alone ask for."""
    least = LocalEmbedder.threshold if threshold is None else threshold
    limits: dict[Policy, float] = {"cosine": least, "guards": least, "verified": chance}
    # A threshold of one's own is taken as it is; the default one leaves the verifier some reach.
    reach = REACH if threshold is None else 0.0
    matches = {name: said.score(name, least + REACH - reach) >= limits[name] for name in POLICIES}
    needed = least - reach if policy == "verified" else least
    return Explanation(
        policy=policy,
        match=matches[policy],
        verdict=_in_words(said, policy, needed, chance, match=matches[policy]),
        similarity=round(said.cosine, 4),
        threshold=round(needed, 4),
        chance=round(said.chance, 4),
        chance_needed=chance,
        guards=tuple(GuardSaid(v.guard, v.passed, v.reason, _vetoes(policy, v.guard)) for v in said.verdicts),
        policies={str(name): match for name, match in matches.items()},
    )


def table(told: Explanation, *, colour: bool) -> str:
    """Lay an explanation out for a terminal."""
    near = told.similarity >= told.threshold
    rows = [("similarity", near, f"{told.similarity:.3f}, needed {told.threshold:.2f}")]
    rows += [(g.guard, g.passed, g.reason + (_VETO if g.veto and not g.passed else "")) for g in told.guards]
    if told.policy == "verified":
        enough = told.chance >= told.chance_needed
        rows.append(("verifier", enough, f"chance {told.chance:.3f}, needed {told.chance_needed:.2f}"))
    lines = [f"{name:13} {_mark(passed, colour)} {reason}" for name, passed, reason in rows]
    others = ", ".join(f"{name} {'match' if match else 'no match'}" for name, match in told.policies.items())
    head = f"{BOLD}{told.verdict}{RESET}" if colour else told.verdict
    return "\n".join([head, "", *lines, "", f"by policy     {others}", ""])


def _in_words(said: Explained, policy: Policy, needed: float, chance: float, *, match: bool) -> str:
    if match:
        return MATCH
    if said.cosine < needed:
        return too_far(said.cosine, needed)
    refused = [v for v in said.verdicts if not v.passed]
    vetoes = [v for v in refused if _vetoes(policy, v.guard)]
    if vetoes:
        return refused_for([v.reason for v in vetoes])
    return too_unlikely(said.chance, chance, [v.reason for v in refused])


def _vetoes(policy: Policy, guard: str) -> bool:
    return policy == "guards" or (policy == "verified" and guard in VETOES)


def _mark(passed: bool, colour: bool) -> str:  # noqa: FBT001 - two faces of one mark
    mark = "yes" if passed else "no "
    return f"{GREEN if passed else RED}{mark}{RESET}" if colour else mark
