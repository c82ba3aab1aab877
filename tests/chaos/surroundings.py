"""What surrounds the fleet: its settings, and the provider."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.stack import MODELS, ROOT, USER_KEY, Process, Stack, wait_until


def provider_key(name: str) -> str:
    """A member's own key, by whose digest the provider's log tells who called."""
    return f"provider-key-of-{name}"


def environment(folder: Path, simulator_port: int) -> dict[str, str]:
    """What every process of the product is told, but for its own port and its way to Redis."""
    ours = ("SENTINEL_", "GROQ_", "JINA_", "SIMULATOR_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "SENTINEL_USER_KEYS": USER_KEY,
        "SENTINEL_FINGERPRINT_SECRET": "secret-for-tests",
        "SENTINEL_DATA_DIR": str(folder),
        "SENTINEL_MODEL_DIR": str(MODELS),
        "SENTINEL_PROVIDER": "simulator",
        "SENTINEL_RATE_CAPACITY": "1000000",
        "SENTINEL_RATE_REFILL_PER_S": "100000",
        # Short, so that a run of a minute sees the ends of hanging calls and of drains.
        "SENTINEL_PROVIDER_DEADLINE_S": "5",
        "SENTINEL_JOB_DEADLINE_S": "60",
        "SENTINEL_DRAIN_S": "3",
        # Short, so that the provider's faults do not leave the fleet without calls for most of a run.
        "SENTINEL_BREAKER_COOLDOWN_S": "0.5",
        "SENTINEL_BREAKER_COOLDOWN_MAX_S": "1",
        # Long, so that every outcome can still be read when the run is over.
        "SENTINEL_OUTCOME_TTL_S": "86400",
        "SENTINEL_FAILURE_TTL_S": "86400",
        "GROQ_BASE_URL": f"http://127.0.0.1:{simulator_port}",
    }


def start_simulator(stack: Stack, port: int, calls_log: Path) -> None:
    """Start the provider, which logs every call that reaches it, and wait until it serves."""
    log = stack.folder / "simulator.log"
    flags = ("--host", "127.0.0.1", "--port", str(port), "--log", str(calls_log))
    with log.open("ab") as stream:
        popen = subprocess.Popen(
            [sys.executable, "-m", "simulator", *flags], cwd=ROOT, stdout=stream, stderr=stream
        )
    process = Process("simulator", popen, log)
    stack.processes.append(process)
    wait_until(lambda: b'"ready"' in log.read_bytes(), "the simulator is ready", process)
