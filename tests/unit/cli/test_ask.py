import httpx
import pytest

from shared.cli import main
from shared.cli.ask import line
from shared.cli.errors import CannotStart
from shared.cli.gateway import Gateway, Told
from shared.cli.status import lines

pytestmark = pytest.mark.unit


def told(**cache: object) -> Told:
    """An answer with this cache verdict."""
    usage = {"cost_usd": 0.0, "saved_usd": 0.0000066}
    return Told({"status": "completed", "output": {"text": "x"}, "cache": cache, "usage": usage}, 12.4)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (told(status="miss", similarity=-0.001), "miss, similarity 0.00, 12 ms, cost $0, saved $0.0000066"),
        (told(status="miss", similarity=None), "miss, 12 ms, cost $0, saved $0.0000066"),
        (
            told(status="hit", type="semantic", similarity=0.914),
            "hit semantic, similarity 0.91, 12 ms, cost $0, saved $0.0000066",
        ),
        (Told({"status": "queued", "cache": None}, 1), "queued, 1 ms, cost unknown, saved unknown"),
    ],
)
def test_a_line_tells_where_an_answer_came_from(answer: Told, expected: str) -> None:
    """What is unknown is not called zero."""
    assert line(answer) == expected


def test_nobody_there_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do about it, and without a traceback."""
    assert main(["ask", "--url", "http://127.0.0.1:9", "--key", "any", "Hello?"]) == 1
    shown = capsys.readouterr().err
    assert "nothing answers at http://127.0.0.1:9" in shown
    assert "sentinel up" in shown


def test_a_refusal_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The problem's own words, whatever the body is."""
    replies = [httpx.Response(429, json={"detail": "Too fast."}), httpx.Response(502, text="<html>")]
    monkeypatch.setattr(httpx.Client, "request", lambda *_, **__: replies.pop(0))
    with Gateway("http://there", "any") as there:
        with pytest.raises(CannotStart, match=r"429: Too fast\."):
            there.ask("?")
        with pytest.raises(CannotStart, match="502: Bad Gateway"):
            there.ask("?")


def test_the_state_is_told_line_by_line() -> None:
    """What is wrong comes right after the status."""
    found = {
        "status": "degraded",
        "checks": {"queue_redis": "ok", "cache_redis": "Redis does not answer"},
        "workers": [{"slots": 64, "busy": 3}, {"slots": 64, "busy": 1}],
        "queue": {"due": 2, "oldest_wait_ms": 15},
        "breakers": [{"provider": "groq", "phase": "half_open"}],
        "in_flight": 7,
    }
    assert list(lines(found)) == [
        "status      degraded",
        "  cache_redis: Redis does not answer",
        "workers     2, 4 of 128 slots busy",
        "queue       due 2, oldest wait ms 15",
        "breaker     groq: half open",
        "in flight   7 requests at this ingress",
    ]


def test_every_command_completes(capsys: pytest.CaptureFixture[str]) -> None:
    """In bash, with its options."""
    assert main(["completion", "bash"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("breaker", "--namespace", "doctor"))
