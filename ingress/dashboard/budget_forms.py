"""The forms of budgets, on the keys' page: give a tenant or a key its own, or take it back."""

from typing import Any

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from ingress.dashboard import doing
from ingress.dashboard.board import Board
from ingress.dashboard.doing import actor_of
from ingress.dashboard.forms import SEE_OTHER, back
from ingress.dashboard.signing_in import first, posted, seen_by, session_of
from shared.errors import BadRequest
from shared.own_budgets import Holder, OwnBudget

Asked = Request[Any, Any, Any]


@post("/budgets", opt=seen_by("admin"), include_in_schema=False, status_code=SEE_OTHER)
async def set_budget(request: Asked, board: NamedDependency[Board]) -> Redirect:
    """Let the limits that are filled in stand in place of the settings'; `remove` takes them back."""
    form = await posted(request)
    actor, name = actor_of(session_of(request)), first(form, "name").strip()
    limits = {field: first(form, field).strip() or None for field in OwnBudget.__struct_fields__}
    try:
        holder = msgspec.convert(first(form, "holder"), Holder)
        budget = msgspec.convert(limits, OwnBudget, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{error}.") from None
    if first(form, "remove"):
        await doing.remove_budget(board, actor, holder, name)
        return back("/keys", "budget_removed")
    await doing.put_budget(board, actor, holder, name, budget)
    return back("/keys", "budget_set")
