"""Spans of what is done for a request; while nobody collects them, they cost next to nothing.

The trace itself is carried on either way: a caller's `traceparent` reaches the job, its logs and its calls.
"""

import contextlib
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Literal, Protocol, TypeAlias

from shared import traceparent
from shared.errors import BadSetting
from shared.settings import Settings

Kind: TypeAlias = Literal["server", "consumer", "client", "internal"]
Value: TypeAlias = str | int | float | bool | Sequence[str]
Attributes: TypeAlias = Mapping[str, Value]


class Span(Protocol):
    """Something that takes a while; `recorded` says whether it is worth working its attributes out."""

    recorded: bool

    @property
    def traceparent(self) -> str:
        """Its place in its trace, for whom it asks something."""

    def rename(self, name: str) -> None:
        """Call it what it has turned out to be."""

    def note(self, attributes: Attributes) -> None:
        """Say more of it."""

    def fail(self, code: str) -> None:
        """Say that it went wrong, by an error's code."""


class Tracer(Protocol):
    """Whoever collects spans."""

    ratio: float
    """The share of traces that begin here that it wants."""
    content: bool

    def span(
        self, name: str, kind: Kind, parent: str, attributes: Attributes, age_s: float
    ) -> AbstractContextManager[Span]:
        """Begin a span under a parent, '' for a new trace, and end it with the block.

        `age_s` is for how long it had been under way before anybody knew that it would be collected.
        """

    def close(self) -> None:
        """Hand over what has been collected."""


class _Nothing:
    """The span of whoever collects none."""

    recorded = False
    traceparent = ""

    def rename(self, name: str) -> None:
        del name

    def note(self, attributes: Attributes) -> None:
        del attributes

    def fail(self, code: str) -> None:
        del code


NOTHING: Final[Span] = _Nothing()
_tracer: Tracer | None = None


def begins() -> bool:
    """Draw whether a request that belongs to no trace begins one."""
    return _tracer is not None and random.random() < _tracer.ratio  # noqa: S311 - nobody gains by guessing


def with_content() -> bool:
    """Whether questions and answers may be part of spans."""
    return _tracer is not None and _tracer.content


@contextlib.contextmanager
def span(
    name: str,
    kind: Kind = "internal",
    attributes: Attributes | None = None,
    *,
    root: bool = False,
    age_s: float = 0.0,
) -> Iterator[Span]:
    """Collect the block as a span under the current one; what it raises is noted, by its kind alone.

    Without a trace, or in one that its beginner does not keep, nothing is collected, unless a `root` begins.
    """
    parent = traceparent.current.get()
    if _tracer is None or not (traceparent.is_kept(parent) or (root and not parent)):
        yield NOTHING
        return
    with _tracer.span(name, kind, parent, attributes or {}, age_s) as begun:
        token = traceparent.current.set(begun.traceparent)
        try:
            yield begun
        finally:
            traceparent.current.reset(token)


def set_up(process: str, settings: Settings) -> None:
    """Collect spans if the settings say so; raises BadSetting when what it needs is not installed."""
    if settings.tracing == "off":
        return
    try:
        from shared.otel import OtelTracer, otlp_exporter  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise BadSetting(
            "SENTINEL_TRACING", f"needs `pip install sentinel-gateway[otel]` ({error.name} is not there)"
        ) from error
    use(OtelTracer(process, otlp_exporter(), ratio=settings.trace_ratio, content=settings.trace_content))


def use(tracer: Tracer | None) -> None:
    """Hand spans to this tracer from now on."""
    global _tracer  # noqa: PLW0603 - like logging, it is the process's own
    _tracer = tracer


def close() -> None:
    """Hand over what has been collected, and collect no more."""
    if _tracer is not None:
        _tracer.close()
    use(None)
