"""Spans are collected when somebody wants them, belong together, and hold no texts."""

import asyncio
import logging
import sys

import msgspec
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from shared import traceparent, tracing
from shared.errors import BadSetting, ProviderUnavailable
from shared.logs import JsonFormatter
from shared.settings import Settings
from tests.support.spans import collected

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def caller() -> str:
    """A caller that has a trace, in the context of one test."""
    traceparent.current.set(CALLER)
    return CALLER


@pytest.fixture(autouse=True)
def nobody() -> None:
    """No trace of an earlier test."""
    traceparent.current.set("")


def test_without_a_collector_the_callers_trace_is_carried_on(caller: str) -> None:
    """Whoever is called next belongs to it, though we add nothing."""
    with tracing.span("something") as span:
        span.note({"a": 1})
        span.fail("nothing")
        assert traceparent.current.get() == caller
        assert not span.recorded


def test_a_span_is_the_callers_child_and_the_parent_of_what_is_within(caller: str) -> None:
    """One trace, from the caller to the innermost."""
    with collected() as spans:
        with tracing.span("outer", "server"), tracing.span("inner", "client", {"gen_ai.system": "x"}):
            assert traceparent.trace_id(traceparent.current.get()) == traceparent.trace_id(caller)
        assert traceparent.current.get() == caller
        inner, outer = spans.all
    assert (outer.kind, inner.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert outer.parent is not None
    assert inner.parent is not None
    assert f"{outer.parent.span_id:016x}" == traceparent.span_id(caller)
    assert inner.parent.span_id == outer.context.span_id
    assert f"{inner.context.trace_id:032x}" == traceparent.trace_id(caller)
    assert inner.attributes == {"gen_ai.system": "x"}


def test_a_trace_begins_where_one_may() -> None:
    """At the ingress, for the share of requests that `trace_ratio` says; a worker begins none."""
    with collected() as spans:
        assert tracing.begins()
        with tracing.span("root", root=True) as span:
            assert span.recorded
            assert traceparent.is_kept(traceparent.current.get())
            assert traceparent.valid(traceparent.current.get())
        with tracing.span("not one") as span:
            assert not span.recorded
        assert [span.name for span in spans.all] == ["root"]
        assert spans.named("root").parent is None
    with collected(ratio=0.0):
        assert not tracing.begins()
    with collected(ratio=0.5):
        assert 300 < sum(tracing.begins() for _ in range(1000)) < 700
    assert not tracing.begins()


def test_a_caller_decides_whether_its_trace_is_kept() -> None:
    """A caller that does not sample is not sampled."""
    traceparent.current.set(CALLER.replace("-01", "-00"))
    with collected() as spans:
        with tracing.span("unsampled", root=True):
            assert traceparent.current.get().startswith(CALLER[:-2])
        assert spans.all == ()


def test_an_error_is_noted_by_its_code_and_never_by_its_words() -> None:
    """A detail may quote what was asked."""
    with collected() as spans:
        with pytest.raises(ProviderUnavailable), tracing.span("call", root=True):
            raise ProviderUnavailable("something secret")
        span = spans.named("call")
    assert span.attributes == {"error.type": "upstream_unavailable"}
    assert span.status.status_code is StatusCode.ERROR
    assert "secret" not in span.to_json()


def test_a_cancellation_is_no_error() -> None:
    """It is what a caller wanted, or a stop."""
    with collected() as spans:
        with pytest.raises(asyncio.CancelledError), tracing.span("call", root=True):
            raise asyncio.CancelledError
        span = spans.named("call")
    assert span.attributes == {"sentinel.cancelled": True}
    assert span.status.status_code is StatusCode.UNSET


def test_log_lines_name_the_trace(caller: str) -> None:
    """Beside the request and the job."""
    record = logging.makeLogRecord({"msg": "hello"})
    line = msgspec.json.decode(JsonFormatter("test").format(record))
    assert line["trace_id"] == traceparent.trace_id(caller)
    traceparent.current.set("")
    assert "trace_id" not in msgspec.json.decode(JsonFormatter("test").format(record))


def test_a_missing_extra_stops_the_start_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the setting's name."""
    monkeypatch.setitem(sys.modules, "shared.otel", None)
    with pytest.raises(BadSetting, match=r"SENTINEL_TRACING: needs `pip install sentinel-gateway\[otel\]`"):
        tracing.set_up("test", Settings(tracing="otlp"))
