"""What settled jobs teach, on a real Redis: refusals, hits, shadow checks and their money."""

import itertools
import random
from collections.abc import Sequence
from typing import Any, cast

import pytest

from shared import metrics
from shared.redis import keys
from shared.settings import Settings
from shared.wire.outcome import Completed
from tests.integration.test_worker import answered, embedder, provider, until_indexed
from tests.support import worker as support
from tests.support.redis_process import RedisProcess
from tests.support.worker import STOCK, until
from workers.context import WorkerContext
from workers.semantic.judging import Judge
from workers.semantic.verifier.verifier import Verifier

pytestmark = pytest.mark.anyio
NEAR: dict[str, Sequence[float]] = {
    "How tall is Everest?": [1, 0.1] + [0] * 6,
    "How high is Everest?": [1, 0.12] + [0] * 6,
}
FIRST, SECOND = NEAR
POLICY = "cosine@fake/8"


def settings_of(**changes: object) -> Settings:
    """A worker that serves by cosine, under a lax bound, and checks every hit."""
    own: dict[str, Any] = {"semantic_policy": "cosine", "shadow_check_rate": 1.0, "max_false_hit_rate": 0.4}
    return Settings(**{**own, **changes})


async def learned(ctx: WorkerContext) -> tuple[float, float, float]:
    """Proposals, right and wrong ones that the fleet knows of."""
    await ctx.lessons.settle_down()
    tallies = await ctx.lessons._store.read("t", POLICY)
    sums = [sum(getattr(one, name) for one in tallies) for name in ("proposals", "right", "wrong")]
    return sums[0], sums[1], sums[2]


async def trusted(ctx: WorkerContext) -> None:
    """Teach the fleet that hits are right, so that the bound lets them pass."""
    fields = {f"{letter}{place}": 1_000 for letter in "pr" for place in range(24)}
    await ctx.redis.hset(keys.tally(POLICY, "t"), mapping=fields)  # type: ignore[misc]


async def test_a_refused_proposal_is_judged_by_the_answer_bought_instead(
    redis_server: RedisProcess,
) -> None:
    """Nothing is known yet, so nothing hits; what is bought says whether it would have been right."""
    async with (
        support.context(redis_server.url, settings_of(max_false_hit_rate=0.01)) as ctx,
        support.at_work(ctx, STOCK),
    ):
        await ctx.redis.flushall()
        embedder(ctx).table = NEAR
        provider(ctx).reply = lambda _: "8,849 metres"
        await answered(ctx, FIRST)
        await until_indexed(ctx, 1)
        missed = await answered(ctx, SECOND)
        assert isinstance(missed, Completed)
        assert missed.source == "provider"
        assert missed.match is not None
        assert missed.match.guards[-1].guard == "bound"
        assert await learned(ctx) == (1, 1, 0)


async def test_a_hit_is_checked_off_its_callers_path_and_a_wrong_pair_is_never_served_again(
    redis_server: RedisProcess,
) -> None:
    """The check's answer differs: the pair is barred, the bound hears of it, and the money is accounted."""
    async with (
        support.context(redis_server.url, settings_of()) as ctx,
        support.at_work(ctx, STOCK),
    ):
        await ctx.redis.flushall()
        await trusted(ctx)
        embedder(ctx).table = NEAR
        provider(ctx).reply = lambda c: "8,849 metres" if c.question == FIRST else "about 17 degrees"
        await answered(ctx, FIRST)
        await until_indexed(ctx, 1)
        hit = await answered(ctx, SECOND)
        assert isinstance(hit, Completed)
        assert hit.source == "semantic"
        assert hit.answer.text == "8,849 metres"

        async def checked() -> bool:
            return bool(await ctx.redis.exists(keys.wrong_pairs("t")))

        await until(checked)
        assert (await learned(ctx))[2] == 1
        assert await ctx.entries.read(SECOND, "t") is None, "a check stores nothing"
        day_keys = [key async for key in ctx.redis.scan_iter(keys.check_money(0)[:-1] + "*")]
        assert [int(await ctx.redis.get(key)) for key in day_keys] == [42]
        again = await answered(ctx, SECOND)
        assert isinstance(again, Completed)
        assert again.source == "provider"
        assert again.match is not None
        assert again.match.guards[0].guard == "feedback"
        assert await ctx.entries.read(FIRST, "t") is not None, "the entry stays for others"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shadow_check_budget_usd": 0.0}, "over_budget"),
        ({"shadow_check_rate": 0.0}, None),
        ({"max_false_hit_rate": None}, None),
    ],
)
async def test_no_check_is_made_without_money_turn_or_bound(
    redis_server: RedisProcess, changes: dict[str, object], reason: str | None
) -> None:
    """The provider is called once, for the entry."""
    before = metrics.shadow_checks.labels("over_budget")._value.get()
    async with (
        support.context(redis_server.url, settings_of(**changes)) as ctx,
        support.at_work(ctx, STOCK),
    ):
        await ctx.redis.flushall()
        await trusted(ctx)
        embedder(ctx).table = NEAR
        await answered(ctx, FIRST)
        await until_indexed(ctx, 1)
        hit = await answered(ctx, SECOND)
        assert isinstance(hit, Completed)
        assert hit.source == "semantic"
        await ctx.lessons.settle_down()
        assert await ctx.redis.exists(keys.bell("batch")) == 0
        assert len(provider(ctx).calls) == 1
    assert metrics.shadow_checks.labels("over_budget")._value.get() - before == (reason is not None)


async def test_a_caller_who_is_stricter_than_the_settings_gets_a_provider_answer(
    redis_server: RedisProcess,
) -> None:
    """What is good enough for a bound of 40 % is not for one of 0.01 %."""
    async with (
        support.context(redis_server.url, settings_of(shadow_check_rate=0.0)) as ctx,
        support.at_work(ctx, STOCK),
    ):
        await ctx.redis.flushall()
        await trusted(ctx)
        embedder(ctx).table = NEAR
        await answered(ctx, FIRST)
        await until_indexed(ctx, 1)
        strict = await answered(ctx, SECOND, most_wrong=0.0001)
        assert isinstance(strict, Completed)
        assert strict.source == "provider"


class Foretelling:
    """A verifier whose chance for each question the test has drawn."""

    def __init__(self, chances: dict[str, float]) -> None:
        self._chances = chances

    async def chances(self, asked: str, stored: Sequence[str]) -> list[float]:
        """The same against every stored question."""
        return [self._chances[asked]] * len(stored)

    async def cosine(self, one: str, other: str) -> float | None:
        """Answers are equal or far apart."""
        return 1.0 if one == other else 0.1


async def test_live_traffic_stays_under_its_bound_also_after_a_restart(redis_server: RedisProcess) -> None:
    """Chances that are as good as they say: few hits are wrong, and nothing is unlearned."""
    rng, most_wrong, count = random.Random(4), 0.15, 15 * 15
    # In letters: a number would be a veto.
    names = ["".join(pair) for pair in itertools.product("abcdefghijklmno", repeat=2)]
    drawn = {f"How high is it {name}?": rng.random() ** 0.3 for name in names}
    right = {name: rng.random() < chance for name, chance in drawn.items()}
    settings = settings_of(max_false_hit_rate=most_wrong, shadow_check_rate=0.3)
    judge = Judge("verified", cast("Verifier", Foretelling(drawn)))
    served: list[list[bool]] = []
    for run in range(2):
        async with (
            support.context(redis_server.url, settings, f"w{run}", judge) as ctx,
            support.at_work(ctx, STOCK),
        ):
            embedder(ctx).table = dict.fromkeys([*drawn, FIRST], [1, 0.1] + [0] * 6)
            provider(ctx).reply = lambda c: (
                "It is mount Everest." if right.get(c.question, True) else "Nobody has ever measured that."
            )
            if run == 0:
                await ctx.redis.flushall()
                await answered(ctx, FIRST)
            await until_indexed(ctx, 1)
            hits = []
            for name in list(drawn)[run * count // 2 : (run + 1) * count // 2]:
                outcome = await answered(ctx, name, write=False)
                assert isinstance(outcome, Completed)
                if outcome.source == "semantic":
                    hits.append(right[name])
                await ctx.lessons.settle_down()
            served.append(hits)
    both = [*served[0], *served[1]]
    assert both.count(False) <= most_wrong * len(both)
    assert len(served[0]) < len(served[1]), "the second worker begins with what the first has learned"
    assert len(served[1]) > count / 10
