"""The control plane under /_simulator/: rules in, records, counts and the bill out."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from simulator.errors import Refusal
from simulator.exchange import Exchange
from simulator.reply import json_reply
from simulator.script import Rule, Script
from simulator.simulation import Simulation

PREFIX = "/_simulator/"
_LONGEST_WAIT_S = 60.0
_NOTICE = "A stand-in for Groq and Jina: no model answers here."

Action = Callable[[Simulation, Exchange, bytes], Awaitable[Any]]


async def serve_control(simulation: Simulation, exchange: Exchange) -> None:
    """Answer one control request as JSON; Refusal 400, 404 or 405 when there is nothing to do."""
    path = exchange.path.removeprefix(PREFIX)
    actions = _ACTIONS.get(path)
    if actions is None:
        raise Refusal(404, f"There is no {exchange.path}; the control plane has {', '.join(_ACTIONS)}.")
    action = actions.get(exchange.method)
    if action is None:
        raise Refusal(405, f"{exchange.path} takes {', '.join(actions)}.")
    body = await exchange.body()
    await exchange.play(json_reply(await action(simulation, exchange, body)))


async def _show_script(simulation: Simulation, _: Exchange, __: bytes) -> Any:
    script = simulation.script
    return {
        "rules": [
            {**msgspec.to_builtins(rule), "applied": applied}
            for rule, applied in zip(script.rules, script.applied, strict=True)
        ]
    }


async def _set_script(simulation: Simulation, exchange: Exchange, body: bytes) -> Any:
    try:
        rules = msgspec.json.decode(body, type=list[Rule])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"The script is a list of rules: {error}") from error
    simulation.script = Script(rules)
    return await _show_script(simulation, exchange, body)


async def _clear_script(simulation: Simulation, exchange: Exchange, body: bytes) -> Any:
    simulation.script = Script()
    return await _show_script(simulation, exchange, body)


async def _list_calls(simulation: Simulation, exchange: Exchange, _: bytes) -> Any:
    calls = simulation.calls.since(int(_number(exchange, "since")))
    return {"run": simulation.calls.run, "last_seq": simulation.calls.last_seq, "calls": calls}


async def _reset_calls(simulation: Simulation, _: Exchange, __: bytes) -> Any:
    simulation.calls.reset()
    return _counts(simulation)


async def _count_calls(simulation: Simulation, exchange: Exchange, _: bytes) -> Any:
    """Count, after waiting up to `wait_s` seconds for so many `arrived` and `finished` calls."""
    reached = await simulation.calls.reach(
        arrived=int(_number(exchange, "arrived")),
        finished=int(_number(exchange, "finished")),
        within_s=min(_number(exchange, "wait_s"), _LONGEST_WAIT_S),
    )
    return _counts(simulation) | {"reached": reached}


async def _show_bill(simulation: Simulation, _: Exchange, __: bytes) -> Any:
    return simulation.calls.tally.bill() | {"calls": simulation.calls.billed()}


async def _show_health(simulation: Simulation, _: Exchange, __: bytes) -> Any:
    return {"status": "ok", "simulated": True, "notice": _NOTICE, "run": simulation.calls.run}


def _counts(simulation: Simulation) -> dict[str, Any]:
    calls = simulation.calls
    return {"run": calls.run, "last_seq": calls.last_seq, **calls.tally.counts()}


def _number(exchange: Exchange, name: str) -> float:
    text = exchange.query(name) or "0"
    try:
        return msgspec.json.decode(text, type=float)
    except msgspec.DecodeError as error:
        raise Refusal(400, f"'{name}' is a number, not {text!r}") from error


_ACTIONS: dict[str, dict[str, Action]] = {
    "script": {"GET": _show_script, "PUT": _set_script, "DELETE": _clear_script},
    "calls": {"GET": _list_calls, "DELETE": _reset_calls},
    "calls/count": {"GET": _count_calls},
    "bill": {"GET": _show_bill},
    "health": {"GET": _show_health},
}
