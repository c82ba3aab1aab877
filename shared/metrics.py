"""Every metric, declared once, with bounded labels.

With PROMETHEUS_MULTIPROC_DIR set (as under `sentinel up`) all processes of a machine share one exposition;
without it each shows its own.
"""

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import ValueClass

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
DURATION_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

disable_created_metrics()  # type: ignore[no-untyped-call]

requests = Counter("sentinel_requests", "HTTP requests by route and status.", ["endpoint", "status"])
request_duration = Histogram(
    "sentinel_request_duration_seconds", "Time to answer, by route.", ["endpoint"], buckets=DURATION_BUCKETS
)
cache_hits = Counter("sentinel_cache_hits", "Questions answered, by how: exact, semantic or miss.", ["type"])
collapsed = Counter("sentinel_collapsed", "Callers who joined a flight that was already under way.")
llm_cost = Counter(
    "sentinel_llm_cost_usd", "Spent at the provider, from its own usage.", ["provider", "model"]
)
llm_unpriced = Counter(
    "sentinel_llm_unpriced_calls", "Provider calls whose price is unknown.", ["provider", "model"]
)
provider_calls = Counter(
    "sentinel_provider_calls", "Calls to a provider by outcome code.", ["provider", "outcome"]
)
active_locks = Gauge(
    "sentinel_active_locks", "Jobs under a lease right now: flights in work.", multiprocess_mode="livesum"
)
requests_in_flight = Gauge(
    "sentinel_requests_in_flight", "Requests that this machine is answering.", multiprocess_mode="livesum"
)
jobs_settled = Counter("sentinel_jobs_settled", "Jobs settled, by state.", ["state"])
billing_doubts = Counter(
    "sentinel_billing_doubts", "Attempts that ended after the question was sent and before it was settled."
)
jobs_reaped = Counter("sentinel_jobs_reaped", "Jobs taken back from workers whose connections were gone.")
jobs_cancelled = Counter("sentinel_jobs_cancelled", "Jobs that ended because nobody wanted them any more.")
dead_letters = Counter("sentinel_dead_letters", "Jobs given up, by reason.", ["reason"])
jobs_fenced = Counter("sentinel_jobs_fenced", "Outcomes refused because the holder had lost its lease.")
lookups_failed_open = Counter(
    "sentinel_lookups_failed_open", "Exact look-ups taken for a miss because the cache Redis was away."
)
semantic_skipped = Counter(
    "sentinel_semantic_skipped", "Jobs whose semantic step was skipped, by reason.", ["reason"]
)

for kind in ("exact", "semantic", "miss"):
    cache_hits.labels(kind)


def exposition() -> bytes:
    """The metrics as text, of every process that shares this machine's directory."""
    registry: CollectorRegistry = REGISTRY
    if ValueClass.__name__ == "MmapedValue":
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
