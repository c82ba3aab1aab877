"""Every query of the dashboards, the rules and the guide, asked of a Prometheus that watched a real load."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from tests.integration.test_promtool import promtool, spelled_out
from tests.support.collector import Collected, Collector, collecting
from tests.support.dashboards import dashboards
from tests.support.metrics_page import declared, guide
from tests.support.prometheus import Prometheus, watching
from tests.support.stack import (
    ADMIN_KEY,
    USER_KEY,
    Stack,
    running,
    wait_for_ingress,
    wait_for_worker,
    wait_until,
)

FIRST = "/openai/v1/chat/completions"
PROVIDERS = """
[[provider]]
name = "spare"
base_url = "{simulator}/v1"
key_variable = "SPARE_KEY"
models = {{ "openai/gpt-oss-20b" = "openai/gpt-oss-20b", "no-price" = "openai/gpt-oss-120b" }}
"""
COUNTRIES = ("Peru", "Chile")
LATER = {"sentinel_judgements_total", "sentinel_bound_changes_total", "sentinel_shadow_policy_total"}
"""Metrics that appear with their first event: its labels are not known before."""
SERIES_MAX = 2_500
"""Of one machine: what a load of every kind makes, with room. Labels without bounds would pass it soon."""


class Watched(NamedTuple):
    """A product after a load, the Prometheus that saw it, and the collector of its spans."""

    stack: Stack
    prometheus: Prometheus
    collector: Collector


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Watched]:
    """Two rounds of load, each scraped: what is new in the second has a rate."""
    folder = tmp_path_factory.mktemp("monitoring")
    (folder / "metrics").mkdir()
    listed = folder / "providers.toml"
    ours: dict[str, Any] = {"PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"), "SPARE_KEY": "spare-key"}
    ours |= {"SENTINEL_TRACING": "otlp", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with collecting() as collector, running(folder, workers=0, ingresses=0, **ours) as stack:
        known_to_all = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        listed.write_text(PROVIDERS.format(simulator=stack.simulator))
        known = {**known_to_all, "SENTINEL_PROVIDERS_FILE": str(listed)}
        worker = stack.start_worker(**known, SENTINEL_RETRY_CAP_S="0.01", SENTINEL_PACE_WAIT_S="0.05")
        ingresses = [
            stack.start_ingress(**known),
            stack.start_ingress(
                **known_to_all,
                SENTINEL_BUDGET_KEY_DAY_SOFT_USD="0.000001",
                SENTINEL_BUDGET_KEY_DAY_HARD_USD="0.05",
            ),
        ]
        with watching(folder, [stack.urls[0].removeprefix("http://")]) as prometheus:
            wait_for_worker(worker)
            for process, url in zip(ingresses, stack.urls, strict=True):
                wait_for_ingress(process, url)
            for number in range(2):
                load(stack, number)
                over = time.time()
                wait_until(lambda at=over: prometheus.scraped_all_since(at), "the load is scraped")
            yield Watched(stack, prometheus, collector)


def load(stack: Stack, number: int) -> None:
    """Everything that is counted when it goes well, then everything that is when it does not."""
    stack.forget()
    with stack.client(key=ADMIN_KEY) as http:
        for name in ("simulator", "spare"):
            assert http.post(f"/admin/breakers/{name}/reset").status_code == 200
    go_well(stack, number)
    go_wrong(stack, number)


def go_well(stack: Stack, number: int) -> None:
    """Hits of both kinds, a refusal by guards, twins, a stream, a batch job, money of all kinds."""
    stack.script({"match": {"contains": "twin"}, "latency_ms": 300})
    census = "What was the population of Norway in the year {} according to the national census?"
    capital = stored(stack, f"What is the capital of {COUNTRIES[number]}?")
    stored(stack, census.format(2010 + number))
    for kind in ("stale", "old"):
        stored(stack, f"Something {kind} number {number}", ttl=1)
    assert ask(stack, capital).json()["cache"]["type"] == "exact"
    near = ask(stack, f"Tell me the capital city of {COUNTRIES[number]}", cache={})
    assert near.json()["cache"]["type"] == "semantic", near.text
    refused = ask(stack, census.format(2015 + number), cache={})
    assert any(not one["passed"] for one in refused.json()["cache"]["guards"]), refused.text
    longer_than_embedders_read = f"{number} " + "and why is that so " * 200
    assert ask(stack, longer_than_embedders_read, cache={}).status_code == 200
    with ThreadPoolExecutor(4) as pool:
        twins = list(pool.map(lambda _: ask(stack, f"What do twins say? {number}"), range(4)))
    assert sorted(one.json()["cache"]["status"] for one in twins) == [*["collapsed"] * 3, "miss"]
    listen(stack, f"Tell me a story of {number} words")
    assert ask(stack, f"Whenever you like {number}", priority="batch").status_code == 200
    assert ask(stack, f"What does it cost? {number}", model="no-price").status_code == 200
    assert ask(stack, f"How much is left? {number}", ingress=1).status_code == 200
    assert ask(stack, f"And a novel? {number}", ingress=1, max_tokens=1_000_000).status_code == 402
    refreshing = "stale-while-revalidate=600"
    wait_until(
        lambda: (
            ask(stack, f"Something stale number {number}", refreshing).json()["cache"]["status"] == "stale"
        ),
        "the answer is stale",
    )
    with stack.client(key=None) as http:
        assert http.get("/nowhere").status_code == 404


def go_wrong(stack: Stack, number: int) -> None:
    """Calls that break off, a breaker that opens, a provider that wants a pause, a stale answer instead."""
    stack.script({"match": {"path": FIRST}, "fault": "close"})
    for again in range(3):
        answered = ask(stack, f"Is the first one there? {number}.{again}")
        assert answered.json()["provider"] == "spare", answered.text
    stack.script({"fault": "status:429", "retry_after_s": 1})
    for again in range(2):
        assert ask(stack, f"Is anybody there? {number}.{again}").status_code == 503
    old = ask(stack, f"Something old number {number}", "stale-while-revalidate=0, stale-if-error=600")
    assert is_stale(old), old.text


def is_stale(answered: httpx.Response) -> bool:
    """Whether an answer was served past its freshness."""
    return bool(answered.json()["cache"]["status"] == "stale")


def ask(
    stack: Stack, question: str, cache_control: str = "", *, ingress: int = 0, **body: Any
) -> httpx.Response:
    """Ask; by its words alone unless said otherwise."""
    headers = {"Cache-Control": cache_control} if cache_control else {}
    with stack.client(ingress) as http:
        return http.post(
            "/v1/query", json={"prompt": question, "cache": {"mode": "exact"}, **body}, headers=headers
        )


def stored(stack: Stack, question: str, **cache: Any) -> str:
    """Have a question answered and its answer stored, with its meaning; returns it."""
    assert ask(stack, question, cache=cache).status_code == 200
    wait_until(lambda: ask(stack, question, "only-if-cached, max-stale").status_code == 200, "stored")
    return question


def listen(stack: Stack, question: str) -> None:
    """Stream an answer to its end."""
    body = {
        "model": "openai/gpt-oss-20b",
        "messages": [{"role": "user", "content": question}],
        "stream": True,
    }
    with stack.client() as http, http.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.status_code == 200
        assert response.read().rstrip().endswith(b"[DONE]")


QUERIES = [
    pytest.param(query.expr, id=f"{board.uid}: {panel.title} ({query.legend})")
    for board in dashboards()
    for panel in board.panel
    for query in panel.queries
] + [pytest.param(metric.query, id=metric.name) for metric in guide().metrics]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_returns_data(watched: Watched, query: str) -> None:
    """Of a dashboard or of docs/METRICS.md: none is about something that nobody exports."""
    assert watched.prometheus.ask(spelled_out(query)), spelled_out(query)


COUNTED = {
    'sentinel_cache_hits_total{type="exact"}': 2,
    'sentinel_cache_hits_total{type="semantic"}': 2,
    'sentinel_cache_hits_total{type="miss"}': 20,
    "sentinel_collapsed_total": 6,
    'sentinel_submissions_total{verdict="joined"}': 6,
    'sentinel_submissions_total{verdict="broke"}': 2,
    'sentinel_stale_served_total{reason="revalidate"}': 2,
    'sentinel_stale_served_total{reason!="revalidate"}': 2,
    'sentinel_refreshes_total{result="started"}': 1,
    'sentinel_saved_usd_total{type="exact"}': 1e-9,
    'sentinel_saved_usd_total{type="semantic"}': 1e-9,
    'sentinel_saved_usd_total{type="collapsed"}': 1e-9,
    'sentinel_saved_usd_total{type="stale"}': 1e-9,
    'sentinel_provider_retries_total{decision="made"}': 1,
    'sentinel_provider_fallbacks_total{provider="simulator"}': 2,
    'sentinel_provider_paced_total{decision="refused",reason="pause"}': 1,
    'sentinel_provider_first_token_seconds_count{provider="simulator"}': 2,
    'sentinel_provider_duration_seconds_count{provider="spare"}': 2,
    'sentinel_breaker_transitions_total{provider="simulator",to="open"}': 2,
    'sentinel_breaker_refusals_total{provider="simulator"}': 1,
    'sentinel_semantic_verdicts_total{passed="false"}': 2,
    'sentinel_semantic_skipped_total{reason="EmbedderError"}': 2,
    'sentinel_similarity_ratio_count{outcome="hit"}': 2,
    'sentinel_similarity_ratio_count{outcome="refused"}': 2,
    "sentinel_search_duration_seconds_count": 4,
    "sentinel_embedding_batch_texts_count": 4,
    "sentinel_embedding_tokens_total": 40,
    "sentinel_index_entries": 4,
    "sentinel_index_bytes": 1000,
    'sentinel_job_start_latency_seconds_count{class="batch"}': 2,
    'sentinel_job_start_latency_seconds_count{class="interactive"}': 20,
    'sentinel_job_duration_seconds_count{source="failed"}': 2,
    'sentinel_job_duration_seconds_count{source="stale"}': 1,
    'sentinel_jobs_settled_total{state="completed"}': 20,
    'sentinel_llm_unpriced_calls_total{provider="spare"}': 2,
    "sentinel_billing_unknown_calls_total": 2,
    'sentinel_budget_refusals_total{budget="key-day"}': 2,
    'sentinel_budget_soft_exceeded_total{budget="key-day"}': 2,
    'sentinel_requests_total{status="503"}': 4,
    'sentinel_requests_total{endpoint="unmatched",status="404"}': 2,
    "sentinel_workers": 1,
    "sentinel_worker_slots": 64,
    "sentinel_workers_desired": 1,
}
"""The least that the load must have made of each."""


@pytest.mark.parametrize("metric", COUNTED)
def test_what_happened_was_counted(watched: Watched, metric: str) -> None:
    """A counter that nobody counts looks like a quiet day."""
    [(_, counted)] = watched.prometheus.ask(f"sum({metric})")
    assert counted >= COUNTED[metric]


def test_every_rule_is_evaluated_and_recorded(watched: Watched) -> None:
    """None of them fails on real series, and what is recorded is there."""

    def evaluated() -> bool:
        return all(rule["health"] != "unknown" for rule in watched.prometheus.rules())

    wait_until(evaluated, "all rules were evaluated")
    for rule in watched.prometheus.rules():
        assert rule["health"] == "ok", rule
        if rule["type"] == "recording":
            wait_until(lambda name=rule["name"]: watched.prometheus.ask(name), f"{rule['name']} is recorded")


def test_one_ingress_shows_every_process_of_the_machine(watched: Watched) -> None:
    """What only workers and the other ingress count is there as well; and it is well-formed."""
    with watched.stack.client(key=None) as http:
        shown = http.get("/metrics").content
    promtool("check", "metrics", given=shown)
    text = shown.decode()
    for name in (
        *(declared().keys() - LATER),
        'sentinel_budget_refusals_total{budget="key-day"}',
        "sentinel_workers 1.0",
    ):
        assert name in text, name
    assert sum(not line.startswith("#") for line in text.splitlines()) < SERIES_MAX


def test_metrics_agree_with_the_ledger(watched: Watched) -> None:
    """Dollars and tokens of a process's memory are those that were committed with the answers."""
    with watched.stack.client(key=ADMIN_KEY) as http:
        booked = http.get("/v1/usage").json()["total"]["calls"]
    [(_, dollars)] = watched.prometheus.ask("sum(sentinel_llm_cost_usd_total)")
    assert dollars == pytest.approx(booked["cost"]["usd"])
    tokens = watched.prometheus.ask("sum by (direction) (sentinel_llm_tokens_total)")
    counted = {labels["direction"]: value for labels, value in tokens}
    assert counted == {"input": booked["input_tokens"], "output": booked["output_tokens"]}


TRACE, CALLERS_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "xylophone"


@pytest.fixture(scope="module")
def traced(watched: Watched) -> dict[str, Collected]:
    """The spans of one traced question, by name."""
    watched.stack.forget()
    with watched.stack.client(key=ADMIN_KEY) as http:
        http.post("/admin/breakers/simulator/reset")
    with watched.stack.client() as http:
        answered = http.post(
            "/v1/query",
            json={"prompt": f"Who invented the {SECRET}?"},
            headers={"traceparent": f"00-{TRACE}-{CALLERS_SPAN}-01"},
        )
    assert answered.status_code == 200
    told = answered.headers["traceresponse"]
    wanted = {"POST /v1/query", "sentinel.settle", "sentinel.job"}
    wait_until(lambda: wanted <= watched.collector.of(TRACE).keys(), "the spans have come")
    spans = watched.collector.of(TRACE)
    assert told == f"00-{TRACE}-{spans['POST /v1/query'].span_id}-01"
    return spans


def test_a_trace_goes_from_the_caller_through_the_job_to_the_provider(
    watched: Watched, traced: dict[str, Collected]
) -> None:
    """Over three processes and two servers, and the provider is told its place in it."""
    request, job = traced["POST /v1/query"], traced["sentinel.job"]
    chat = traced["chat openai/gpt-oss-20b"]
    assert request.parent_id == CALLERS_SPAN
    assert (request.service, job.service) == ("sentinel-ingress", "sentinel-worker")
    assert {job.parent_id, traced["sentinel.settle"].parent_id} == {request.span_id}
    within = {traced["embeddings all-MiniLM-L6-v2"].parent_id, traced["sentinel.cache.lookup"].parent_id}
    assert {chat.parent_id, *within} == {job.span_id}
    [call] = watched.stack.calls()
    assert call["traceparent"] == f"00-{TRACE}-{chat.span_id}-01"


def test_spans_say_what_happened_and_nothing_of_what_was_asked(traced: dict[str, Collected]) -> None:
    """Routes, ids, tokens and verdicts; no prompts, no answers, no keys."""
    request, job = traced["POST /v1/query"].attributes, traced["sentinel.job"].attributes
    assert request["http.response.status_code"] == 200
    assert request["http.route"] == "/v1/query"
    assert job["sentinel.source"] == "provider"
    assert job["sentinel.request_id"] == request["sentinel.request_id"]
    chat = traced["chat openai/gpt-oss-20b"].attributes
    assert chat["gen_ai.provider.name"] == "simulator"
    assert chat["gen_ai.usage.output_tokens"] > 0
    assert traced["sentinel.cache.lookup"].attributes["sentinel.hit"] is False
    told = str(list(traced.values()))
    assert SECRET not in told
    assert USER_KEY not in told


def test_an_exact_hit_is_traced_on_the_shortcut(watched: Watched, traced: dict[str, Collected]) -> None:
    """Its span is the caller's child, says that it was a hit, and its log line joins on the trace."""
    trace, key = TRACE[::-1], f"00-{TRACE[::-1]}-{CALLERS_SPAN}"
    with watched.stack.client() as http:
        hit = http.post(
            "/v1/query",
            json={"prompt": f"Who invented the {SECRET}?"},
            headers={"traceparent": f"{key}-01"},
        )
    assert hit.headers["x-sentinel-cache"] == "exact"
    wait_until(lambda: watched.collector.of(trace), "the span has come")
    span = watched.collector.of(trace)["POST /v1/query"]
    assert hit.headers["traceresponse"] == f"00-{trace}-{span.span_id}-01"
    assert span.parent_id == CALLERS_SPAN
    assert span.attributes["sentinel.cache"] == hit.headers["x-sentinel-cache"]
    wait_until(lambda: trace in watched.stack.logs(), "its line is written")
    [line] = [msgspec.json.decode(line) for line in watched.stack.logs().splitlines() if trace in line]
    assert line["request_id"] == span.attributes["sentinel.request_id"]


def test_logs_join_on_request_job_and_trace(watched: Watched, traced: dict[str, Collected]) -> None:
    """Whoever has one of the three finds the others, on either side of the queue."""
    lines = [msgspec.json.decode(line) for line in watched.stack.logs().splitlines() if TRACE in line]
    request = next(line for line in lines if line["message"] == "request")
    job = next(line for line in lines if line["message"] == "job completed")
    for name in ("request_id", "job_id", "trace_id"):
        assert request[name] == job[name], name
    assert SECRET not in watched.stack.logs()
