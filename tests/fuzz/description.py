"""Schemathesis against a running product: whatever is asked, answers are as the API's description has them.

It runs in an environment of its own, as its pins of other packages are not ours.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.support.stack import ADMIN_KEY, ROOT, running

LOCK: Final = Path(__file__).with_name("schemathesis.lock")
HOME: Final = ROOT / ".sentinel" / "schemathesis"
CHECKS: Final = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "missing_required_header"),
    *("unsupported_method", "allow_header_conformance"),
)
QUICK: Final = ("--phases", "examples,coverage", "--workers", "3")
"""Every operation with each of its parameters at its limits, absent and wrong; the same cases each time."""


def install() -> Path:
    """Make its environment, once, and return its program."""
    program, stamp, lock = HOME / "bin" / "st", HOME / LOCK.name, LOCK.read_text("utf-8")
    if not stamp.exists() or stamp.read_text("utf-8") != lock:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME)], check=True)
        pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
        subprocess.run([*pip, "-q", "--no-deps", "--require-hashes", "-r", str(LOCK)], check=True)
        stamp.write_text(lock, "utf-8")
    return program


def explore(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Try every operation of the product at a URL; its status is 0 when all was as described."""
    command = [str(install()), "run", f"{url}/openapi.json", "-H", f"X-API-Key: {ADMIN_KEY}"]
    command += ["-c", ",".join(CHECKS), "--request-timeout", "40", "--continue-on-failure", *options]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, cwd=folder, check=False, text=True, capture_output=True)


def long(seed: int, cases: int) -> None:
    """Try so many more of each operation, at random and one after another; raises AssertionError."""
    generous: dict[str, Any] = {
        "SENTINEL_RATE_CAPACITY": "1000000",
        "SENTINEL_RATE_REFILL_PER_S": "100000",
    }
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), **generous) as stack:
        found = explore(stack.urls[0], "--seed", str(seed), "--max-examples", str(cases))
    print(found.stdout[found.stdout.find("= SUMMARY") :])
    assert found.returncode == 0, found.stdout
