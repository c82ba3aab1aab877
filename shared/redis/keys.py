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
TRIES_PREFIX = "arq:retry:"
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
    """hash: the job's record (state, tenant, times in Redis ms, attempts, fence); TTL from settle."""
    return JOB_PREFIX + job_id


def payload(job_id: str) -> str:
    """string: the call in arq's layout {t,f,a,k,et}, msgpack; written by submit, TTL past the deadline."""
    return PAYLOAD_PREFIX + job_id


def lease(job_id: str) -> str:
    """string: the holder's fence token; lives one lease unless renewed."""
    return LEASE_PREFIX + job_id


def tries(job_id: str) -> str:
    """string: how often the job was started, planned hand-backs not counted; deleted by settle."""
    return TRIES_PREFIX + job_id


def outcome(job_id: str) -> str:
    """string: the outcome in arq's result layout, msgpack; written once by settle, TTL by class."""
    return OUTCOME_PREFIX + job_id


def waiters(job_id: str) -> str:
    """zset: who is interested → until when, in Redis ms; deleted by settle.

    A member is the inbox of an ingress that waits, or `polled:<key id>` for a key that has the job's id.
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
    """string: who looks for dead workers right now; lives one look."""
    return "sentinel:reaper"


def throughput() -> str:
    """string: jobs per second that the living workers can do; written by every beat, TTL 5 s."""
    return "sentinel:throughput"


def none() -> str:
    """nothing: never exists. Scripts that end work delete it first, so that a full Redis lets them run."""
    return "sentinel:none"


def dead_letters() -> str:
    """stream: jobs that were given up, with the reason; capped, read and emptied by `sentinel dead`."""
    return "sentinel:dead-letters"


def bucket(key_id: str) -> str:
    """hash {tokens, at}: one API key's token bucket; TTL: the time to refill."""
    return f"sentinel:bucket:{key_id}"


def outbox() -> str:
    """stream: commits that have still to reach the cache Redis; each removed once applied."""
    return "sentinel:outbox"


def workers() -> str:
    """zset: worker id → its last heartbeat, in Redis ms; trimmed by every beat."""
    return "sentinel:workers"


def worker(worker_id: str) -> str:
    """hash: how a worker described itself last (host, pid, version, slots, busy); TTL 5 s."""
    return f"sentinel:worker:{worker_id}"


# --- cache Redis -----------------------------------------------------------------------------------------


def entry(fingerprint: str) -> str:
    """hash {fence, data}: one answer (msgpack Entry) and the fence of its writer; TTL from the policy."""
    return f"sentinel:entry:{fingerprint}"


def index(partition: str) -> str:
    """hash: entry id → msgpack IndexRow, the snapshot from which a worker loads a partition."""
    return f"sentinel:index:{partition}"


def index_changes() -> str:
    """stream: what was put into or dropped from any partition; capped, read by every worker."""
    return "sentinel:index-changes"
