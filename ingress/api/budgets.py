"""/admin/budgets: what a tenant or a key may spend, where that is not what everybody may."""

from typing import Annotated

from litestar import Response, delete, get, put
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter
from msgspec import Struct

from ingress.answering import for_operators
from ingress.api.operating import Asked, actor_of_key
from ingress.authentication import needs
from ingress.body import JsonBody
from ingress.dashboard import doing
from ingress.dashboard.board import Board
from shared.budgets import settings_budget
from shared.own_budgets import HOLDERS, Holder, OwnBudget, holder_of

OK = 200
TAGS = ["administration"]
Name = Annotated[str, PathParameter(description="the tenant, or the key's id", max_length=64)]
Whose = Annotated[Holder, PathParameter(description="whether it is a tenant's or a key's")]


class BudgetView(Struct, frozen=True, kw_only=True):
    """Somebody's own budget."""

    holder: Holder
    name: str
    budget: OwnBudget


class BudgetsView(Struct, frozen=True, kw_only=True):
    """What every tenant and every key may spend, and those who may spend something else."""

    every: dict[Holder, OwnBudget]
    own: list[BudgetView]


class RemovedView(Struct, frozen=True):
    """The settings' budget stands again."""

    removed: bool = True


@get(
    "/budgets",
    opt=needs("admin"),
    responses={OK: ResponseSpec(BudgetsView, description="The budgets.")},
    summary="List the budgets",
    tags=TAGS,
)
async def list_budgets(board: NamedDependency[Board]) -> Response[bytes]:
    """Return what the settings give everybody, and every budget that stands in its place."""
    known = await board.own_budgets.all()
    own = [_view(who, budget) for who, budget in sorted(known.budgets.items())]
    every = {holder: settings_budget(board.ctx.settings, holder) for holder in HOLDERS}
    return for_operators(BudgetsView(every=every, own=own))


@put(
    "/budgets/{holder:str}/{name:str}",
    dto=JsonBody[OwnBudget],
    return_dto=None,
    status_code=OK,
    opt=needs("admin"),
    responses={OK: ResponseSpec(BudgetView, description="The budget, in force within two seconds.")},
    summary="Give a tenant or a key a budget of its own",
    tags=TAGS,
)
async def put_budget(
    request: Asked, holder: Whose, name: Name, data: JSONBody[OwnBudget], board: NamedDependency[Board]
) -> Response[bytes]:
    """Let these four limits stand in place of the settings' four; one that is not named is no limit."""
    await doing.put_budget(board, actor_of_key(request), holder, name, data)
    return for_operators(BudgetView(holder=holder, name=name, budget=data))


@delete(
    "/budgets/{holder:str}/{name:str}",
    status_code=OK,
    opt=needs("admin"),
    responses={OK: ResponseSpec(RemovedView, description="It is removed.")},
    summary="Remove a tenant's or a key's own budget",
    tags=TAGS,
)
async def remove_budget(
    request: Asked, holder: Whose, name: Name, board: NamedDependency[Board]
) -> Response[bytes]:
    """Let the settings' budget stand again; 404 when it has none of its own."""
    await doing.remove_budget(board, actor_of_key(request), holder, name)
    return for_operators(RemovedView())


def _view(who: str, budget: OwnBudget) -> BudgetView:
    holder, name = holder_of(who)
    return BudgetView(holder=holder, name=name, budget=budget)
