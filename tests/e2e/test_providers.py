"""Several providers behind real processes: who is asked, who is left alone, and what the caller hears."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stack import ADMIN_KEY, Stack, running

FIRST = "/openai/v1/chat/completions"
SECOND = "/v1/chat/completions"
PROVIDERS = """
[[provider]]
name = "spare"
base_url = "{simulator}/v1"
key_variable = "SPARE_KEY"
models = {{ "openai/gpt-oss-20b" = "openai/gpt-oss-20b", "only-spare" = "openai/gpt-oss-120b" }}
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """A worker that knows a second provider, at the same simulator under another path."""
    folder = tmp_path_factory.mktemp("providers")
    listed = folder / "providers.toml"
    with running(folder, workers=0, ingresses=0, SENTINEL_RETRY_CAP_S="0.01") as found:
        listed.write_text(PROVIDERS.format(simulator=found.simulator))
        known = {"SENTINEL_PROVIDERS_FILE": str(listed), "SPARE_KEY": "spare-key-for-tests"}
        found.add_worker(**known)
        found.add_ingress(**known)
        yield found


@pytest.fixture(autouse=True)
def fresh(stack: Stack) -> None:
    """No rules, no calls on record, closed breakers."""
    stack.forget()
    for name in ("simulator", "spare"):
        stack.close_breaker(name)


def ask(stack: Stack, question: str, **fields: Any) -> httpx.Response:
    """Ask something that nobody has asked."""
    with stack.client() as http:
        return http.post("/v1/query", json={"prompt": question, "cache": {"mode": "exact"}, **fields})


def test_the_next_provider_answers_when_the_first_is_down(stack: Stack) -> None:
    """The caller sees an answer, and from whom."""
    stack.script({"match": {"path": FIRST}, "fault": "status:503"})
    answered = ask(stack, "Who answers when the first is down?")
    assert answered.status_code == 200, answered.text
    assert answered.json()["provider"] == "spare"
    assert [(one["provider"], one["outcome"]) for one in answered.json()["calls"]] == [
        *[("simulator", "upstream_unavailable")] * 3,
        ("spare", "ok"),
    ]
    assert [call["status"] for call in stack.calls(FIRST)] == [503, 503, 503]
    assert [call["status"] for call in stack.calls(SECOND)] == [200]


def test_a_model_that_one_provider_serves_is_asked_of_it_by_its_own_name(stack: Stack) -> None:
    """Callers say our name, the provider hears its own, and neither hears of the other."""
    answered = ask(stack, "Who serves this model?", model="only-spare")
    assert answered.status_code == 200, answered.text
    assert answered.json()["model"] == "only-spare"
    assert stack.calls(FIRST) == []
    assert [call["model"] for call in stack.calls(SECOND)] == ["openai/gpt-oss-120b"]


def test_every_provider_down_is_told_with_the_time_to_come_back(stack: Stack) -> None:
    """Once both breakers are open nobody is called at all."""
    stack.script({"fault": "status:500"})
    for number in range(6):
        assert ask(stack, f"Is anybody there, {number}?").status_code == 503
    before = len(stack.calls(FIRST)) + len(stack.calls(SECOND))
    refused = ask(stack, "Is anybody there now?")
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "upstream_circuit_open"
    assert 50 < int(refused.headers["Retry-After"]) <= 60
    assert len(stack.calls(FIRST)) + len(stack.calls(SECOND)) == before


def test_an_operator_sees_the_breakers_and_closes_one(stack: Stack) -> None:
    """And the provider is asked again at once."""
    stack.script({"match": {"path": FIRST}, "fault": "status:500"})
    for number in range(6):
        ask(stack, f"Will it open, {number}?")
    with stack.client(key=ADMIN_KEY) as http:
        seen = {one["provider"]: one["state"] for one in http.get("/admin/breakers").json()["breakers"]}
        assert seen == {"simulator": "open", "spare": "closed"}
        stack.forget()
        assert http.post("/admin/breakers/simulator/reset").status_code == 200
    assert ask(stack, "Is it closed?").json()["provider"] == "simulator"


def test_the_providers_reason_reaches_the_caller_without_its_headers_and_keys(stack: Stack) -> None:
    """A bad question is told as the provider told it, and asked of nobody else."""
    stack.script({"fault": "status:400", "headers": {"x-upstream-secret": "hush"}})
    refused = ask(stack, "Is this a bad question?")
    assert refused.status_code == 400
    assert "400" in refused.json()["detail"]
    assert "x-upstream-secret" not in refused.headers
    assert "spare-key" not in refused.text
    assert stack.calls(SECOND) == []


@pytest.mark.parametrize(
    "fault", ["garbage", "wrong_schema", "empty_choice", "no_choices", "truncate", "close"]
)
def test_what_is_no_answer_is_never_cached(stack: Stack, fault: str) -> None:
    """Asked again, the question goes out again."""
    stack.script({"fault": fault})
    first = ask(stack, f"What does {fault} look like?")
    assert first.status_code in (502, 503), first.text
    stack.forget()
    again = ask(stack, f"What does {fault} look like?")
    assert again.status_code == 200, again.text
    assert again.json()["cache"]["status"] == "miss"


def test_a_body_without_end_is_not_read_to_its_end(stack: Stack) -> None:
    """Fifty megabytes of white space before the answer."""
    stack.script({"fault": "oversize"})
    refused = ask(stack, "How large is large?")
    assert refused.status_code == 502
    assert refused.json()["error"]["code"] == "upstream_invalid_response"
