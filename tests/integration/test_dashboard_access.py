"""Who may reach which page, and what a form has to bring."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from ingress.dashboard.signing_in import COOKIE, ROLE
from shared.key_store import NewKey
from shared.sessions import RANK, DashboardRole, Session, Sessions
from tests.support.gateway import ADMIN_KEY, Gateway, gateway, settings_for
from tests.support.redis_process import RedisProcess
from tests.unit.ingress.test_routes import PAGES, routes_of

pytestmark = pytest.mark.anyio

DECIDED: dict[str, set[tuple[str, str]]] = {
    "open": {
        ("GET", "/login"),
        ("POST", "/login"),
        ("GET", "/enter"),
        ("POST", "/enter"),
        ("GET", "/static/{version}/{name}"),
    },
    "viewer": {
        *(("GET", path) for path in ("", "/jobs", "/jobs/{job_id}", "/workers", "/queues", "/stuck")),
        *(("GET", path) for path in ("/dead", "/cache", "/audit", "/live/{name}", "/live-job/{job_id}")),
        *(("GET", "/cache/{tenant}/{entry_id}"), ("POST", "/logout")),
    },
    "operator": {
        *(("POST", path) for path in ("/jobs/{job_id}/{action}", "/bulk", "/dead", "/workers/{worker}/wish")),
        *(("POST", path) for path in ("/queues/{priority}", "/cache/purge", "/dead/all")),
        ("POST", "/cache/{tenant}/{entry_id}/reveal"),
    },
    "admin": {
        *(("GET", "/keys"), ("POST", "/keys"), ("POST", "/budgets")),
        *(("POST", "/keys/{key_id}/rotate"), ("POST", "/keys/{key_id}/revoke")),
    },
}
"""Whom each page is for."""


@pytest.fixture
async def served(redis: Redis, redis_server: RedisProcess) -> AsyncIterator[Gateway]:
    """The application as it is deployed by default."""
    async with gateway(settings_for(redis_server.url)) as found:
        yield found


def sessions_of(served: Gateway) -> Sessions:
    """Sessions, as the application keeps them."""
    return Sessions(served.ctx.queue, lives_s=60)


async def ask(
    served: Gateway, method: str, path: str, session: Session | None, form: dict[str, str] | None = None
) -> httpx.Response:
    """Ask for a page as a browser does."""
    headers = {"Cookie": f"{COOKIE}={session.token}"} if session else {}
    return await served.client.request(method, f"{PAGES}{path}", headers=headers, data=form)


async def test_every_page_is_decided_upon(served: Gateway) -> None:
    """A page that nobody has thought about fails here."""
    found: dict[str, set[tuple[str, str]]] = {}
    for method, path, handler in routes_of(served.app):
        if path.startswith(PAGES):
            found.setdefault(handler.opt[ROLE], set()).add((method, path.removeprefix(PAGES)))
    assert found == DECIDED


async def test_every_cell_of_role_by_page(served: Gateway) -> None:
    """To the sign-in without a session, 403 below the role, and neither with it."""
    sessions = sessions_of(served)
    someone: dict[str, Session | None] = {"nobody": None}
    roles: tuple[DashboardRole, ...] = ("viewer", "operator", "admin")
    for role in roles:
        someone[role] = await sessions.begin(role, "test")
    for needed, pages in DECIDED.items():
        if needed == "open":
            continue
        for method, path in pages:
            if path.startswith("/live") or path == "/logout":
                continue
            address = re.sub(r"\{\w+\}", "unknown", path)
            for who, session in someone.items():
                reply = await ask(served, method, address, session, {"csrf": session.csrf} if session else {})
                cell = f"{who} {method} {address}: {reply.status_code}"
                assert reply.status_code < 500, cell
                if session is None:
                    assert reply.headers["location"] == f"{PAGES}/login", cell
                elif RANK[who] < RANK[needed]:
                    assert reply.status_code == 403, cell
                else:
                    assert reply.status_code != 403, cell


async def test_no_form_is_taken_without_the_token_of_its_session(served: Gateway) -> None:
    """Neither without any, nor with another session's, nor from another site."""
    sessions = sessions_of(served)
    mine, other = await sessions.begin("admin", "me"), await sessions.begin("admin", "other")
    for pages in (DECIDED["viewer"], DECIDED["operator"], DECIDED["admin"]):
        for method, path in pages:
            if method == "POST":
                address = re.sub(r"\{\w+\}", "batch", path)
                for form in ({}, {"csrf": other.csrf}, {"csrf": "é"}):
                    assert (await ask(served, "POST", address, mine, form)).status_code == 403, address
    foreign = await served.client.post(
        f"{PAGES}/queues/batch",
        data={"csrf": mine.csrf},
        headers={"Cookie": f"{COOKIE}={mine.token}", "Sec-Fetch-Site": "cross-site"},
    )
    assert foreign.status_code == 403


async def test_the_cookie_is_nobody_elses_and_pages_load_nothing_foreign(served: Gateway) -> None:
    """HttpOnly, strict, and a policy without inline scripts."""
    reply = await ask(served, "POST", "/login", None, {"key": ADMIN_KEY})
    cookie = reply.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/dashboard"))
    page = await served.client.get(PAGES, headers={"Cookie": reply.headers["set-cookie"].split(";")[0]})
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|https?://", page.text)


async def test_a_link_signs_in_once(served: Gateway) -> None:
    """Looking at it does not use it up; using it does."""
    token = await sessions_of(served).make_link("viewer", lives_s=60)
    assert token in (await ask(served, "GET", f"/enter?link={token}", None)).text
    assert "set-cookie" in (await ask(served, "POST", "/enter", None, {"link": token})).headers
    again = await ask(served, "POST", "/enter", None, {"link": token})
    assert "set-cookie" not in again.headers
    assert again.status_code == 422


async def test_a_session_ends_with_its_key(served: Gateway) -> None:
    """Whoever was revoked sees nothing more."""
    wanted = NewKey(tenant="t", owner="o", scopes=("view",), tier="default")
    key, stored = await served.ctx.key_store.create(wanted)
    reply = await ask(served, "POST", "/login", None, {"key": key})
    cookie = {"Cookie": reply.headers["set-cookie"].split(";")[0]}
    assert (await served.client.get(f"{PAGES}/jobs", headers=cookie)).status_code == 200
    await served.ctx.key_store.revoke(stored.key_id)
    assert (await served.client.get(f"{PAGES}/jobs", headers=cookie)).status_code == 303


async def test_whoever_signs_out_is_out(served: Gateway) -> None:
    """On every ingress, as the session is gone from Redis."""
    session = await sessions_of(served).begin("viewer", "me")
    await ask(served, "POST", "/logout", session, {"csrf": session.csrf})
    assert await sessions_of(served).find(session.token) is None


async def test_what_addresses_say_is_shown_as_text(served: Gateway) -> None:
    """Nobody's markup runs here, wherever it comes from."""
    session = await sessions_of(served).begin("admin", "<b>me</b>")
    for path in (
        "/jobs?tenant=",
        "/jobs?id=",
        "/jobs?error=",
        "/cache?id=",
        "/jobs?done=",
        "/jobs?since=",
        "/enter?link=",
    ):
        reply = await ask(served, "GET", f"{path}%22%3E%3Cscript%3Ealert(1)%3C/script%3E", session)
        assert "<script>alert" not in reply.text, path
        assert "<b>me</b>" not in reply.text
        assert reply.status_code < 500
