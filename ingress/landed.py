"""Whether what a flight has just landed with may be handed to who comes a moment later."""

from ingress.context import IngressContext
from shared.clients import Client
from shared.submissions import Submitted
from shared.wire.outcome import Completed, decode_result


async def may_hand_on(ctx: IngressContext, client: Client, submitted: Submitted) -> bool:
    """Whether an outcome's entry has not been purged since; raises RedisUnavailable.

    What was just bought was asked for under the caller's own labels, and the flight's name tells their purge.
    What was found has an entry of its own, with labels that nobody here knows.
    """
    if submitted.outcome is None:
        return True
    outcome = decode_result(submitted.outcome).r
    if not isinstance(outcome, Completed):
        return True
    entry_id = _entry_id(outcome)
    return entry_id is None or (await ctx.admission.find(client, entry_id)).entry is not None


def _entry_id(outcome: Completed) -> str | None:
    """The entry that an answer was found in, if it was found in one."""
    if outcome.stale is not None:
        return outcome.stale.entry_id
    return outcome.match.entry_id if outcome.source == "semantic" and outcome.match else None
