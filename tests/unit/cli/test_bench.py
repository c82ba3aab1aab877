"""What `sentinel bench` asks and how it tells."""

import httpx
import pytest

from shared.cli import main
from shared.cli.bench import rounds, table
from shared.cli.gateway import Gateway

pytestmark = pytest.mark.unit


def test_every_question_is_asked_three_times_in_a_cache_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice word for word, and once in other words."""
    asked: list[dict[str, object]] = []

    def answer(
        _self: object, _method: str, _path: str, *, json: dict[str, object], **_: object
    ) -> httpx.Response:
        asked.append(json)
        return httpx.Response(200, json={"cache": {"status": "miss"}})

    monkeypatch.setattr(httpx.Client, "request", answer)
    with Gateway("http://there", "any") as there:
        assert len(list(rounds(there, 12))) == 36
    prompts = [one["prompt"] for one in asked]
    assert prompts[0] == prompts[1] != prompts[2]
    assert len(set(prompts)) == 24
    assert len({str(one["cache"]) for one in asked}) == 1


def test_times_are_told_by_where_the_answers_came_from() -> None:
    """The ninety-fifth of a few is the slowest but one, or the slowest."""
    lines = table({"hit exact": [1.0, 2.0, 3.0], "miss": [40.0]})
    assert lines[1].split() == ["hit", "exact", "3", "2.0", "3.0", "3.0"]
    assert lines[2].split() == ["miss", "1", "40.0", "40.0", "40.0"]


def test_a_number_of_rounds_that_cannot_be_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is asked."""
    assert main(["bench", "--rounds", "0"]) == 1
    assert "--rounds" in capsys.readouterr().err
