"""What the dashboard and its JSON twins read and do, built once for a process."""

from msgspec import Struct

from ingress.context import IngressContext
from ingress.dashboard.overview import Overview, look
from ingress.dashboard.shared_look import SharedLook
from shared.audit import AuditLog
from shared.entry_list import EntryList
from shared.fleet_control import FleetControl
from shared.history import History
from shared.job_actions import JobActions
from shared.own_budgets import OwnBudgets
from shared.rates import Minutes
from shared.sessions import Sessions


class Board(Struct, frozen=True, kw_only=True):
    """Everything a page needs besides the context."""

    ctx: IngressContext
    sessions: Sessions
    audit: AuditLog
    history: History
    actions: JobActions
    control: FleetControl
    entries: EntryList
    own_budgets: OwnBudgets
    overview: SharedLook[Overview]


def board_of(ctx: IngressContext) -> Board:
    """Build it; nothing here holds a connection or a task of its own."""
    queues = (ctx.queue, *ctx.further_queues)
    settings, deadline_s = ctx.settings, 2 * ctx.settings.redis_timeout_s
    history = History(queues, deadline_s=deadline_s)
    minutes = Minutes(ctx.queue, deadline_s=deadline_s)
    return Board(
        ctx=ctx,
        sessions=Sessions(ctx.queue, lives_s=settings.session_s, deadline_s=deadline_s),
        audit=AuditLog(ctx.queue, kept=settings.audit_kept, deadline_s=deadline_s),
        history=history,
        actions=JobActions(queues, ctx.jobs, settings, deadline_s=deadline_s),
        control=FleetControl(queues, deadline_s=deadline_s),
        entries=EntryList(ctx.cache, deadline_s=deadline_s),
        own_budgets=OwnBudgets(ctx.queue, deadline_s=deadline_s),
        overview=SharedLook(lambda: look(ctx, history, minutes), for_s=1.0),
    )
