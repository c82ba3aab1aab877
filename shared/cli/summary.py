"""What `sentinel up` says when it is up: at most 20 lines, with everything to try it."""

import json
from collections.abc import Sequence
from typing import Final

from shared.cli import local_keys
from shared.cli.plan import Plan
from shared.masking import masked_url
from shared.secret import Secret
from shared.settings import Settings

QUESTION: Final = "What is the capital of France?"
PARAPHRASE: Final = "Tell me the capital city of France"
_UNSHOWN: Final = "YOUR_KEY"


def summary(plan: Plan, version: str, took_s: float, link: str) -> str:
    """Lay out the facts of a plan that is running; generated keys are shown, given ones are not.

    `link` signs somebody in to the dashboard, once.
    """
    settings = plan.settings
    lines = [
        f"Sentinel {version} is up ({took_s:.1f} s)",
        f"  API         {plan.base_url}   docs {plan.base_url}/docs",
        f"  Dashboard   {link}",
        f"  Metrics     {plan.base_url}/metrics",
        f"  Redis       {_redis(plan)}",
        *_provider(plan),
        f"  Embeddings  {_embeddings(settings)}",
        f"  Workers     {settings.workers} x {settings.slots} jobs   logs in {plan.data_dir / 'logs'}",
        f"  Rate limit  {_rate(settings)}",
        f"  User key    {_key(plan, local_keys.USER)}",
        f"  Admin key   {_key(plan, local_keys.ADMIN)}",
        "Try:",
        f"  {curl(plan, QUESTION)}",
        f"  {curl(plan, PARAPHRASE)}   # a semantic hit",
        "  .venv/bin/sentinel demo   # a guided minute, in another terminal",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


def curl(plan: Plan, prompt: str) -> str:
    """One command to paste that asks a question."""
    body = json.dumps({"prompt": prompt})
    key = plan.own_keys.get(local_keys.USER, _UNSHOWN)
    return (
        f'curl -s {plan.base_url}/v1/query -H "X-API-Key: {key}" '
        f"-H \"Content-Type: application/json\" -d '{body}'"
    )


def _redis(plan: Plan) -> str:
    if plan.redis is None:
        return masked_url(plan.settings.redis_url)
    where = f"port {plan.redis.port} of 127.0.0.1" if plan.redis.port else plan.redis.socket_path
    return f"its own, {where} (data kept)"


def _provider(plan: Plan) -> Sequence[str]:
    settings = plan.settings
    if plan.simulator_port is None:
        return (
            f"  LLM         {settings.provider}: {settings.model} at {masked_url(settings.groq_base_url)}",
        )
    return (
        "  LLM         *** SIMULATOR *** invented answers, no provider is called",
        f"              set GROQ_API_KEY to use {settings.model}",
    )


def _embeddings(settings: Settings) -> str:
    if settings.embedder_used == "jina":
        return f"Jina: {settings.jina_model}"
    if settings.embedder_used == "openai":
        return f"{settings.embedder_model} at {masked_url(settings.embedder_base_url)}"
    return f"local model all-MiniLM-L6-v2; set JINA_API_KEY for {settings.jina_model}"


def _rate(settings: Settings) -> str:
    return f"{settings.rate_capacity:g} at once, {settings.rate_refill_per_s * 60:.4g} per 60 s, for each key"


def _key(plan: Plan, variable: str) -> str:
    given = {local_keys.USER: plan.settings.user_keys, local_keys.ADMIN: plan.settings.admin_keys}[variable]
    return f"from {variable}" if isinstance(given, Secret) else plan.own_keys[variable]
