"""How far stored answers are trusted, and what finding that out may cost."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from shared.settings.kinds import Count, Dollars

Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class TrustSettings:
    """How far stored answers are trusted, and what finding that out may cost."""

    max_false_hit_rate: Annotated[
        Annotated[float, Meta(gt=0, le=0.5)] | None,
        Meta(
            description="most semantic hits that may be wrong, as a share (0.01: one in a hundred); the "
            "threshold is then learned from judged answers, for each tenant, and nothing hits "
            "until enough is known; default: no bound, SENTINEL_VERIFIER_CHANCE or the "
            "threshold decides; see docs/QUALITY.md"
        ),
    ] = None
    shadow_check_rate: Annotated[
        Share,
        Meta(
            description="share of hits under a bound whose question is also sent to the provider, as a "
            "batch job that nobody waits for, to compare the answers; without any, hits are "
            "only judged by feedback"
        ),
    ] = 0.05
    shadow_check_budget_usd: Annotated[
        Dollars,
        Meta(
            description="what these checks may cost the fleet in a day (UTC), in dollars; a hit whose "
            "price is not known is not checked"
        ),
    ] = 1.0
    bound_memory: Annotated[
        Count,
        Meta(
            description="proposals of a tenant that are remembered; past it all counts are halved, so that "
            "what is old counts less"
        ),
    ] = 20_000
    wrong_pairs_kept: Annotated[
        Count,
        Meta(description="wrong pairs of a tenant that are remembered; past it the oldest may match again"),
    ] = 10_000
    key_writes_per_hour: Annotated[
        Annotated[int, Meta(ge=0, le=100_000_000)],
        Meta(
            description="answers that one API key may add to the cache in an hour, so that none floods it; "
            "0: any number; what is beyond is answered and not kept"
        ),
    ] = 100_000
    shared_after_tenants: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)],
        Meta(
            description="how many tenants must have bought an answer to a question, each on its own, before "
            "all have it; 0: no tenant ever has another's; see docs/SECURITY.md before changing it"
        ),
    ] = 0
    shadow_policy: Annotated[
        Literal["none", "cosine", "guards", "verified"],
        Meta(
            description="a second policy that is asked about the same questions once they are answered, "
            "and changes nothing; `sentinel_shadow_policy_total` tells where the two differ"
        ),
    ] = "none"
    shadow_policy_threshold: Annotated[
        Share | None,
        Meta(description="least cosine of the second policy; default: the embedder's calibrated one"),
    ] = None
    shadow_policy_chance: Annotated[Share, Meta(description="least chance of the second policy")] = 0.8
