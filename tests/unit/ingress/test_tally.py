"""What is counted in plain numbers is what the metrics would have counted themselves."""

from typing import Any

from prometheus_client import REGISTRY

from ingress.tally import Tally
from shared import metrics


def value(name: str, **labels: Any) -> float:
    """A sample of the registry."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_histogram_is_the_same_whoever_counts() -> None:
    """At the bounds of buckets too, and beyond the last."""
    tally, durations = Tally(), (0.0, 0.01, 0.0100001, 0.3, 30.0, 31.0)
    for duration in durations:
        metrics.request_duration.labels("/one-by-one").observe(duration)
        tally.add("/tallied", duration, 0)
    tally.hand_over()
    for bound in (*map(str, metrics.DURATION_BUCKETS), "+Inf"):
        name = "sentinel_request_duration_seconds_bucket"
        counted = [value(name, endpoint=endpoint, le=bound) for endpoint in ("/one-by-one", "/tallied")]
        assert counted[0] == counted[1], bound
    name = "sentinel_request_duration_seconds_sum"
    assert value(name, endpoint="/tallied") == value(name, endpoint="/one-by-one")


def test_hits_and_savings_are_handed_over_once() -> None:
    """A second hand-over adds nothing."""
    tally = Tally()
    before = value("sentinel_saved_usd_total", type="exact")
    tally.add("/once", 0.001, 2_000_000)
    tally.hand_over()
    tally.hand_over()
    assert value("sentinel_requests_total", endpoint="/once", status="200") == 1
    assert round(value("sentinel_saved_usd_total", type="exact") - before, 12) == 0.000002
