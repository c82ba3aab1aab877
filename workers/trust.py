"""The semantic step and what it learns from, put together over one embedder, one index and one judge."""

from pathlib import Path

from redis.asyncio import Redis

from shared.cache import EntryStore
from shared.settings import Settings
from shared.tallies import TallyStore
from shared.wrong_pairs import WrongPairs
from workers.checking import Checks
from workers.lessons import Lessons
from workers.semantic.bounds import Bounds
from workers.semantic.embedder import Embedder
from workers.semantic.judging import Judge
from workers.semantic.nearest import Semantic
from workers.semantic.neighbours import VectorIndex
from workers.semantic.proposing import Proposer
from workers.shadow import ShadowPolicy


def semantic_step(
    settings: Settings,
    home: Redis,
    embedder: Embedder,
    index: VectorIndex,
    entries: EntryStore,
    judge: Judge,
    shadow: ShadowPolicy | None = None,
) -> tuple[Semantic, Lessons]:
    """Build the step and its lessons; `home` is the fleet's home Redis, where both remember."""
    store = TallyStore(home, remembered=settings.bound_memory)
    wrong_pairs = WrongPairs(home, kept=settings.wrong_pairs_kept)
    # Cosines of other embedders mean other things: what is learned is of both.
    policy = f"{judge.name}@{embedder.name}"
    bounds = Bounds(store, policy, most_wrong=settings.max_false_hit_rate)
    semantic = Semantic(
        embedder,
        index,
        entries,
        threshold=settings.similarity_threshold,
        deadline_s=settings.embed_deadline_s,
        vendor=embedder.vendor,
        judge=judge,
        bounds=bounds,
        wrong_pairs=wrong_pairs,
    )
    checks = Checks(home, entries, settings)
    return semantic, Lessons(store, wrong_pairs, checks, judge, bounds, shadow)


async def open_judge(settings: Settings) -> Judge:
    """Load what the policy in force needs."""
    models = Path(settings.local_model_dir)
    return await Judge.open(settings.semantic_policy, models, least_chance=settings.verifier_chance)


async def open_shadow(
    settings: Settings, embedder: Embedder, index: VectorIndex, entries: EntryStore
) -> ShadowPolicy | None:
    """Load the policy that is only compared with it; None when there is none."""
    if settings.shadow_policy == "none":
        return None
    models = Path(settings.local_model_dir)
    judge = await Judge.open(settings.shadow_policy, models, least_chance=settings.shadow_policy_chance)
    threshold = settings.shadow_policy_threshold
    return ShadowPolicy(
        Proposer(index, entries),
        judge,
        space=embedder.name,
        threshold=judge.threshold(embedder.threshold) if threshold is None else threshold,
    )
