"""Which faults there are, and the order in which a seed picks them."""

import random
from collections.abc import Iterator, Sequence

from tests.chaos.faults import clock, ingresses, links, poison, provider, redis_server, workers
from tests.chaos.faults.fault import Fault

ALL: tuple[type[Fault], ...] = (
    workers.WorkerKill,
    workers.WorkerPauseShort,
    workers.WorkerPauseLong,
    workers.WorkerTerm,
    workers.WorkerStorm,
    ingresses.IngressKill,
    ingresses.IngressTerm,
    redis_server.RedisKill,
    redis_server.RedisPause,
    redis_server.DropSubscribers,
    redis_server.DropClients,
    redis_server.RedisFull,
    redis_server.RedisReadOnly,
    links.LinkHole,
    links.LinkReset,
    links.LinkSlow,
    provider.ProviderError,
    provider.ProviderHang,
    provider.ProviderClose,
    provider.ProviderGarbage,
    provider.ProviderSlow,
    poison.PoisonJob,
    clock.ClockSkew,
)


def offered() -> dict[str, type[Fault]]:
    """Every kind that this machine can do, by name."""
    return {kind.kind: kind for kind in ALL if kind is not clock.ClockSkew or clock.library() is not None}


def chosen(names: Sequence[str]) -> list[type[Fault]]:
    """Find kinds by name, all when none is named; raises ValueError for one that is not offered."""
    kinds = offered()
    unknown = set(names) - kinds.keys()
    if unknown:
        raise ValueError(f"not offered here: {', '.join(sorted(unknown))}; offered: {', '.join(kinds)}")
    return [kinds[name] for name in names or kinds]


def sequence(kinds: Sequence[type[Fault]], draws: random.Random) -> Iterator[type[Fault]]:
    """Yield kinds for ever, each as often as the others: one shuffled bag after another."""
    while True:
        yield from draws.sample(kinds, len(kinds))
