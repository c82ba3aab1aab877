"""Two tenants and an administrator, in a short form; `make fuzz` goes on for longer."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz.tenants import TwoTenants
from tests.fuzz.world import World
from tests.support.redis_process import RedisProcess

pytestmark = pytest.mark.integration


def test_nothing_crosses_from_one_tenant_to_the_other(redis_server: RedisProcess) -> None:
    """Answers, jobs, entries, similarities, usage, purges, idempotency keys, errors."""
    with World(redis_server.url) as world:
        TwoTenants.world = world
        run_state_machine_as_test(
            TwoTenants,
            settings=settings(
                max_examples=25,
                stateful_step_count=30,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
