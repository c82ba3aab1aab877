"""Callers: each asks, waits or polls, tries the other ingress when one is gone, and records everything."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from shared.job_records import TERMINAL
from tests.chaos.history import Answered, Broken, History, Hung, Sent, now
from tests.chaos.questions import Question, Questions

GRACE_S = 5.0
"""Past its deadline and this, a request counts as hung."""
WAIT_S = 5.0
ATTEMPTS = 3
POLLS = 12
PAUSE_S = 0.2
UNAVAILABLE = 503
NOTHING = Question("")


class Line:
    """The ingresses as callers reach them; every exchange is recorded."""

    def __init__(self, clients: Sequence[httpx.AsyncClient], history: History) -> None:
        self._clients = clients
        self._history = history

    @property
    def ingresses(self) -> int:
        """How many there are."""
        return len(self._clients)

    async def ask(self, question: Question, ingress: int, wait_s: float) -> Answered | None:
        """Post a question; a wait of 0 asks for the job id alone. None when no answer came."""
        prefer = f"wait={wait_s:g}" if wait_s else "respond-async"
        request = self._clients[ingress].build_request(
            "POST", "/v1/query", json=question.body, headers={"Prefer": prefer}
        )
        return await self._exchange(request, ingress, wait_s, question=question)

    async def read(self, job_id: str, ingress: int, wait_s: float) -> Answered | None:
        """Read a job, waiting for it to settle. None when no answer came."""
        request = self._clients[ingress].build_request(
            "GET", f"/v1/jobs/{job_id}", params={"wait": f"{wait_s:g}"}
        )
        return await self._exchange(request, ingress, wait_s, job_id=job_id)

    async def _exchange(
        self,
        request: httpx.Request,
        ingress: int,
        wait_s: float,
        *,
        question: Question = NOTHING,
        job_id: str = "",
    ) -> Answered | None:
        number = self._history.next_request()
        self._history.record(
            Sent(
                at=now(),
                request=number,
                ingress=ingress,
                wait_s=wait_s,
                question=question.prompt,
                twins=question.twins,
                job_id=job_id,
            )
        )
        try:
            async with asyncio.timeout(wait_s + GRACE_S):
                response = await self._clients[ingress].send(request)
        except TimeoutError:
            self._history.record(Hung(at=now(), request=number))
            return None
        except httpx.HTTPError as error:
            self._history.record(Broken(at=now(), request=number, error=type(error).__name__))
            return None
        answered = _answered(number, response)
        self._history.record(answered)
        return answered


def _answered(number: int, response: httpx.Response) -> Answered:
    try:
        body: dict[str, Any] = msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return Answered(at=now(), request=number, status=response.status_code, code="unreadable")
    state: object = body.get("status", "")
    if "job_id" in body:
        # The problem of a job that failed while its caller waited.
        state = "failed"
    return Answered(
        at=now(),
        request=number,
        status=response.status_code,
        job_id=body.get("job_id") or body.get("id", ""),
        # The status of a problem is a number.
        state=state if isinstance(state, str) else "",
        text=(body.get("output") or {}).get("text", ""),
        code=body.get("code", "") or (body.get("error") or {}).get("code", ""),
    )


async def call(line: Line, questions: Questions, draws: random.Random, stop: asyncio.Event) -> None:
    """Ask one question after the other until told to stop."""
    while not stop.is_set():
        question = questions.draw()
        ingress = draws.randrange(line.ingresses)
        answered = await _accepted(line, question, ingress, draws)
        if answered is not None and answered.job_id and answered.state not in TERMINAL:
            await _follow(line, answered.job_id, draws, stop)
        await asyncio.sleep(draws.uniform(0, PAUSE_S))


async def _accepted(line: Line, question: Question, ingress: int, draws: random.Random) -> Answered | None:
    """Ask until some ingress answers other than by being away."""
    answered = None
    for attempt in range(ATTEMPTS):
        wait_s = WAIT_S if draws.random() < 0.6 else 0.0
        answered = await line.ask(question, (ingress + attempt) % line.ingresses, wait_s)
        if answered is not None and (answered.status != UNAVAILABLE or answered.job_id):
            break
        await asyncio.sleep(PAUSE_S)
    return answered


async def _follow(line: Line, job_id: str, draws: random.Random, stop: asyncio.Event) -> None:
    """Poll a job until it has settled; what is left is looked at when the run is over."""
    for _ in range(POLLS):
        if stop.is_set():
            return
        ingress = draws.randrange(line.ingresses)
        answered = await line.read(job_id, ingress, draws.choice((0.5, 2.0, WAIT_S)))
        if answered is not None and answered.state in TERMINAL:
            return
        if answered is None or not answered.state:
            await asyncio.sleep(PAUSE_S)
