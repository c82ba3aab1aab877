"""A provider that fails, hangs, breaks off, talks nonsense or is slow."""

from typing import ClassVar

from tests.chaos.faults.fault import Cure, Fault, Hit

SHARE = 0.4
"""Of the calls: with more, the breaker soon keeps all of them away."""


class ProviderFault(Fault):
    """A share of the calls meets a rule of the simulator's script."""

    rule: ClassVar[dict[str, object]]
    lasts_s = (0.5, 1.5)

    async def inject(self) -> Hit:
        """Put the rule before the usual behaviour."""
        await self.site.fleet.script(self.number, {"chance": SHARE, **self.rule})
        # Nobody is struck: a spoiled call is seen in the provider's own log.
        return Hit("provider")

    async def heal(self) -> Cure:
        """Back to the usual behaviour."""
        await self.site.fleet.script(self.number, None)
        return Cure()


class ProviderError(ProviderFault):
    """500."""

    kind = "provider_500"
    rule: ClassVar[dict[str, object]] = {"fault": "status:500"}


class ProviderHang(ProviderFault):
    """Nothing comes until the caller leaves."""

    kind = "provider_hang"
    rule: ClassVar[dict[str, object]] = {"fault": "hang"}


class ProviderClose(ProviderFault):
    """The connection is lost."""

    kind = "provider_close"
    rule: ClassVar[dict[str, object]] = {"fault": "close"}


class ProviderGarbage(ProviderFault):
    """200, and no JSON."""

    kind = "provider_garbage"
    rule: ClassVar[dict[str, object]] = {"fault": "garbage"}


class ProviderSlow(ProviderFault):
    """Slower than a lease, some slower than the deadline for a call."""

    kind = "provider_slow"
    rule: ClassVar[dict[str, object]] = {"latency_ms": [2_000, 6_000]}
