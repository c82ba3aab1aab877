"""Every metric, declared once, with bounded labels.

How to read each is in `compose/prometheus/metrics.toml`.

A child that is counted on a hot path is kept by whoever counts it: `labels()` takes a lock and a look-up.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

DURATION_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SHORT_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""For what should take milliseconds."""
CALL_BUCKETS: Final = (0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96)
"""For calls to models: OpenTelemetry's doubling ones (gen_ai.client.operation.duration), the useful part."""
SIMILARITY_BUCKETS: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 1.0)

disable_created_metrics()  # type: ignore[no-untyped-call]


class TalliedHistogram(Histogram):
    """A histogram that also takes observations that were counted elsewhere."""

    def add(self, total: float, by_bucket: Sequence[int]) -> None:
        """Add observations by their sum, and their number in each bucket and beyond the last."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, by_bucket, strict=True):
            if count:
                bucket.inc(count)


build_info = Gauge(
    "sentinel_build_info", "1, with the release that runs.", ["version"], multiprocess_mode="mostrecent"
)
requests = Counter("sentinel_requests", "HTTP requests by route and status.", ["endpoint", "status"])
request_duration = TalliedHistogram(
    "sentinel_request_duration_seconds", "Time to answer, by route.", ["endpoint"], buckets=DURATION_BUCKETS
)
cache_hits = Counter("sentinel_cache_hits", "Questions answered, by how: exact, semantic or miss.", ["type"])
shortcuts = Counter("sentinel_shortcuts", "Exact hits that were answered without the framework.")
collapsed = Counter("sentinel_collapsed", "Callers who joined a flight that was already under way.")
submissions = Counter(
    "sentinel_submissions",
    "Questions put to the queue: created, joined, landed, or why they were refused.",
    ["verdict"],
)
waiters = Gauge(
    "sentinel_waiters", "Callers who wait for a job, or listen to one.", multiprocess_mode="livesum"
)
draining = Gauge(
    "sentinel_draining", "Processes that finish what they have and take no more.", multiprocess_mode="livesum"
)
llm_cost = Counter(
    "sentinel_llm_cost_usd", "Spent at the provider, from its own usage.", ["provider", "model"]
)
llm_unpriced = Counter(
    "sentinel_llm_unpriced_calls", "Provider calls whose price is unknown.", ["provider", "model"]
)
billing_unknown = Counter(
    "sentinel_billing_unknown_calls",
    "Settled calls that may have been billed and told no usage.",
    ["model"],
)
saved = Counter("sentinel_saved_usd", "What answers without a call of their own would have cost.", ["type"])
budget_refusals = Counter("sentinel_budget_refusals", "Questions refused by a hard budget.", ["budget"])
budget_soft_exceeded = Counter(
    "sentinel_budget_soft_exceeded", "Questions bought beyond a soft budget.", ["budget"]
)
llm_tokens = Counter(
    "sentinel_llm_tokens", "Tokens as the provider counted them.", ["provider", "model", "direction"]
)
embedding_tokens = Counter(
    "sentinel_embedding_tokens", "Tokens that embedding was billed for.", ["provider", "model"]
)
embedding_cost = Counter("sentinel_embedding_cost_usd", "Spent on embedding.", ["provider", "model"])
provider_calls = Counter(
    "sentinel_provider_calls", "Calls to a provider by outcome code.", ["provider", "outcome"]
)
provider_duration = Histogram(
    "sentinel_provider_duration_seconds",
    "Time of calls that brought an answer, from the question to its last byte.",
    ["provider", "model"],
    buckets=CALL_BUCKETS,
)
provider_first_token = Histogram(
    "sentinel_provider_first_token_seconds",
    "Time from a question to the first token of a streamed answer.",
    ["provider", "model"],
    buckets=CALL_BUCKETS,
)
provider_retries = Counter(
    "sentinel_provider_retries",
    "Retries at a provider, and those that the budget refused.",
    ["provider", "decision"],
)
provider_fallbacks = Counter(
    "sentinel_provider_fallbacks", "Questions passed on from a provider to the next.", ["provider"]
)
provider_paced = Counter(
    "sentinel_provider_paced",
    "Calls that waited for a provider's limit, or were not made for it, by what was used up.",
    ["provider", "decision", "reason"],
)
active_locks = Gauge(
    "sentinel_active_locks", "Jobs under a lease right now: flights in work.", multiprocess_mode="livesum"
)
requests_in_flight = Gauge(
    "sentinel_requests_in_flight",
    "Requests that this machine is answering, but for exact hits by the shortcut.",
    multiprocess_mode="livesum",
)
breaker_state = Gauge(
    "sentinel_breaker_state",
    "A provider's breaker: 0 closed, 1 half open, 2 open.",
    ["provider"],
    multiprocess_mode="mostrecent",
)
breaker_transitions = Counter(
    "sentinel_breaker_transitions", "Changes of a provider's breaker, by what it became.", ["provider", "to"]
)
breaker_refusals = Counter(
    "sentinel_breaker_refusals", "Calls that a provider's breaker did not permit.", ["provider"]
)
job_start_latency = Histogram(
    "sentinel_job_start_latency_seconds",
    "Time from submission to a job's first start.",
    ["class"],
    buckets=(*SHORT_BUCKETS[1:], 2.5, 10.0, 30.0),
)
job_duration = Histogram(
    "sentinel_job_duration_seconds",
    "Time from a job's start to its settled outcome, by where the answer came from.",
    ["source"],
    buckets=DURATION_BUCKETS,
)
leases_lost = Counter(
    "sentinel_leases_lost", "Jobs whose work was stopped because their lease was no longer ours.", ["reason"]
)
jobs_handed_back = Counter("sentinel_jobs_handed_back", "Jobs that a stopping worker gave to the others.")
jobs_settled = Counter("sentinel_jobs_settled", "Jobs settled, by state.", ["state"])
billing_doubts = Counter(
    "sentinel_billing_doubts", "Attempts that ended after the question was sent and before it was settled."
)
jobs_reaped = Counter("sentinel_jobs_reaped", "Jobs taken back from workers whose connections were gone.")
jobs_cancelled = Counter("sentinel_jobs_cancelled", "Jobs that ended because nobody wanted them any more.")
dead_letters = Counter("sentinel_dead_letters", "Jobs given up, by reason.", ["reason"])
jobs_fenced = Counter("sentinel_jobs_fenced", "Outcomes refused because the holder had lost its lease.")
queue_due = Gauge(
    "sentinel_queue_due_jobs", "Jobs that wait for a slot right now.", multiprocess_mode="mostrecent"
)
queue_oldest_wait = Gauge(
    "sentinel_queue_oldest_wait_seconds",
    "For how long the oldest of them has waited.",
    multiprocess_mode="mostrecent",
)
queue_in_work = Gauge(
    "sentinel_queue_in_work_jobs", "Jobs in work or put off.", multiprocess_mode="mostrecent"
)
bell_length = Gauge(
    "sentinel_bell_length", "Submissions that no worker has heard.", ["class"], multiprocess_mode="mostrecent"
)
workers_alive = Gauge(
    "sentinel_workers", "Workers heard of in the last five seconds.", multiprocess_mode="mostrecent"
)
worker_slots = Gauge("sentinel_worker_slots", "Slots of all workers.", multiprocess_mode="mostrecent")
worker_slots_busy = Gauge(
    "sentinel_worker_slots_busy", "Slots of all workers that run a job.", multiprocess_mode="mostrecent"
)
worker_loop_lag = Gauge(
    "sentinel_worker_loop_lag_seconds",
    "How late the most occupied worker of this machine gets to what is due.",
    multiprocess_mode="livemax",
)
workers_desired = Gauge(
    "sentinel_workers_desired",
    "Workers that the load calls for: follow this one when scaling.",
    multiprocess_mode="mostrecent",
)
ingresses = Gauge(
    "sentinel_ingresses", "Ingresses heard of in the last five seconds.", multiprocess_mode="mostrecent"
)
admission_local = Gauge(
    "sentinel_admission_local",
    "Whether requests are admitted from local buckets, as the queue Redis is away.",
    multiprocess_mode="livemax",
)
admitted_locally = Counter(
    "sentinel_admitted_locally", "Requests that local buckets decided on.", ["decision"]
)
replays = Counter("sentinel_replays", "Requests that were answered as their idempotency key was before.")
connections_closed = Counter(
    "sentinel_connections_closed", "Connections closed for what came on them, or did not.", ["reason"]
)
quota_refusals = Counter(
    "sentinel_quota_refusals", "Questions refused for what their key has in work or has bought.", ["quota"]
)
lookups_failed_open = Counter(
    "sentinel_lookups_failed_open", "Exact look-ups taken for a miss because the cache Redis was away."
)
writes_refused = Counter(
    "sentinel_cache_writes_refused", "Answers not kept, as their API key had added its share of the hour."
)
semantic_skipped = Counter(
    "sentinel_semantic_skipped", "Jobs whose semantic step was skipped, by reason.", ["reason"]
)
semantic_verdicts = Counter(
    "sentinel_semantic_verdicts",
    "What guards and the verifier said of proposed entries.",
    ["guard", "passed"],
)
bound_changes = Counter(
    "sentinel_bound_changes",
    "Times a tenant's learned threshold rose (tightened) or fell (loosened), as workers noticed.",
    ["policy", "change"],
)
judgements = Counter(
    "sentinel_judgements",
    "Proposals judged: by a shadow check, by the answer bought after a refusal, or by feedback.",
    ["by", "verdict"],
)
shadow_checks = Counter(
    "sentinel_shadow_checks",
    "Shadow checks of hits: started, or why not; then right, wrong, unsure, gone or failed.",
    ["result"],
)
shadow_check_cost = Counter("sentinel_shadow_check_cost_usd", "What finished shadow checks have cost.")
shadow_policy = Counter(
    "sentinel_shadow_policy",
    "What the shadow policy would have done beside the live one: agree (same entry or none), other_entry, "
    "only_live or only_shadow would have served.",
    ["policy", "difference"],
)
bound_estimate = Gauge(
    "sentinel_false_hit_rate",
    "Share of semantic hits that are wrong, over all tenants: the estimate, and its 99 % interval's ends.",
    ["policy", "value"],
    multiprocess_mode="mostrecent",
)
bound_hit_share = Gauge(
    "sentinel_semantic_hit_share",
    "Share of proposals that the policy serves, over all tenants.",
    ["policy"],
    multiprocess_mode="mostrecent",
)
bound_judged = Gauge(
    "sentinel_judged_hits",
    "Judged proposals that the estimate rests on, after halving.",
    ["policy"],
    multiprocess_mode="mostrecent",
)
bound_tenants = Gauge(
    "sentinel_bound_tenants",
    "Tenants by what their tally allows: serving, or still learning.",
    ["policy", "state"],
    multiprocess_mode="mostrecent",
)
similarity = Histogram(
    "sentinel_similarity_ratio",
    "Cosine of a question's nearest stored one, by what came of it: hit, refused by guards, or too far.",
    ["outcome"],
    buckets=SIMILARITY_BUCKETS,
)
search_duration = Histogram(
    "sentinel_search_duration_seconds",
    "Time to find and read a question's neighbours, guards not counted.",
    buckets=SHORT_BUCKETS,
)
embedding_duration = Histogram(
    "sentinel_embedding_duration_seconds", "Time of one embedding call.", ["model"], buckets=SHORT_BUCKETS
)
embedding_batch = Histogram(
    "sentinel_embedding_batch_texts",
    "Questions that share an embedding call.",
    ["model"],
    buckets=(1, 2, 4, 8, 16, 32, 64),
)
stale_served = Counter(
    "sentinel_stale_served",
    "Answers served past their freshness: `revalidate`, `max_stale`, or the error that one stood in for.",
    ["reason"],
)
refreshes = Counter(
    "sentinel_refreshes",
    "Refreshes of stale answers: started, joined or refused; then refreshed, already_fresh or failed.",
    ["result"],
)
index_bytes = Gauge(
    "sentinel_index_bytes", "Memory that workers hold vectors in, about.", multiprocess_mode="livesum"
)
index_entries = Gauge(
    "sentinel_index_entries",
    "Questions that one worker of this machine can find in memory; the most of any.",
    multiprocess_mode="livemax",
)
index_evictions = Counter(
    "sentinel_index_evictions",
    "What left a worker's memory for want of room: the entry that expires soonest, or a whole partition.",
    ["kind"],
)
index_reloads = Counter(
    "sentinel_index_reloads", "Times a worker lost track of the changes and loaded its indexes anew."
)

BUDGETS: Final = ("key-day", "key-month", "tenant-day", "tenant-month")
# Zero from the start: else the first of a kind appears as 1, and no rate or increase ever sees it.
for _counter, _values in (
    (cache_hits, ("exact", "semantic", "miss")),
    (submissions, ("created", "joined", "landed", "full", "late", "crowded", "drained", "broke")),
    (jobs_settled, ("completed", "failed", "cancelled")),
    (leases_lost, ("lease_lost", "lease_unrenewed")),
    (dead_letters, ("tries_exhausted", "billing_unknown")),
    (saved, ("exact", "semantic", "collapsed", "stale")),
    (stale_served, ("revalidate", "max_stale")),
    (refreshes, ("started", "joined", "refused", "refreshed", "already_fresh", "failed")),
    (index_evictions, ("entry", "partition")),
    (shadow_checks, ("started", "right", "wrong", "unsure", "gone", "failed", "over_budget", "busy")),
    (semantic_skipped, ("EmbedderError", "SearchError", "TimeoutError")),
    (quota_refusals, ("jobs", "tokens")),
    (connections_closed, ("slow",)),
    (admitted_locally, ("admitted", "refused")),
    (budget_refusals, BUDGETS),
    (budget_soft_exceeded, BUDGETS),
):
    for _value in _values:
        _counter.labels(_value)
