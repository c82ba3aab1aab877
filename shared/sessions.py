"""Who looks at the dashboard: sessions, and the links that begin one, once."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Literal

from msgspec import Struct
from redis.asyncio import Redis

from shared.clients import Client, Scope
from shared.redis import keys
from shared.redis.connect import translated

DashboardRole = Literal["viewer", "operator", "admin"]
RANK: Final[Mapping[str, int]] = {"viewer": 0, "operator": 1, "admin": 2}
_ROLE_OF: Final[tuple[tuple[Scope, DashboardRole], ...]] = (
    ("admin", "admin"),
    ("operate", "operator"),
    ("view", "viewer"),
)


class Session(Struct, frozen=True, kw_only=True):
    """Somebody who is signed in; `name` is a key's id or says that it was a link.

    `token` is what the cookie holds; Redis knows only its digest.
    """

    token: str
    role: DashboardRole
    name: str

    @property
    def csrf(self) -> str:
        """What a form of this session must send back."""
        return hashlib.sha256(b"csrf:" + self.token.encode()).hexdigest()

    def may(self, role: DashboardRole) -> bool:
        """Whether the session may do what takes this role."""
        return RANK[self.role] >= RANK[role]


def role_of(client: Client) -> DashboardRole | None:
    """What a key may do here; None when nothing."""
    return next((role for scope, role in _ROLE_OF if scope in client.scopes), None)


class Sessions:
    """The sessions of a fleet, on its first queue Redis; every method raises RedisUnavailable."""

    def __init__(self, home: Redis, *, lives_s: float, deadline_s: float | None = None) -> None:
        self._home = home
        self._lives_s = lives_s
        self._deadline_s = deadline_s

    async def begin(self, role: DashboardRole, name: str, *, key_digest: str = "") -> Session:
        """Sign somebody in; a session begun with a stored key ends with it."""
        session = Session(token=secrets.token_urlsafe(32), role=role, name=name)
        place = keys.session(_digest(session.token))
        fields = {"role": role, "name": name, "key": key_digest}
        async with self._in_time(), self._home.pipeline(transaction=True) as pipe:
            pipe.hset(place, mapping=fields)
            pipe.expire(place, int(self._lives_s))
            await pipe.execute()
        return session

    async def find(self, token: str) -> Session | None:
        """Look a session up by its cookie."""
        async with self._in_time():
            role, name, key = await self._home.hmget(  # type: ignore[misc]
                keys.session(_digest(token)), ["role", "name", "key"]
            )
            if role is None or role.decode() not in RANK:
                return None
            if key and not await self._works(key.decode()):
                return None
        return Session(token=token, role=role.decode(), name=(name or b"").decode())

    async def end(self, session: Session) -> None:
        """Sign somebody out."""
        async with self._in_time():
            await self._home.delete(keys.session(_digest(session.token)), keys.seen(_digest(session.token)))

    async def reveal(self, session: Session, job_id: str) -> None:
        """Let a session see a job's question and answer from now on, or a stored answer's."""
        place = keys.seen(_digest(session.token))
        async with self._in_time(), self._home.pipeline(transaction=True) as pipe:
            pipe.sadd(place, job_id)
            pipe.expire(place, int(self._lives_s))
            await pipe.execute()

    async def sees(self, session: Session, job_id: str) -> bool:
        """Whether a session has asked to see a job's question and answer, or a stored answer's."""
        async with self._in_time():
            return bool(await self._home.sismember(keys.seen(_digest(session.token)), job_id))  # type: ignore[misc]

    async def make_link(self, role: DashboardRole, *, lives_s: float) -> str:
        """Make the token of a link that signs somebody in, once."""
        token = secrets.token_urlsafe(24)
        async with self._in_time():
            await self._home.set(keys.sign_in_link(_digest(token)), role, ex=int(lives_s))
        return token

    async def redeem(self, token: str) -> Session | None:
        """Sign in with a link's token; None when it is not known, or has been used."""
        async with self._in_time():
            role = await self._home.getdel(keys.sign_in_link(_digest(token)))
        if role is None or role.decode() not in RANK:
            return None
        return await self.begin(role.decode(), "one-time link")

    async def _works(self, key_digest: str) -> bool:
        revoked, expires, tenant = await self._home.hmget(  # type: ignore[misc]
            keys.api_key(key_digest), ["revoked_at", "expires_at", "tenant"]
        )
        if tenant is None:
            return False
        seconds, micros = await self._home.time()
        ends = [int(at) for at in (revoked, expires) if at]
        return not ends or min(ends) > seconds * 1000 + micros // 1000

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        async with translated(), asyncio.timeout(self._deadline_s):
            yield


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
