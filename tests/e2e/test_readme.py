"""Every command of the README does what it says, in the order in which a newcomer pastes them."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.cli.ports import free_port
from tests.support.stack import MODELS, ROOT, STOP_S, Process, wait_until

README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL) for line in block.splitlines()
]
ANSWERED = ("curl -s http://127.0.0.1:8000/v1/query", "curl -s -i http://127.0.0.1:8000/v1/query")
PROBED = "curl -s http://127.0.0.1:8000/readyz?verbose"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[tuple[int, str]]:
    """`make up` as a newcomer runs it, on a free port and with data of its own; (port, user key)."""
    folder = tmp_path_factory.mktemp("up")
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SENTINEL_", "GROQ_", "JINA_"))}
    environment = {
        **kept,
        "SENTINEL_PORT": str(port),
        "SENTINEL_DATA_DIR": str(folder / "data"),
        "SENTINEL_MODEL_DIR": str(MODELS),
    }
    log = folder / "up.log"
    with log.open("wb") as stream:
        popen = subprocess.Popen(
            ["make", "up"], cwd=ROOT, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
    process = Process("make up", popen, log)
    try:
        wait_until(lambda: b"Ctrl-C stops everything" in log.read_bytes(), "make up is up", process, 60)
        printed = re.search(r"User key\s+(snt_\w+)", log.read_text())
        assert printed, log.read_text()
        yield port, printed.group(1)
    finally:
        # As the terminal does it: to the whole foreground group.
        os.killpg(popen.pid, signal.SIGINT)
        popen.wait(STOP_S)
    assert "Everything has stopped." in log.read_text()


def shell(command: str, up: tuple[int, str]) -> str:
    """Run a line of the README against this product instead of port 8000."""
    port, key = up
    command = command.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    run = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "KEY": key}, capture_output=True, text=True, check=True
    )
    return run.stdout


def test_every_command_is_known_to_this_test() -> None:
    """A new one in the README fails here until somebody runs it below."""
    known = ("make up", "make test", "export KEY=", PROBED, *ANSWERED)
    assert [command for command in COMMANDS if not command.startswith(known)] == []
    assert COMMANDS.count("make up") == COMMANDS.count("make test") == 1


def test_the_requests_to_paste_are_a_miss_and_its_semantic_hit(up: tuple[int, str]) -> None:
    """What the README shows below them is what one gets."""
    first, second, later = (shell(c, up) for c in COMMANDS if c.startswith(ANSWERED))
    assert json.loads(first)["cache"]["status"] == "miss"
    hit = json.loads(second)
    assert (hit["cache"]["status"], hit["cache"]["type"]) == ("hit", "semantic")
    assert later.startswith("HTTP/1.1 202")
    assert "location: /v1/jobs/" in later.lower()


def test_the_requests_that_make_up_prints_work_as_printed(up: tuple[int, str]) -> None:
    """Pasted with the key that is in them."""
    port, key = up
    ready = json.loads(shell(PROBED, up))
    assert ready["status"] == "ok"
    assert len(ready["workers"]) == 2
    assert len(key) == 42
    assert port


def test_the_demo_shows_what_it_says(up: tuple[int, str]) -> None:
    """A miss, both hits, a refusal with its reasons, one call for all twins, a stale answer, and the sum."""
    port, key = up
    shown = sentinel("demo", "--url", f"http://127.0.0.1:{port}", "--key", key)
    verdicts = re.findall(r"-> (\w+(?: \w+)?),", shown)
    assert verdicts[:5] == ["miss", "hit exact", "hit semantic", "miss", "miss"]
    assert "refused by polarity: opposite words" in shown
    assert "1 call to the provider, 19 shared its answer" in shown


def test_one_question_and_the_state_from_the_command_line(up: tuple[int, str]) -> None:
    """Where nobody watches, the answer alone, and JSON."""
    port, key = up
    where = ("--url", f"http://127.0.0.1:{port}", "--key", key)
    assert sentinel("ask", *where, "Why", "is", "grass", "green?").startswith("[simulated]")
    assert json.loads(sentinel("ask", *where, "--json", "Why is grass green?"))["cache"]["type"] == "exact"
    assert json.loads(sentinel("status", *where))["status"] == "ok"
    timed = json.loads(sentinel("bench", *where, "--rounds", "2"))["milliseconds"]
    assert (len(timed["miss"]), len(timed["hit exact"])) == (2, 2)


def sentinel(*arguments: str) -> str:
    """Run the command as a newcomer does."""
    command = [str(ROOT / ".venv/bin/sentinel"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_make_test_runs_pytest() -> None:
    """It runs this very test, so here it is only looked at."""
    dry = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "pytest" in dry.stdout
