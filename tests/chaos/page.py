"""A run's report as a page of the documentation; pure."""

from collections.abc import Sequence

from tests.chaos.checker import Violation
from tests.chaos.evidence import Evidence
from tests.chaos.report import KINDS_HEAD, by_kind, figures, verdict

PAGE = """# What a long chaos run showed

Written by `{command}`. Real processes are broken under load while callers
ask; afterwards a checker reads what callers were told, what Redis holds, and the provider's own log of calls
(`tests/chaos/`). Faults come in lanes that overlap; one process is under one fault at a time.

{verdict}

| figure | |
|---|---|
{figures}

A question is *hit* by a fault when a call of it by the worker that was struck (by any, for Redis) was under
way then, or when it was called again because of it. A worker that is killed in the middle of a call has to be
replaced by another call; one that is asked to stop, paused for less than a lease, or cut off for a moment
has not.

| {head} |
|---|---:|---:|---:|---:|
{kinds}

*Worker kill to settled* is from the kill to the outcome of each question that was being called for, with the
second call's own 40 to 500 ms, where no other fault hit Redis, the provider or who took over. *Over to first
success* is from Redis's first reply to the first caller who was served, where other faults left an ingress
alone. The line below each counts all.
"""


def page(evidence: Evidence, violations: Sequence[Violation]) -> str:
    """Lay the report out as Markdown."""
    start = evidence.start
    return PAGE.format(
        command=f"make chaos SEED={start.seed} SECONDS={start.seconds:g} CALLERS={start.callers}",
        verdict="\n".join(verdict(evidence, violations)),
        figures="\n".join(f"| {name.strip()} | {value} |" for name, value in figures(evidence, violations)),
        head=" | ".join(KINDS_HEAD),
        kinds="\n".join(f"| {' | '.join(row)} |" for row in by_kind(evidence)),
    )
