"""The metrics as text.

With PROMETHEUS_MULTIPROC_DIR set (as under `sentinel up`) all processes of a machine share one exposition;
without it each shows its own.
"""

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import ValueClass

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


def exposition() -> bytes:
    """The metrics as text, of every process that shares this machine's directory."""
    registry: CollectorRegistry = REGISTRY
    if ValueClass.__name__ == "MmapedValue":
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
