"""Which providers there are, which models they serve, and in which order they are asked for one.

The first is the one of GROQ_API_KEY, GROQ_BASE_URL and SENTINEL_PROVIDER; the operator's file adds others.
"""

import os
from collections.abc import Mapping

from msgspec import Struct

from shared import providers_file
from shared.errors import BadSetting
from shared.providers_file import Limits, Listed, ProvidersFile
from shared.secret import Secret
from shared.settings import Settings

FIRST_KEY_VARIABLE = "GROQ_API_KEY"
NO_LIMITS = Limits()


class Provider(Struct, frozen=True, kw_only=True):
    """One OpenAI-compatible service.

    `models` maps our name of each model it serves to its own, `limits` our name to what it grants per minute;
    `key` is empty when calls carry none, and `key_variable` says where it came from.
    """

    name: str
    base_url: str
    key: Secret
    key_variable: str | None
    models: Mapping[str, str]
    limits: Mapping[str, Limits] = {}

    def limits_of(self, model: str) -> Limits:
        """What it grants for a model, by our name."""
        return self.limits.get(model, NO_LIMITS)


def api_root(base_url: str) -> str:
    """Where a provider's API begins: Groq's SDK appends /openai/v1 to a root, others end in /v1."""
    root = base_url.rstrip("/")
    return root if root.endswith("/v1") else f"{root}/openai/v1"


def provider_names(settings: Settings) -> tuple[str, ...]:
    """The names of all providers in their order; needs none of their keys. Raises BadSetting."""
    listed = (listed.name for listed in read_file(settings).provider)
    return tuple(dict.fromkeys((settings.provider, *listed)))


def providers(settings: Settings, environ: Mapping[str, str] | None = None) -> tuple[Provider, ...]:
    """Every provider with its key, in the order in which they are asked; raises BadSetting."""
    source = os.environ if environ is None else environ
    listed = read_file(settings).provider
    own = () if settings.groq_api_key is None else (_first(settings, settings.groq_api_key.reveal()),)
    if own and any(further.name == own[0].name for further in listed):
        reason = f"names {own[0].name!r}, which is the provider of {FIRST_KEY_VARIABLE}"
        raise BadSetting(providers_file.VARIABLE, reason)
    return (*own, *(_further(further, source) for further in listed))


def order_for(model: str, known: tuple[Provider, ...], settings: Settings) -> tuple[Provider, ...]:
    """The providers to ask for a model, one after the other; empty when none serves it."""
    serving = {provider.name: provider for provider in known if model in provider.models}
    order = read_file(settings).fallback.get(model, list(serving))
    return tuple(serving[name] for name in order if name in serving)


def sellers_of(model: str, settings: Settings) -> tuple[tuple[str, str], ...]:
    """Who may be asked for a model, with their own names of it; needs no keys. Raises BadSetting."""
    file = read_file(settings)
    first = {settings.provider: model} if model in settings.own_models else {}
    further = {one.name: one.model_names[model] for one in file.provider if model in one.model_names}
    serving = first | further
    return tuple((name, serving[name]) for name in file.fallback.get(model, list(serving)) if name in serving)


def read_file(settings: Settings) -> ProvidersFile:
    """The operator's file, or an empty one; raises BadSetting."""
    path = settings.providers_file
    return providers_file.EMPTY if path is None else providers_file.read(path)


def _first(settings: Settings, key: str) -> Provider:
    limits = Limits(rpm=settings.provider_rpm, tpm=settings.provider_tpm)
    return Provider(
        name=settings.provider,
        base_url=settings.groq_base_url,
        key=_sendable(FIRST_KEY_VARIABLE, key),
        key_variable=FIRST_KEY_VARIABLE,
        models={model: model for model in settings.own_models},
        limits=dict.fromkeys(settings.own_models, limits),
    )


def _further(listed: Listed, environ: Mapping[str, str]) -> Provider:
    key = Secret("")
    if listed.key_variable is not None:
        given = environ.get(listed.key_variable, "").strip()
        if not given:
            raise BadSetting(listed.key_variable, f"is not set; the provider {listed.name!r} needs it")
        key = _sendable(listed.key_variable, given)
    return Provider(
        name=listed.name,
        base_url=listed.base_url,
        key=key,
        key_variable=listed.key_variable,
        models=dict(listed.model_names),
        limits=dict(listed.limits),
    )


def _sendable(variable: str, key: str) -> Secret:
    if not (key.isascii() and key.isprintable()):
        raise BadSetting(variable, "holds characters that a header cannot carry")
    return Secret(key)
