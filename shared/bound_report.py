"""How policies fare: by tenant and in total, for the admin API, the command and the metrics; pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from msgspec import Struct

from shared.error_bound import Estimate, together
from shared.settings import Settings
from shared.tallies import Known


class Total(Struct, frozen=True):
    """One policy over all tenants: how many serve, how many still learn, and how the hits fare."""

    policy: str
    estimate: Estimate
    serving: int
    learning: int


class Row(Struct, frozen=True, kw_only=True):
    """One tenant under one policy, as it is shown.

    `threshold` is the least score of a hit, null while nothing hits; `wrong` the estimated share of wrong
    hits with its 99 % interval; `hit_share` the share of proposals that hits; all shares are 0 to 1.
    """

    tenant: str
    policy: str
    max_false_hit_rate: float | None
    threshold: float | None
    wrong: float
    lower: float
    upper: float
    hit_share: float
    judged: int
    proposals: int


def row_of(known: Known, settings: Settings) -> Row:
    """Lay one tenant's tally out."""
    estimate = known.estimate(settings.max_false_hit_rate, static_threshold(known.policy, settings))
    return Row(
        tenant=known.tenant,
        policy=known.policy,
        max_false_hit_rate=settings.max_false_hit_rate,
        threshold=round(estimate.threshold, 4) if estimate.serves else None,
        wrong=round(estimate.wrong, 5),
        lower=round(estimate.lower, 5),
        upper=round(estimate.upper, 5),
        hit_share=round(estimate.hit_share, 5),
        judged=int(estimate.judged),
        proposals=int(estimate.proposals),
    )


def totals(known: Sequence[Known], settings: Settings) -> Iterator[Total]:
    """Every policy over its tenants."""
    by_policy: dict[str, list[Estimate]] = defaultdict(list)
    for one in known:
        static = static_threshold(one.policy, settings)
        by_policy[one.policy].append(one.estimate(settings.max_false_hit_rate, static))
    for policy, estimates in by_policy.items():
        serving = sum(estimate.serves for estimate in estimates)
        yield Total(policy, together(estimates), serving, len(estimates) - serving)


def static_threshold(policy: str, settings: Settings) -> float:
    """The score from which a policy serves without a bound; by cosine, all that is proposed."""
    return settings.verifier_chance if policy.startswith("verified") else 0.0
