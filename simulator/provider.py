"""The data plane: one call from its arrival to its record, played as Groq or Jina would."""

from collections.abc import Callable
from typing import Any

from simulator.arrivals import decode, describe
from simulator.chat import Moment, chat_reply
from simulator.embeddings import embeddings_reply
from simulator.errors import ClientGoneError, Dialect, Refusal
from simulator.exchange import Exchange
from simulator.faults import spoil
from simulator.pricing import EMBEDDING_PRICES, Tokens, cost_picodollars
from simulator.records import Arrival, Finish
from simulator.reply import Reply, error_reply, json_reply
from simulator.script import Call, Rule, latency_s
from simulator.simulation import Simulation

Endpoint = Callable[[Simulation, bytes, Moment], Reply]

_CLIENT_CLOSED = 499


async def serve(simulation: Simulation, exchange: Exchange) -> None:
    """Record a call, answer it as the script says, and record how it ended, whatever happens between."""
    body, refusal = await _read(exchange)
    arrival, question = describe(
        exchange.path,
        _key(exchange),
        body,
        exchange.header("x-request-id"),
        exchange.header("traceparent"),
    )
    call = Call(exchange.path, arrival.model, question, simulation.clock())
    rule = simulation.script.next_rule(call, simulation.draws)
    seq = simulation.calls.arrive(arrival, simulation.clock())
    billable: Tokens | None = None
    try:
        if exchange.client_gone:
            return
        moment = _moment(simulation, rule, seq)
        reply = _reply(simulation, exchange, body, moment, refusal)
        if rule is not None:
            reply = spoil(reply, rule, _dialect(exchange.path))
        async with exchange.watched():
            await exchange.pause(moment.latency_s)
            # A provider bills what it began to say, even to a client that leaves before the end.
            billable = reply.tokens
            await exchange.play(reply)
    except ClientGoneError:
        pass
    finally:
        finish = _finish(simulation, exchange, arrival, rule, billable)
        simulation.calls.finish(seq, finish, simulation.clock())


async def _read(exchange: Exchange) -> tuple[bytes, Refusal | None]:
    try:
        return await exchange.body(), None
    except ClientGoneError:
        return b"", None
    except Refusal as refusal:
        return b"", refusal


def _reply(
    simulation: Simulation, exchange: Exchange, body: bytes, moment: Moment, refusal: Refusal | None
) -> Reply:
    try:
        if refusal is not None:
            raise refusal
        return _endpoint(exchange)(simulation, body, moment)
    except Refusal as refused:
        return error_reply(refused, _dialect(exchange.path))


def _endpoint(exchange: Exchange) -> Endpoint:
    method_and_endpoint = _ENDPOINTS.get(exchange.path)
    if method_and_endpoint is None:
        raise Refusal(404, f"Unknown request URL: {exchange.method} {exchange.path}.", code="unknown_url")
    method, endpoint = method_and_endpoint
    if exchange.method != method:
        raise Refusal(405, f"Method {exchange.method} is not allowed here; use {method}.")
    if not _key(exchange):
        raise Refusal(401, "Invalid API Key", code="invalid_api_key")
    return endpoint


def _chat(simulation: Simulation, body: bytes, moment: Moment) -> Reply:
    return chat_reply(decode(body), simulation.settings.chat_models, moment)


def _embeddings(_: Simulation, body: bytes, __: Moment) -> Reply:
    return embeddings_reply(decode(body), EMBEDDING_PRICES)


def _models(simulation: Simulation, _: bytes, __: Moment) -> Reply:
    listed: list[dict[str, Any]] = [
        {"id": name, "object": "model", "created": 0, "owned_by": "simulator", "active": True}
        for name in simulation.settings.chat_models
    ]
    return json_reply({"object": "list", "data": listed})


def _key(exchange: Exchange) -> str:
    scheme, _, key = exchange.header("authorization").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _dialect(path: str) -> Dialect:
    return "jina" if path.endswith("/embeddings") else "groq"


def _moment(simulation: Simulation, rule: Rule | None, seq: int) -> Moment:
    scripted_pace = rule.tokens_per_second if rule else None
    return Moment(
        call_id=f"{simulation.calls.run}-{seq}",
        at=simulation.clock(),
        latency_s=latency_s(rule, simulation.settings.latency_ms, simulation.draws),
        tokens_per_second=simulation.settings.tokens_per_second if scripted_pace is None else scripted_pace,
        cached_tokens=rule.cached_tokens if rule else None,
    )


def _finish(
    simulation: Simulation, exchange: Exchange, arrival: Arrival, rule: Rule | None, tokens: Tokens | None
) -> Finish:
    prices = {**simulation.settings.chat_models, **EMBEDDING_PRICES}
    price = prices.get(arrival.model or "")
    return Finish(
        status=_CLIENT_CLOSED if exchange.client_gone else exchange.status,
        fault=rule.fault if rule else None,
        completed=exchange.completed,
        usage=tokens,
        cost_picodollars=cost_picodollars(price, tokens) if price and tokens else 0,
    )


_ENDPOINTS: dict[str, tuple[str, Endpoint]] = {
    "/openai/v1/chat/completions": ("POST", _chat),
    "/v1/chat/completions": ("POST", _chat),
    "/openai/v1/models": ("GET", _models),
    "/v1/models": ("GET", _models),
    "/v1/embeddings": ("POST", _embeddings),
}
