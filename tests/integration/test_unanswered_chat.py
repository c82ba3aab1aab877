"""A completion that nobody has made when its caller's wait is over."""

import pytest

from tests.support.gateway import USER_KEY, gateway, settings_for
from tests.support.redis_process import RedisProcess

pytestmark = [pytest.mark.anyio, pytest.mark.integration]
QUESTION = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Anybody there?"}]}


async def test_a_caller_whom_no_worker_answers_is_told_so_with_the_job(redis_server: RedisProcess) -> None:
    """It is no queue that is full: the job goes on, and who asks again joins it."""
    async with gateway(settings_for(redis_server.url)) as served:
        headers = {"X-API-Key": USER_KEY, "Prefer": "wait=1"}
        replies = [
            await served.client.post("/v1/chat/completions", json=QUESTION, headers=headers) for _ in range(2)
        ]
    assert [reply.status_code for reply in replies] == [504, 504]
    first, again = (reply.json() for reply in replies)
    assert first["code"] == "deadline_exceeded"
    assert first["job_id"] == again["job_id"]
