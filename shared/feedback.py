"""What a caller says of an answer: right, or wrong; and what follows for the pairing that it came from."""

from typing import Literal

from msgspec import Struct

from shared import metrics
from shared.errors import NoAnswer, UnknownJob
from shared.job_records import Record
from shared.shards import JobShards
from shared.tallies import Lesson, TallyStore
from shared.wire.outcome import Completed, Match, decode_result
from shared.wrong_pairs import WrongPairs

Said = Literal["right", "wrong"]


class Noted(Struct, frozen=True):
    """What feedback changed; `entry_id` is the entry that was served by meaning, if one was.

    `unpaired` says that the question never again gets it, `learned` that the bound on wrong hits knows.
    """

    entry_id: str | None
    unpaired: bool
    learned: bool


class Feedback:
    """Notes feedback on settled jobs; another word replaces the last, the same one changes nothing."""

    def __init__(self, jobs: JobShards, store: TallyStore, wrong_pairs: WrongPairs) -> None:
        self._jobs = jobs
        self.store = store
        self._wrong_pairs = wrong_pairs

    async def give(self, record: Record, said: Said) -> Noted:
        """Note it; raises NoAnswer for a job without an answer, UnknownJob and RedisUnavailable."""
        match = _served(record)
        question = record.job_id.partition(".")[0]
        if match is not None:
            # First, and as often as it takes: whatever breaks afterwards, the answer does not come again.
            await self._wrong_pairs.bar(record.tenant, question, match.entry_id, allow=said == "right")
        before = await self._jobs.give_feedback(record.job_id, said)
        if before is None:
            raise UnknownJob("No such job, or it has expired.")
        learned = False
        if before != said:
            metrics.judgements.labels("feedback", said).inc()
            learned = await self._learn(record.tenant, match, said, before)
        return Noted(
            entry_id=None if match is None else match.entry_id,
            unpaired=match is not None and said == "wrong",
            learned=learned,
        )

    async def _learn(self, tenant: str, match: Match | None, said: Said, before: str) -> bool:
        if match is None or match.chance is None:
            return False
        lessons = [Lesson(said, match.chance)]
        if before:
            lessons.append(Lesson("wrong" if before == "wrong" else "right", match.chance, times=-1))
        await self.store.learn(tenant, match.policy, lessons)
        return True


def _served(record: Record) -> Match | None:
    """The pairing by which a job was answered; None when it has an answer of its own. Raises NoAnswer."""
    outcome = None if record.outcome is None else decode_result(record.outcome).r
    if record.state != "completed" or not isinstance(outcome, Completed):
        raise NoAnswer(f"The job is {record.state}: there is no answer to judge.")
    own = record.job_id.partition(".")[0]
    match = outcome.match
    by_meaning = outcome.source == "semantic" and (outcome.stale is None or outcome.stale.type == "semantic")
    return match if by_meaning and match is not None and match.entry_id != own else None
