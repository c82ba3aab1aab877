"""No two faults hit one process."""

import asyncio

from tests.chaos.targets import Targets


async def _overlapping() -> list[str]:
    targets, order = Targets(), []

    async def storm() -> None:
        await targets.take_all(["b", "a"])
        order.append("storm has all")
        await targets.release(["a", "b"])

    first = await targets.take_one(["a", "b"])
    second = await targets.take_one(["a", "b"])
    order += [first, second]
    storming = asyncio.create_task(storm())
    waiting = asyncio.create_task(targets.take_one(["b", "c"]))
    order.append(await waiting)
    await targets.release([second])
    order.append("one is free")
    await targets.release([first])
    await storming
    return order


def test_a_taker_gets_a_free_one_and_a_taker_of_all_waits_for_all() -> None:
    """What one fault has, no other gets until it is given back."""
    assert asyncio.run(_overlapping()) == ["a", "b", "c", "one is free", "storm has all"]
