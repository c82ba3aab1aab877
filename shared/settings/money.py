"""What asking may cost."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from shared.settings.kinds import Count, Dollars


@dataclass(frozen=True, kw_only=True)
class MoneySettings:
    """What asking may cost."""

    prices_file: Annotated[
        str | None,
        Meta(description="TOML file of prices that go before the built-in ones; the same on every process"),
    ] = None
    budget_key_day_soft_usd: Annotated[
        Dollars | None, Meta(description="a key that spends more a day (UTC) is told so, in dollars")
    ] = None
    budget_key_day_hard_usd: Annotated[
        Dollars | None,
        Meta(description="a key that would spend more a day gets 402; stored answers are free"),
    ] = None
    budget_key_month_soft_usd: Annotated[
        Dollars | None, Meta(description="the same soft limit for a calendar month (UTC)")
    ] = None
    budget_key_month_hard_usd: Annotated[
        Dollars | None, Meta(description="the same hard limit for a calendar month (UTC)")
    ] = None
    budget_tenant_day_soft_usd: Annotated[
        Dollars | None, Meta(description="soft limit a day for all keys of a tenant together")
    ] = None
    budget_tenant_day_hard_usd: Annotated[
        Dollars | None, Meta(description="hard limit a day for all keys of a tenant together")
    ] = None
    budget_tenant_month_soft_usd: Annotated[
        Dollars | None, Meta(description="soft limit a month for all keys of a tenant together")
    ] = None
    budget_tenant_month_hard_usd: Annotated[
        Dollars | None, Meta(description="hard limit a month for all keys of a tenant together")
    ] = None
    budget_output_tokens: Annotated[
        Count,
        Meta(description="tokens set aside for an answer that the caller does not limit by max_tokens"),
    ] = 4_096
