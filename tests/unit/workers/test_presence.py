"""Who is there, and who is missing for good."""

from workers.context import new_worker_id
from workers.reaper import just_connected, presence
from workers.service_time import ServiceTime


def test_a_process_is_never_taken_for_the_one_before_it() -> None:
    """A container that restarts has the same host name and process id, and has none of its jobs."""
    assert new_worker_id() != new_worker_id()


def test_a_connection_carries_its_workers_id_alone_or_before_a_dash() -> None:
    """`w-1` is no part of `w-10`."""
    listed = [{"name": "w-10-bell", "age": "5"}, {"name": "w-2", "age": "5"}, {"name": "", "age": "9"}]
    assert presence(listed, ["w-1", "w-10", "w-2"]) == {"w-1": False, "w-10": True, "w-2": True}


def test_nobody_is_judged_by_a_redis_that_has_just_lost_everybody() -> None:
    """A worker that has not connected again yet looks as a dead one does."""
    assert just_connected([{"age": "0"}, {"age": "1"}])
    assert not just_connected([{"age": "0"}, {"age": "2"}])


def test_throughput_is_unknown_before_the_first_job_and_follows_the_newest() -> None:
    """Ten slots at a second a job are ten jobs a second."""
    service = ServiceTime()
    assert service.per_s(10) == 0
    service.add(1.0)
    assert service.per_s(10) == 10
    for _ in range(100):
        service.add(0.1)
    assert 95 < service.per_s(10) <= 100
