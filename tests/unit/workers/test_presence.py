"""Who is there, and who is missing for good."""

from workers.context import new_worker_id
from workers.reaper import Presence
from workers.service_time import ServiceTime


def test_a_process_is_never_taken_for_the_one_before_it() -> None:
    """A container that restarts has the same host name and process id, and has none of its jobs."""
    assert new_worker_id() != new_worker_id()


def test_a_worker_is_dead_after_two_misses_and_only_once() -> None:
    """One miss may be a reconnect."""
    presence = Presence()
    assert presence.look({"a", "b"}, ["a", "b"]) == []
    assert presence.look({"b"}, ["a", "b"]) == []
    assert presence.look({"b"}, ["a", "b"]) == ["a"]
    assert presence.look({"b"}, ["a", "b"]) == []


def test_a_worker_that_comes_back_is_not_dead() -> None:
    """Misses must be in a row."""
    presence = Presence()
    presence.look({"a"}, ["a"])
    presence.look(set(), ["a"])
    presence.look({"a"}, ["a"])
    assert presence.look(set(), ["a"]) == []


def test_a_worker_that_was_never_seen_is_not_judged() -> None:
    """It may have other means, or be starting; the lease decides."""
    presence = Presence()
    assert [presence.look(set(), ["a"]) for _ in range(5)] == [[]] * 5


def test_whoever_takes_over_remembers_who_was_there() -> None:
    """The looker itself may be the one that died."""
    presence = Presence()
    presence.remember({"looker", "me"})
    assert presence.look({"me"}, ["looker", "me"]) == []
    assert presence.look({"me"}, ["looker", "me"]) == ["looker"]


def test_misses_before_trouble_do_not_count_after_it() -> None:
    """A Redis that restarted has lost everybody's connections."""
    presence = Presence()
    presence.look({"a"}, ["a"])
    presence.look(set(), ["a"])
    presence.forgive()
    assert presence.look(set(), ["a"]) == []
    assert presence.look(set(), ["a"]) == ["a"]


def test_throughput_is_unknown_before_the_first_job_and_follows_the_newest() -> None:
    """Ten slots at a second a job are ten jobs a second."""
    service = ServiceTime()
    assert service.per_s(10) == 0
    service.add(1.0)
    assert service.per_s(10) == 10
    for _ in range(100):
        service.add(0.1)
    assert 95 < service.per_s(10) <= 100
