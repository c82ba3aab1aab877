"""What an asker makes of a settled look at what is near an entry."""

from collections.abc import Callable

import msgspec
import pytest

from shared.errors import DeadlineExceeded, NotFound, SentinelError, Unavailable
from shared.settings import Settings
from shared.similar import given_up, neighbours_in, submission_of
from shared.wire.embedding import decode_job as decode_embed_job
from shared.wire.job import Payload, TooNew, decode_job as decode_question, decode_payload
from shared.wire.outcome import Failed
from shared.wire.similar import Neighbours, NeighboursResult, SimilarJob, decode_job, encode_payload

pytestmark = pytest.mark.unit


def settled(found: object) -> bytes:
    """A result as a worker lays it out; `found` may be what another release says."""
    facts = {"t": 1, "f": "similar", "et": 1, "s": True, "st": 1, "ft": 2, "q": "q", "id": "i"}
    return msgspec.msgpack.encode({**facts, "a": (), "k": {}, "r": found})


def test_neighbours_are_read_as_they_were_found() -> None:
    """Whatever is in them."""
    found = Neighbours(known=True, policy="guards", threshold=0.9)
    assert neighbours_in(settled(found)) == found


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (Failed.from_error(NotFound("no entry")), NotFound),
        (Failed.from_error(DeadlineExceeded("too late")), Unavailable),
        ("function 'similar' not found", Unavailable),
    ],
)
def test_what_a_worker_could_not_do_is_an_error(found: object, error: type[SentinelError]) -> None:
    """An entry that is gone is not found; for all else, an older worker too, one may come again."""
    with pytest.raises(error) as told:
        neighbours_in(settled(found))
    assert (told.value.retry_after_s is not None) == (error is Unavailable)


def test_a_job_of_a_later_release_is_left_to_its_workers() -> None:
    """They come with the roll-out."""
    job = SimilarJob(v=2, tenant="t", entry_id="e")
    with pytest.raises(TooNew):
        decode_job(decode_payload(encode_payload(job, 0)))


def test_a_look_is_nobodys_job() -> None:
    """No tenant, no key, no budget; and its id is not its entry's. Given up, it leaves no row of history."""
    submission = submission_of("t", "e", Settings(), request_id="r")
    assert not {"tenant", "key_id", "model"} & set(submission.record)
    assert submission.fingerprint not in (
        "e",
        submission_of("u", "e", Settings(), request_id="r").fingerprint,
    )
    assert submission.reservation.cost == 0
    assert given_up(Settings(), "j").history_jobs == 0
    assert isinstance(
        msgspec.msgpack.decode(given_up(Settings(), "j").outcome, type=NeighboursResult).r, Failed
    )


@pytest.mark.parametrize(
    "decode", [decode_job, decode_embed_job, decode_question], ids=["similar", "embed", "answer"]
)
def test_a_later_version_is_known_by_its_number_whatever_else_it_has(
    decode: Callable[[Payload], object],
) -> None:
    """Its worker comes: a shape that nobody here knows is no reason to fail the job."""
    later = msgspec.msgpack.encode({"t": None, "f": "f", "a": (), "k": {"job": {"v": 2, "new": 1}}, "et": 1})
    with pytest.raises(TooNew):
        decode(decode_payload(later))
