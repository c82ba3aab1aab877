"""Every Redis key and channel: one function each, with its type, lifetime and owner.

Two roles. The queue Redis must not evict (noeviction, AOF); the cache Redis may (allkeys-lfu).
Keys that start with `arq:` keep arq 0.28's names and layouts, so that stock arq can enqueue and read.
Scripts build the per-job keys from the prefixes below, because a claim does not know its ids in advance;
a shard is therefore one Redis server, never a slot of a cluster.
"""

from typing import Literal

PriorityClass = Literal["interactive", "batch"]

# --- queue Redis -----------------------------------------------------------------------------------------

JOB_PREFIX = "sentinel:job:"
PAYLOAD_PREFIX = "arq:job:"
LEASE_PREFIX = "arq:in-progress:"
OUTCOME_PREFIX = "arq:result:"
WAITERS_PREFIX = "sentinel:waiters:"
INBOX_PREFIX = "sentinel:inbox:"
HELD_PREFIX = "sentinel:held:"


def queue() -> str:
    """zset: job id → when somebody should next look at it, in Redis ms.

    A queued job's score is its submission; a running one's is the end of its lease, so that whatever is due
    has no live holder. Removed by settle.
    """
    return "arq:queue"


def bell(priority: PriorityClass) -> str:
    """list: ids just submitted or handed back, oldest first; a hint, the queue is the truth."""
    return f"sentinel:bell:{priority}"


def fence() -> str:
    """string: the last fence token given out; grows for ever, also across a loss of data."""
    return "sentinel:fence"


def flight(flight_id: str) -> str:
    """string: the id of the job that answers this question now.

    Written by submit; deleted by a failed settle, kept for the handoff by a completed one.
    """
    return f"sentinel:flight:{flight_id}"


def job(job_id: str) -> str:
    """hash: the job's record (state, tenant, times in Redis ms, fence, attempts, tries); TTL from settle.

    `attempts` are all starts, `tries` those that no planned stop handed back.
    """
    return JOB_PREFIX + job_id


def payload(job_id: str) -> str:
    """string: the call in arq's layout {t,f,a,k,et}, msgpack; written by submit, TTL past the deadline."""
    return PAYLOAD_PREFIX + job_id


def lease(job_id: str) -> str:
    """string: the holder's fence token; lives one lease unless renewed."""
    return LEASE_PREFIX + job_id


def outcome(job_id: str) -> str:
    """string: the outcome in arq's result layout, msgpack; written once by settle, TTL by class."""
    return OUTCOME_PREFIX + job_id


def waiters(job_id: str) -> str:
    """zset: who is interested → until when, in Redis ms; deleted by settle.

    A member is `<inbox>|<number>`, a caller who waits at an ingress; `polled:<key id>`, a key that has the
    job's id; or `watch:<inbox>`, an ingress that is told and is not interested itself.
    """
    return WAITERS_PREFIX + job_id


def inbox(ingress_id: str) -> str:
    """channel: where settle announces to one ingress; at most once, so the ingress re-reads as well."""
    return INBOX_PREFIX + ingress_id


def control(worker_id: str) -> str:
    """channel: where a worker is told to stop the work on a job that nobody wants any more."""
    return f"sentinel:control:{worker_id}"


def held(worker_id: str) -> str:
    """set: ids of the jobs that a worker has claimed and not yet settled or handed back."""
    return HELD_PREFIX + worker_id


def reaper() -> str:
    """string: who has just looked for dead workers; lives until the next look is due."""
    return "sentinel:reaper"


def presence() -> str:
    """hash: worker → looks in a row at which it had no connection; written by each look, TTL 60 s."""
    return "sentinel:presence"


def throughput() -> str:
    """string: jobs per second that the living workers can do; written by every beat, TTL 5 s."""
    return "sentinel:throughput"


def health_check() -> str:
    """string: the last heartbeat of any worker as text, where `arq --check` looks for it; TTL 5 s."""
    return f"{queue()}:health-check"


def none() -> str:
    """nothing: never exists. Scripts that end work delete it first, so that a full Redis lets them run."""
    return "sentinel:none"


def dead_letters() -> str:
    """stream: jobs that were given up, with the reason; capped, read and emptied by `sentinel dead`."""
    return "sentinel:dead-letters"


def idempotency(key_id: str, name: str) -> str:
    """hash {request, status, headers, answer}: what a key's request was first answered; TTL a day, a setting.

    `name` is the SHA-256 of its idempotency key.
    """
    return f"sentinel:idempotency:{key_id}:{name}"


def ingresses() -> str:
    """zset: ingress id → its last word, in Redis ms; trimmed by every word, TTL 5 s."""
    return "sentinel:ingresses"


def rung(priority: PriorityClass) -> str:
    """hash: tenant → its jobs on the bell of this class; only those above 0.

    A job that is counted says so in its record.
    """
    return f"sentinel:rung:{priority}"


def parked(priority: PriorityClass, tenant: str) -> str:
    """list: a tenant's queued jobs that are not on the bell yet, oldest first; a hint, as the bell is."""
    return f"{parked_count(priority)}:{tenant}"


def parked_count(priority: PriorityClass) -> str:
    """string: how many ids the lists of parked jobs of a class hold; only above 0."""
    return f"sentinel:parked:{priority}"


def key_jobs(key_id: str) -> str:
    """zset: unsettled jobs of a key that is capped → their deadline, in Redis ms; TTL past the last."""
    return f"sentinel:key-jobs:{key_id}"


def key_queued(key_id: str) -> str:
    """zset: those of them that no worker has started yet; likewise."""
    return f"sentinel:key-queued:{key_id}"


def key_tokens(key_id: str) -> str:
    """hash {tokens, at, limit}: model tokens that a key may still buy, in debt or not; TTL: the refill."""
    return f"sentinel:key-tokens:{key_id}"


def history() -> str:
    """stream: one row for each settled job, the newest last; capped.

    A row's id is the Redis time of the settle. Written by every script that settles.
    """
    return "sentinel:history"


def history_of(facet: str, value: str) -> str:
    """stream: ids of the rows of the history that have a value of model, tenant, state, error, hit or class.

    Capped like the history. States, hits and classes that nearly every job has are not indexed.
    """
    return f"{history()}:{facet}:{value}"


def minute(number: int) -> str:
    """hash: what happened in a minute, by name; `number` counts minutes since 1970, TTL 25 hours.

    Grown once a second by every process, with what it has counted meanwhile.
    """
    return f"sentinel:minute:{number}"


def totals(day: int) -> str:
    """hash measure → picodollars of all tenants on a day; TTL 400 days, grown with the ledger."""
    return f"sentinel:totals:{day}"


def wish(worker_id: str) -> str:
    """string: how an operator wants a worker to go on, `quiet` or `drain`; TTL a day, read by every beat."""
    return f"sentinel:wish:{worker_id}"


def paused() -> str:
    """set: classes of jobs that workers leave alone; on every queue Redis, read by every beat."""
    return "sentinel:paused"


def audit() -> str:
    """stream: what operators did; capped, written before it is done."""
    return "sentinel:audit"


def breaker_log() -> str:
    """stream {provider, became}: changes of breakers; capped."""
    return "sentinel:breaker-log"


def session(digest: str) -> str:
    """hash {role, name, key}: who is signed in to the dashboard; TTL `SENTINEL_SESSION_S`.

    `digest` is the SHA-256 of the cookie; `key` the digest of the stored API key that it ends with.
    """
    return f"sentinel:session:{digest}"


def seen(digest: str) -> str:
    """set: ids of the jobs whose question a session has asked to see; TTL `SENTINEL_SESSION_S`."""
    return f"sentinel:seen:{digest}"


def sign_in_link(digest: str) -> str:
    """string: the role that a one-time link gives; deleted when it is used, TTL some minutes."""
    return f"sentinel:sign-in-link:{digest}"


def bucket(key_id: str) -> str:
    """hash {tokens, at}: one API key's token bucket; TTL: the time to refill."""
    return f"sentinel:bucket:{key_id}"


def pause(provider: str, model: str) -> str:
    """hash {until, step}: when, in Redis ms, a model of a provider may be called again; TTL past that time.

    `step` is the last pause for which the provider named no time, in ms.
    """
    return f"sentinel:pause:{provider}:{model}"


def provider_requests(provider: str, model: str) -> str:
    """hash {tokens, at}: calls that a provider's limit has left, in debt while some wait; TTL: the refill."""
    return f"sentinel:provider-requests:{provider}:{model}"


def provider_tokens(provider: str, model: str) -> str:
    """hash {tokens, at}: what a provider's token limit has left, in debt while some wait; TTL: the refill."""
    return f"sentinel:provider-tokens:{provider}:{model}"


def retry_budget() -> str:
    """string: retries that the fleet may make at once, with fractions; TTL an hour from its last change."""
    return "sentinel:retry-budget"


def ledger(day: int, tenant: str) -> str:
    """hash `<key id>|<model>|<measure>` → integer: a tenant's money and tokens of one day; TTL 400 days.

    `day` counts whole days since 1970 in Redis time. Grown by the scripts that settle or doubt an attempt.
    """
    return f"{ledger_tenants(day)}:{tenant}"


def ledger_tenants(day: int) -> str:
    """set: the tenants that have a ledger of this day; TTL 400 days."""
    return f"sentinel:ledger:{day}"


def booked(batch_id: str) -> str:
    """string: this batch of amounts is in the ledger; written with it, lives a day."""
    return f"sentinel:booked:{batch_id}"


def spent(period: str) -> str:
    """hash `t:<tenant>` or `k:<key id>` → picodollars spent in a period; lives 40 days from its last growth.

    `d<day>` counts days since 1970 in Redis time, `m<month>` months. Grown with the ledger.
    """
    return f"sentinel:spent:{period}"


def reserved() -> str:
    """hash `t:<tenant>` or `k:<key id>` → picodollars set aside for unsettled jobs; only those above 0."""
    return "sentinel:reserved"


def breaker(provider: str) -> str:
    """hash {phase, epoch, window, trips, until_ms}: a provider's breaker; TTL a day from its last change."""
    return f"sentinel:breaker:{provider}"


def api_key(digest: str) -> str:
    """hash: whom an API key stands for (tenant, owner, scopes, tier, times); kept until it is deleted.

    `digest` is the key's HMAC in hex. Written by the admin API and the CLI.
    """
    return f"sentinel:api-key:{digest}"


def api_keys() -> str:
    """zset: digest of every stored API key → when it was made, in Redis ms."""
    return "sentinel:api-keys"


def own_budgets() -> str:
    """hash `t:<tenant>` or `k:<key id>` → its own budget as JSON; `version` grows with each change.

    No TTL; written by administrators, followed by every ingress.
    """
    return "sentinel:own-budgets"


def owner_keys(tenant: str, owner: str) -> str:
    """set: digests of one owner's API keys; whoever adds one drops those that are gone."""
    return f"sentinel:owner-keys:{tenant}:{owner}"


def outbox() -> str:
    """stream: commits that have still to reach the cache Redis; each removed once applied."""
    return "sentinel:outbox"


def workers() -> str:
    """zset: worker id → its last heartbeat, in Redis ms; trimmed by every beat."""
    return "sentinel:workers"


def worker(worker_id: str) -> str:
    """hash: how a worker described itself last (host, pid, version, slots, busy); TTL 5 s."""
    return f"sentinel:worker:{worker_id}"


def tokens(job_id: str) -> str:
    """stream {t}: what a job's provider has said so far, event by event; TTL with the outcome."""
    return f"sentinel:tokens:{job_id}"


def listeners(job_id: str) -> str:
    """zset: inbox → until when it wants the job's tokens, in Redis ms; TTL past the last of them."""
    return f"sentinel:listeners:{job_id}"


def batch(batch_id: str) -> str:
    """hash: a batch (tenant, client, state, counts, times in Redis ms); TTL `SENTINEL_BATCH_KEPT_S`."""
    return f"sentinel:batch:{batch_id}"


def batch_lines(batch_id: str) -> str:
    """list: the request lines of a batch; TTL as the batch."""
    return f"sentinel:batch-lines:{batch_id}"


def batch_jobs(batch_id: str) -> str:
    """hash: number of a line → the job that answers it, while that is under way; TTL as the batch."""
    return f"sentinel:batch-jobs:{batch_id}"


def batch_results(batch_id: str) -> str:
    """hash: number of a line → its result line; TTL as the batch."""
    return f"sentinel:batch-results:{batch_id}"


def batches_of(tenant: str) -> str:
    """zset: a tenant's batches → when they were made, in Redis ms; TTL as the last of them."""
    return f"sentinel:batches:{tenant}"


def open_batches() -> str:
    """zset: batches that are not over → until when somebody feeds them, in Redis ms."""
    return "sentinel:open-batches"


def batch_feeders() -> str:
    """hash: batch → the ingress that feeds it; deleted when no batch is open."""
    return "sentinel:batch-feeders"


def tally(policy: str, tenant: str) -> str:
    """hash `p|r|w<bin>` → proposals, right and wrong ones of a chance; lives 90 days from its last growth.

    One tenant's hits under one policy. `1` is the version of the bins: other bins, other tallies.
    """
    return f"sentinel:tally:1:{tally_member(policy, tenant)}"


def tally_member(policy: str, tenant: str) -> str:
    """A tally's name in the list of them; a policy's name has no bar."""
    return f"{policy}|{tenant}"


def tally_of(member: bytes) -> tuple[str, str]:
    """The policy and the tenant of such a name."""
    policy, _, tenant = member.decode().partition("|")
    return policy, tenant


def tallies() -> str:
    """zset: `<policy>|<tenant>` of every tally → when it last grew, in Redis s; trimmed as it grows."""
    return "sentinel:tallies:1"


def wrong_pairs(tenant: str) -> str:
    """zset: `<question>|<entry>` → when it was found wrong, in Redis ms; the newest so many, 400 days."""
    return f"sentinel:wrong-pairs:{tenant}"


def pair(question: str, entry_id: str) -> str:
    """A question, by its fingerprint, and an entry in the set of wrong pairs."""
    return f"{question}|{entry_id}"


def check_money(day: int) -> str:
    """string: picodollars that the shadow checks of a day have cost or set aside; lives two days.

    `day` counts whole days since 1970 in Redis time.
    """
    return f"sentinel:check-money:{day}"


# --- cache Redis -----------------------------------------------------------------------------------------


def entry(fingerprint: str) -> str:
    """hash {fence, data, tenant, asked_at, era, labels}: one answer (msgpack Entry); TTL from the policy.

    The rest is the fence of its writer and what it can be purged by. Purged by its id, it is {tenant,
    purged_at} for a day.
    """
    return f"sentinel:entry:{fingerprint}"


def buyers(fingerprint: str) -> str:
    """zset: tenants that have bought an answer to a question → when, in Redis ms; lives as the answer.

    Only under SENTINEL_SHARED_AFTER_TENANTS. Evicted, they are counted anew.
    """
    return f"sentinel:buyers:{fingerprint}"


def key_writes(key_id: str) -> str:
    """string: answers that a key has added to the cache in its current hour; lives an hour from the first.

    Evicted, the hour begins anew: it bounds a flood, and is no account.
    """
    return f"sentinel:key-writes:{key_id}"


def embedding(fingerprint: str) -> str:
    """hash {era, asked_at, data}: one text's vector (msgpack Vector); TTL `SENTINEL_ENTRY_TTL_S`.

    The rest is what it can be purged by, as with an entry.
    """
    return f"sentinel:embedding:{fingerprint}"


def purged(tenant: str) -> str:
    """hash {era, all, label...}: until when, in Redis ms, what a tenant asked for is purged, by label.

    `era` names this hash, and every entry the era it was stored in: without the hash nothing is served. Made
    with the tenant's first entry and kept; grown by purges, to a bound.
    """
    return f"sentinel:purged:{tenant}"


def index(partition: str) -> str:
    """hash: entry id → msgpack IndexRow, the snapshot from which a worker loads a partition.

    Lives as long as the entry in it that lives longest.
    """
    return f"sentinel:index:{partition}"


def entries() -> str:
    """zset: entry id → when it was stored, in Redis ms; the newest 10,000, for looking through."""
    return "sentinel:entries"


def entry_hits() -> str:
    """zset: entry id → how often it was served; the 10,000 most used, about."""
    return "sentinel:entry-hits"


def index_changes() -> str:
    """stream: what was put into or dropped from any partition; capped, read by every worker."""
    return "sentinel:index-changes"


def index_place() -> str:
    """string: where vectors are searched, `memory` or `redis`; `memory>redis` while they move. For ever."""
    return "sentinel:index-place"


VECTOR_PREFIX = "sentinel:vector:"


def vectors(space: str) -> str:
    """search index: over all vectors of one embedder, `space` being its name; kept until it is dropped."""
    return f"sentinel:vectors:{space}"


def vector_prefix(space: str) -> str:
    """What the keys of an embedder's vectors begin with."""
    return f"{VECTOR_PREFIX}{space}:"


def vector(partition: str, entry_id: str) -> str:
    """hash {partition, vector, expires_at_ms}: an entry's vector where Redis searches; TTL of the entry.

    A partition's name is a digest, a colon, and the embedder's name, which may have colons of its own.
    """
    digest, _, space = partition.partition(":")
    return f"{vector_prefix(space)}{digest}:{entry_id}"
