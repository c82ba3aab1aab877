"""Many callers of one job: each at its own speed."""

import msgspec
import pytest

from ingress.hearing import HELD_MAX, Hearings
from shared.tokens import Event

pytestmark = pytest.mark.unit
JOB = "fp.1"


def tell(hearings: Hearings, first: int, count: int) -> None:
    """Let the token channel say some events, as append_tokens.lua does."""
    lines = [JOB]
    for number in range(first, first + count):
        lines += [f"{number}-0", msgspec.json.encode([number]).decode()]
    hearings.tell("\n".join(lines).encode())


def test_who_reads_slowly_is_sent_to_the_store_and_slows_nobody() -> None:
    """The quick reader has it all in hand; the slow one holds nothing, and knows that it must read on."""
    hearings = Hearings()
    taken: list[Event] = []
    with hearings.of(JOB) as slow, hearings.of(JOB) as quick:
        for first in range(1, HELD_MAX + 51, 50):
            tell(hearings, first, 50)
            taken += quick.take()
        assert len(taken) == HELD_MAX + 50
        assert not quick.missed
        assert slow.missed
        assert slow.take() == []


def test_who_leaves_takes_nobody_along() -> None:
    """The others hear on, and what nobody hears is not kept."""
    hearings = Hearings()
    with hearings.of(JOB) as stays:
        with hearings.of(JOB):
            tell(hearings, 1, 1)
        tell(hearings, 2, 1)
        assert [event.id for event in stays.take()] == ["1-0", "2-0"]
    tell(hearings, 3, 1)
    with hearings.of(JOB) as later:
        assert later.take() == []


def test_after_a_lost_connection_everybody_reads_on_from_the_store() -> None:
    """Whatever was said meanwhile is there."""
    hearings = Hearings()
    with hearings.of(JOB) as one, hearings.of("fp.2") as other:
        hearings.interrupted()
        assert one.missed
        assert other.missed
        assert one.arrived.is_set()
