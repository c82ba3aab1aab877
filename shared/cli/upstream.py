"""Asks providers which models they have, as the doctor does; nothing is bought."""

from typing import Any, Final

import httpx

from shared.cli.checks import Check
from shared.masking import masked_url
from shared.providers import Provider, api_root

_TIMEOUT_S: Final = 5.0
UNAUTHORISED: Final = (401, 403)


def examine(provider: Provider) -> Check:
    """Whether a provider answers, knows our key, and has every model that callers may name."""
    name, where = f"provider {provider.name}", masked_url(provider.base_url)
    key = provider.key.reveal()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        reply = httpx.get(f"{api_root(provider.base_url)}/models", headers=headers, timeout=_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        advice = "check the address and the way out of this network"
        return Check(name, "FAIL", f"{where} does not answer ({type(error).__name__})", advice)
    return judge(provider, reply.status_code, _listed(reply))


def judge(provider: Provider, status: int, listed: frozenset[str] | None) -> Check:
    """Conclude from the reply; `listed` are the provider's own names, None when it told none."""
    name, where = f"provider {provider.name}", masked_url(provider.base_url)
    if status in UNAUTHORISED:
        advice = f"correct {provider.key_variable or 'its key_variable'}"
        return Check(name, "FAIL", f"{where} rejects the key ({status})", advice)
    if listed is None:
        return Check(name, "WARN", f"{where} answers, and lists no models ({status})", "ask it something")
    missing = {ours: own for ours, own in provider.models.items() if own not in listed}
    if missing:
        names = ", ".join(sorted(missing.values()))
        advice = "set SENTINEL_MODEL and SENTINEL_MODELS to models that it has"
        return Check(name, "FAIL", f"{where} has no {names}", advice)
    return Check(name, "OK", f"{where} answers, and has {', '.join(sorted(provider.models.values()))}")


def _listed(reply: httpx.Response) -> frozenset[str] | None:
    try:
        data: Any = reply.json()["data"]
        return frozenset(str(model["id"]) for model in data)
    except (ValueError, KeyError, TypeError):
        return None
