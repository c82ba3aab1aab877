import msgspec
import pytest
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from ingress.api.health import readiness
from shared.redis import refusals
from shared.redis.facts import UNKNOWN, RedisFacts, facts_of
from shared.redis.refusals import Refused
from shared.redis.roles import evicts, judge, judge_cache, judge_queue
from shared.settings import Settings

pytestmark = pytest.mark.unit

QUEUE = RedisFacts("run-1", "7.2.0", "noeviction", "yes")
CACHE = RedisFacts("run-2", "7.2.0", "allkeys-lfu", "no")
SEPARATE = Settings(redis_url="redis://:secret@queue", cache_redis_url="redis://:secret@cache")


def with_policy(policy: str | None) -> RedisFacts:
    """A server of its own with this maxmemory-policy."""
    return RedisFacts("run-3", "7.2.0", policy, "yes")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (QUEUE, [("eviction", "ok"), ("durability", "ok")]),
        (with_policy("allkeys-lru"), [("eviction", "warn"), ("durability", "ok")]),
        (with_policy("volatile-ttl"), [("eviction", "warn"), ("durability", "ok")]),
        (CACHE, [("eviction", "warn"), ("durability", "warn")]),
        (UNKNOWN, [("eviction", "warn")]),
    ],
)
def test_the_queue_wants_no_eviction_and_an_append_only_file(
    facts: RedisFacts, expected: list[tuple[str, str]]
) -> None:
    """A volatile policy evicts jobs as well: they expire before entries do. Each warning says what to do."""
    found = judge_queue(facts)
    assert [(finding.topic, finding.status) for finding in found] == expected
    assert all(finding.advice for finding in found if finding.status == "warn")


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ("allkeys-lfu", "ok"),
        ("allkeys-random", "ok"),
        (None, "ok"),
        ("noeviction", "warn"),
        ("volatile-lru", "warn"),
    ],
)
def test_a_cache_of_its_own_wants_to_evict(policy: str | None, status: str) -> None:
    """One that does not tell is no failure."""
    assert judge_cache(with_policy(policy), shared=False, production=True).status == status


def test_one_server_for_both_roles_counts_as_a_queue() -> None:
    """Then noeviction is right, and only production is told to separate them."""
    assert judge_cache(QUEUE, shared=True, production=False).status == "ok"
    assert judge_cache(QUEUE, shared=True, production=True).status == "warn"


def test_only_a_known_policy_can_be_known_to_evict() -> None:
    """A server that keeps its settings to itself does not stop a start."""
    assert evicts(with_policy("allkeys-lru"))
    assert not evicts(QUEUE)
    assert not evicts(UNKNOWN)


def test_the_report_shows_settings_and_never_a_password() -> None:
    """It is what /readyz?verbose answers with."""
    shown = msgspec.to_builtins(judge(SEPARATE, QUEUE, UNKNOWN))
    assert shown["shared"] is False
    assert (shown["queue"]["policy"], shown["queue"]["appendonly"]) == ("noeviction", "yes")
    assert (shown["cache"]["policy"], shown["cache"]["appendonly"]) == ("unknown", "unknown")
    assert shown["queue"]["url"] == "redis://***@queue"
    assert "secret" not in str(shown)


@pytest.mark.parametrize(
    ("settings", "queue", "cache", "shared"),
    [
        (SEPARATE, QUEUE, CACHE, False),
        (SEPARATE, QUEUE, QUEUE, True),
        (SEPARATE, UNKNOWN, UNKNOWN, False),
        (Settings(), UNKNOWN, UNKNOWN, True),
    ],
)
def test_two_addresses_may_lead_to_one_server(
    settings: Settings,
    queue: RedisFacts,
    cache: RedisFacts,
    shared: bool,  # noqa: FBT001 - what is expected
) -> None:
    """The server's run id tells; without one, the addresses do."""
    assert judge(settings, queue, cache).shared is shared


def test_info_tells_what_config_get_would() -> None:
    """Hosted servers refuse CONFIG; what INFO lacks is unknown."""
    info = {"run_id": "r", "redis_version": "7", "maxmemory_policy": "noeviction", "aof_enabled": 0}
    assert facts_of(info) == RedisFacts("r", "7", "noeviction", "no")
    assert facts_of({}) == UNKNOWN


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (
            "Error running script (call to f_1): @user_script:2: @user_script: 2: -OOM command",
            OutOfMemoryError,
        ),
        ("OOM command not allowed when used memory > 'maxmemory'. script: f_1", OutOfMemoryError),
        ("Error running script (call to f_1): @user_script:2: -READONLY You can't write", ReadOnlyError),
        ("Command # 1 (EVALSHA 1) of pipeline caused error: ('MASTERDOWN Link with',)", ReadOnlyError),
        ('Command # 1 (SET a) of pipeline caused error: ("READONLY You can\'t write",)', ReadOnlyError),
        ("UNBLOCKED force unblock from blocking operation, instance state changed", ReadOnlyError),
        ("MISCONF Redis is configured to save RDB snapshots", Refused),
        ("NOREPLICAS Not enough good replicas to write.", Refused),
        ("BUSY Redis is busy running a script.", Refused),
        ("BUSYGROUP Consumer Group name already exists", ResponseError),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", ResponseError),
        ("NOPERM this user has no permissions to run the 'get' command", ResponseError),
    ],
)
def test_a_refusal_that_passes_is_known_by_its_word(reply: str, kind: type[Exception]) -> None:
    """As Redis 6 and 7 say it, alone, from a script and in a pipeline."""
    assert type(refusals.sort(ResponseError(reply))) is kind


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ([], "ok"),
        (["cache_redis"], "degraded"),
        (["queue_redis"], "unavailable"),
        (["cache_redis", "queue_redis"], "unavailable"),
        (["accepting"], "unavailable"),
    ],
)
def test_only_a_missing_cache_leaves_an_ingress_ready(wrong: list[str], status: str) -> None:
    """Answers cost more without it, but there are some."""
    checks = dict.fromkeys(("accepting", "queue_redis", "cache_redis", "waiter_hub"), "ok")
    assert readiness(checks | dict.fromkeys(wrong, "away")) == status
