"""Jobs as an ingress hands them in, and the settlements that end them."""

from shared.job_records import State
from shared.jobs import JobQueue
from shared.settlements import Settlement
from shared.submissions import Submission, Submitted

LEASE_MS = 3_000


def submission(question: str = "q", *, depth_max: int = 100, deadline_ms: int = 60_000) -> Submission:
    """A job whose fingerprint is its question."""
    return Submission(
        flight_id=question,
        fingerprint=question,
        payload=b"payload of " + question.encode(),
        priority="interactive",
        deadline_ms=deadline_ms,
        depth_max=depth_max,
        record={"tenant": "t", "model": "m", "metadata": "{}"},
    )


async def submit(jobs: JobQueue, question: str = "q", inbox: str = "sentinel:inbox:a") -> Submitted:
    """Submit a question for one waiting ingress."""
    return await jobs.submit(submission(question), interest=inbox, for_ms=5_000)


def settlement(state: State = "completed", *, handoff_ms: int = 2_000, commit: bytes = b"") -> Settlement:
    """A settlement whose parts can be recognised."""
    return Settlement(
        state=state,
        outcome=b"outcome",
        keep_ms=60_000,
        handoff_ms=handoff_ms,
        commit=commit,
        announcement=b"announcement",
    )
