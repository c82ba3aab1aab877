"""`sentinel cache explain` and `sentinel calibrate` as they are typed, on the local model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import MODELS, ROOT, build_model


@pytest.fixture(scope="module", autouse=True)
def local_model() -> None:
    """The model that both need."""
    build_model()


def sentinel(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-c", "import sys; from shared.cli import main; sys.exit(main())", *arguments],
        env={"SENTINEL_MODEL_DIR": str(MODELS), "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_explaining_a_pair_to_a_program_is_json() -> None:
    """On a pipe: everything by name, and the verdict in words."""
    found = sentinel("cache", "explain", "How do I enable 2FA?", "How do I disable 2FA?")
    assert found.returncode == 0, found.stderr
    told: dict[str, Any] = json.loads(found.stdout)
    assert (told["policy"], told["match"]) == ("verified", False)
    assert "opposite words" in told["verdict"]
    assert {guard["guard"] for guard in told["guards"]} >= {"numbers", "polarity", "order", "entities"}
    assert told["chance"] < told["chance_needed"]


def test_traffic_is_replayed_with_its_money(tmp_path: Path) -> None:
    """Requests without labels: hits, what they saved, and a suggestion; the plot is written."""
    traffic = tmp_path / "traffic.jsonl"
    asked = ("What is the capital of Peru?", "Tell me the capital of Peru", "How do I boil an egg?")
    traffic.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in (*asked, asked[0])))
    plot = tmp_path / "plot.svg"
    found = sentinel(
        "calibrate", str(traffic), "--cost-per-call", "0.01", "--max-wrong", "0.2", "--plot", str(plot)
    )
    assert found.returncode == 0, found.stderr
    told: dict[str, Any] = json.loads(found.stdout)
    verified = next(p for p in told["points"] if (p["policy"], p["threshold"]) == ("verified", 0.8))
    assert (verified["requests"], verified["exact"], verified["hits"]) == (4, 1, 1)
    assert verified["saved"] == pytest.approx(0.02)
    assert told["suggested"] is not None
    assert plot.read_text().startswith("<svg")


def test_a_file_of_neither_kind_is_refused(tmp_path: Path) -> None:
    """With exit code 2 and its name."""
    nonsense = tmp_path / "nonsense.jsonl"
    nonsense.write_text('{"colour": "blue"}\n')
    found = sentinel("calibrate", str(nonsense))
    assert found.returncode == 2
    assert "nonsense.jsonl" in found.stderr
