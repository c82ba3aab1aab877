"""How many workers a load calls for."""

import pytest

from shared.load import Load, desired_workers


def _load(due: int = 0, busy: int = 0, workers: int = 2) -> Load:
    return Load(
        due=due,
        oldest_wait_ms=0,
        in_work=busy,
        bell_interactive=due,
        bell_batch=0,
        workers=workers,
        slots=workers * 10,
        busy=busy,
    )


@pytest.mark.parametrize(
    ("load", "workers"),
    [
        (_load(), 1),
        (_load(busy=5), 1),
        (_load(busy=6), 2),
        (_load(due=45, busy=5), 10),
        (_load(due=40, busy=10), 10),
    ],
)
def test_every_job_gets_a_slot_and_some_stay_free(load: Load, workers: int) -> None:
    """Ten slots of which half should be busy: one worker for each five jobs, waiting or running."""
    assert desired_workers(load, slots=10, utilisation=0.5) == workers


def test_the_number_does_not_depend_on_the_workers_that_are_there() -> None:
    """An autoscaler that follows it arrives and stays."""
    loads = [_load(due=30, busy=10, workers=1), _load(due=0, busy=40, workers=8)]
    assert len({desired_workers(load, slots=10, utilisation=0.5) for load in loads}) == 1
