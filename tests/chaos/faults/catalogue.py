"""Which faults there are, in which lanes they come, and the order in which a seed picks them."""

import random
from collections.abc import Iterator, Sequence

from msgspec import Struct

from tests.chaos.faults import clock, ingresses, links, poison, provider, redis_server, workers
from tests.chaos.faults.fault import Fault


class Lane(Struct, frozen=True):
    """Faults that come one after the other, with a pause between two, in seconds; lanes overlap."""

    name: str
    pause_s: tuple[float, float]
    kinds: tuple[type[Fault], ...]


LANES = (
    Lane(
        "workers",
        (0.2, 1.0),
        (
            workers.WorkerKill,
            workers.WorkerPauseShort,
            workers.WorkerPauseLong,
            workers.WorkerTerm,
            workers.WorkerStorm,
        ),
    ),
    Lane("ingresses", (2.0, 5.0), (ingresses.IngressKill, ingresses.IngressTerm)),
    Lane("links", (0.2, 1.0), (links.LinkHole, links.LinkReset, links.LinkSlow)),
    Lane(
        "provider",
        (3.0, 6.0),
        (
            provider.ProviderError,
            provider.ProviderHang,
            provider.ProviderClose,
            provider.ProviderGarbage,
            provider.ProviderSlow,
        ),
    ),
    # Rarer: what one server does to all hides what other lanes do to one, and so does an open breaker.
    Lane(
        "redis",
        (4.0, 8.0),
        (
            redis_server.RedisKill,
            redis_server.RedisPause,
            redis_server.DropSubscribers,
            redis_server.DropClients,
            redis_server.RedisFull,
            redis_server.RedisReadOnly,
        ),
    ),
    Lane("poison", (15.0, 30.0), (poison.PoisonJob,)),
    Lane("clock", (8.0, 20.0), (clock.ClockSkew,)),
)


def offered() -> dict[str, type[Fault]]:
    """Every kind that this machine can do, by name."""
    kinds = [kind for lane in LANES for kind in lane.kinds]
    return {kind.kind: kind for kind in kinds if kind is not clock.ClockSkew or clock.library() is not None}


def chosen(names: Sequence[str]) -> list[type[Fault]]:
    """Find kinds by name, all when none is named; raises ValueError for one that is not offered."""
    kinds = offered()
    unknown = set(names) - kinds.keys()
    if unknown:
        raise ValueError(f"not offered here: {', '.join(sorted(unknown))}; offered: {', '.join(kinds)}")
    return [kinds[name] for name in names or kinds]


def lanes_of(kinds: Sequence[type[Fault]], *, pauses: float = 1.0) -> list[Lane]:
    """The lanes with only these kinds, without those that have none; `pauses` is a share of the usual."""
    kept = [
        Lane(
            lane.name,
            (lane.pause_s[0] * pauses, lane.pause_s[1] * pauses),
            tuple(k for k in lane.kinds if k in kinds),
        )
        for lane in LANES
    ]
    return [lane for lane in kept if lane.kinds]


def sequence(kinds: Sequence[type[Fault]], draws: random.Random) -> Iterator[type[Fault]]:
    """Yield kinds for ever, each as often as the others: one shuffled bag after another."""
    while True:
        yield from draws.sample(kinds, len(kinds))
