"""Which providers are called, how, and how often."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from shared.secret import Secret
from shared.settings.kinds import Count, Seconds


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """Which providers are called, how, and how often."""

    groq_api_key: Annotated[
        Secret | None, Meta(description="the provider's key; without it `up` simulates")
    ] = None
    groq_base_url: Annotated[str, Meta(description="root of an OpenAI-compatible provider")] = (
        "https://api.groq.com"
    )
    provider: Annotated[str, Meta(description="name of the provider in answers, metrics and prices")] = "groq"
    providers_file: Annotated[
        str | None,
        Meta(description="TOML file of further providers and the order in which they are asked"),
    ] = None
    provider_rpm: Annotated[
        Count | None,
        Meta(
            description="requests per minute to GROQ_BASE_URL for each model, all workers; default: no limit"
        ),
    ] = None
    provider_tpm: Annotated[
        Count | None,
        Meta(description="tokens per minute to GROQ_BASE_URL for each model, all workers; default: no limit"),
    ] = None
    provider_connect_s: Annotated[
        Seconds,
        Meta(description="longest wait for a connection to a provider; a dead address costs this much"),
    ] = 5.0
    provider_proxy_env: Annotated[
        bool,
        Meta(description="whether HTTPS_PROXY and its like, and SSL_CERT_FILE, apply to provider calls"),
    ] = False
    provider_deadline_s: Annotated[
        Seconds, Meta(description="total time for one provider call, in seconds")
    ] = 30.0
    provider_max_bytes: Annotated[Count, Meta(description="largest provider response read, in bytes")] = (
        8_388_608
    )
    provider_retries_max: Annotated[
        int, Meta(ge=0, le=10, description="retries of one question at one provider, budget permitting")
    ] = 2
    retry_base_s: Annotated[
        Seconds,
        Meta(description="longest pause before the first retry; doubles with each, drawn at random below it"),
    ] = 0.25
    retry_cap_s: Annotated[Seconds, Meta(description="what that longest pause never exceeds, in seconds")] = (
        4.0
    )
    retry_budget_ratio: Annotated[
        float, Meta(ge=0, le=1, description="retries the whole fleet may make per question sent")
    ] = 0.1
    retry_budget_start: Annotated[
        float,
        Meta(ge=0, le=10_000, description="retries a new fleet may make before it has sent any question"),
    ] = 5.0
    retry_budget_max: Annotated[
        float,
        Meta(ge=0, le=1_000_000, description="retries that good times may save up for bad ones"),
    ] = 100.0
    pace_wait_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="how long a question waits in its slot for a provider's limit; past it another is "
            "asked, or the caller told when",
        ),
    ] = 5.0
    pause_default_s: Annotated[
        Seconds,
        Meta(description="pause after a 429 or 498 that says no Retry-After; doubles while they go on"),
    ] = 1.0
    pause_max_s: Annotated[
        Seconds, Meta(description="longest that a provider's Retry-After is obeyed, in seconds")
    ] = 300.0
    tokens_expected: Annotated[
        Count,
        Meta(
            description="output tokens assumed against a tokens-per-minute limit when max_tokens is not said"
        ),
    ] = 512
