"""Where a job's time went, as bars on one line of time; pure."""

from typing import Final

from msgspec import Struct

from shared.job_records import Record
from shared.wire.outcome import Result, Timings

UNITS: Final = 1000
SEEN_MS: Final = 0.05
"""What took less is left out."""
LEAST: Final = 3
"""Every stage can be seen, however short."""


class Stage(Struct, frozen=True, kw_only=True):
    """One stage: where its bar begins and how wide it is, in thousandths, and what it took in ms."""

    name: str
    kind: str
    x: int
    width: int
    ms: float
    part: bool = False


class Way(Struct, frozen=True):
    """A job from its caller's request to its settle; `total` in ms."""

    total: float
    stages: tuple[Stage, ...]


class _Piece(Struct, frozen=True):
    name: str
    kind: str
    start: float
    ms: float
    part: bool = False


def way_of(record: Record, result: Result | None, *, ingress_ms: float, now_ms: int) -> Way:
    """Lay a job's stages out; for one that has not settled, those that have begun."""
    pieces = [_Piece("ingress", "ingress", 0.0, ingress_ms)]
    queued_ms = max(
        0.0, float((record.started_at_ms or record.completed_at_ms or now_ms) - record.created_at_ms)
    )
    pieces.append(_Piece("queue", "queue", ingress_ms, queued_ms))
    claimed = ingress_ms + queued_ms
    if result is None and record.started_at_ms:
        pieces.append(_Piece("in work", "provider", claimed, max(0.0, float(now_ms - record.started_at_ms))))
    elif result is not None and record.started_at_ms:
        pieces += _worked(record, result, claimed)
    total = max((piece.start + piece.ms for piece in pieces), default=0.0) or 1.0
    return Way(round(total, 1), tuple(_stage(piece, total) for piece in pieces))


def _worked(record: Record, result: Result, claimed: float) -> list[_Piece]:
    """What the last attempt did; earlier ones are the gap between the first claim and it."""
    timings: Timings = result.r.timings
    pieces: list[_Piece] = []
    at = claimed
    lost = max(0.0, float(result.st - (record.started_at_ms or result.st)))
    if lost:
        pieces.append(_Piece("earlier attempts", "ingress", at, lost))
        at += lost
    for name, kind, ms in (("embed", "embed", timings.embed), ("search", "search", timings.search)):
        if ms:
            pieces.append(_Piece(name, kind, at, ms))
            at += ms
    if timings.guards >= SEEN_MS:
        pieces.append(
            _Piece("guards", "guards", max(claimed, at - timings.guards), timings.guards, part=True)
        )
    if timings.provider:
        pieces.append(_Piece("provider", "provider", at, timings.provider))
        if timings.pace:
            pieces.append(_Piece("turn and breaker", "pace", at, timings.pace, part=True))
        if timings.first_token:
            pieces.append(_Piece("to the first token", "pace", at, timings.first_token, part=True))
            rest = max(0.0, timings.provider - timings.first_token)
            pieces.append(_Piece("tokens", "tokens", at + timings.first_token, rest, part=True))
        at += timings.provider
    if record.completed_at_ms:
        end = claimed + float(record.completed_at_ms - (record.started_at_ms or record.completed_at_ms))
        pieces.append(_Piece("settle", "settle", min(at, end), max(0.0, end - at)))
    return pieces


def _stage(piece: _Piece, total: float) -> Stage:
    x = min(UNITS - LEAST, round(piece.start / total * UNITS))
    width = max(LEAST, min(UNITS - x, round(piece.ms / total * UNITS)))
    return Stage(name=piece.name, kind=piece.kind, x=x, width=width, ms=piece.ms, part=piece.part)
