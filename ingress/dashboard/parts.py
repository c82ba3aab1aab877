"""The parts of pages that change by themselves: what each shows, read anew every time."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from ingress.dashboard.board import Board
from ingress.dashboard.filters import LIVE, Filter, read_filter
from shared.heartbeats import Heartbeat
from shared.history import Page
from shared.redis import keys
from shared.redis.connect import translated
from shared.stuck import find_stuck
from shared.submissions import CLASSES

Query = Mapping[str, str]
Values = dict[str, Any]
LISTED = 50


class WorkerLine(Struct, frozen=True, kw_only=True):
    """A worker: its last heartbeat, how it takes jobs, how many it holds, how long ago it was heard."""

    beat: Heartbeat
    mode: str
    leases: int
    heard_ms: int


class ClassLine(Struct, frozen=True, kw_only=True):
    """A class of jobs, and how many submissions of it no worker has heard yet."""

    name: str
    paused: bool
    rung: int


async def overview(board: Board, _query: Query) -> Values:
    """Everything at a glance."""
    return {"o": await board.overview.get()}


async def jobs(board: Board, query: Query) -> Values:
    """One page of jobs."""
    asked = read_filter(query)
    return {"f": shown(board, asked, page := await find(board, asked)), "page": page}


async def find(board: Board, asked: Filter, count: int = LISTED) -> Page:
    """The jobs that fit, settled or not; raises BadRequest and RedisUnavailable."""
    if asked.state in LIVE:
        state: Literal["queued", "in_progress"] = "queued" if asked.state == "queued" else "in_progress"
        rows = await board.history.live(state, asked.wanted, count=count)
        return Page(rows=rows, after="", looked_at=len(rows))
    return await board.history.settled(asked.wanted, after=asked.after, count=count)


def shown(board: Board, asked: Filter, page: Page) -> Values:
    """A filter as the templates take it."""
    settings = board.ctx.settings
    return {
        "id": asked.id,
        "state": asked.state,
        "tabs": asked.tabs,
        "choices": [
            ("hit", "Answer from", ("miss", "semantic", "stale")),
            ("model", "Model", settings.known_models),
            ("class", "Class", CLASSES),
        ],
        "chosen": asked.chosen,
        "since": asked.since,
        "until": asked.until,
        "any": asked.any,
        "after": asked.after,
        "query": asked.query,
        "first": asked.first,
        "next": asked.next(page.after),
    }


async def workers(board: Board, _query: Query) -> Values:
    """The workers that live."""
    beats = await board.ctx.heartbeats.alive()
    async with translated(), board.ctx.queue.pipeline(transaction=False) as pipe:
        pipe.time()
        for beat in beats:
            pipe.scard(keys.held(beat.worker))
            pipe.zscore(keys.workers(), beat.worker)
        (seconds, micros), *rest = await pipe.execute()
    now_ms = seconds * 1000 + micros // 1000
    lines = [
        WorkerLine(
            beat=beat, mode=beat.mode, leases=int(leases), heard_ms=max(0, now_ms - int(heard or now_ms))
        )
        for beat, leases, heard in zip(beats, rest[::2], rest[1::2], strict=True)
    ]
    return {"workers": lines}


async def queues(board: Board, _query: Query) -> Values:
    """The classes of jobs, and the bounds that they wait in."""
    paused = await board.control.paused()
    load = board.ctx.queue_watch.latest
    rung = {"interactive": load.bell_interactive, "batch": load.bell_batch} if load else {}
    classes = [ClassLine(name=name, paused=paused[name], rung=rung.get(name, 0)) for name in CLASSES]
    return {
        "classes": classes,
        "load": load,
        "settings": board.ctx.settings,
        "servers": 1 + len(board.ctx.further_queues),
    }


async def stuck(board: Board, _query: Query) -> Values:
    """The jobs that do not get on."""
    settings = board.ctx.settings
    found = await find_stuck(
        (board.ctx.queue, *board.ctx.further_queues),
        wait_s=settings.stuck_wait_s,
        run_s=settings.provider_deadline_s * (1 + settings.provider_retries_max),
        deadline_s=2 * settings.redis_timeout_s,
    )
    return {"stuck": found}


PARTS: Mapping[str, tuple[Callable[[Board, Query], Awaitable[Values]], Mapping[str, str]]] = {
    "overview": (overview, {"now": "_now.html", "charts": "_charts.html", "recent": "_recent.html"}),
    "jobs": (jobs, {"list": "_list.html"}),
    "workers": (workers, {"workers": "_workers.html"}),
    "queues": (queues, {"queues": "_queues.html"}),
    "stuck": (stuck, {"stuck": "_stuck.html"}),
}
"""Live page → what reads its values, and the templates of its parts by the element that they fill."""
