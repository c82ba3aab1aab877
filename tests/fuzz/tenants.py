"""Two tenants and an administrator do whatever they like; nothing of one may ever show to the other.

The provider never says the same thing twice, so that an answer names the tenant that it was bought for.
"""

from typing import Any, ClassVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.fuzz.world import NEAR, PROMPTS, World

OK, ACCEPTED, UNAUTHORISED, FORBIDDEN, NOT_FOUND = 200, 202, 401, 403, 404
UNKNOWN = "0" * 64 + ".1700000000000000"

TENANTS = st.sampled_from(["a", "b"])
QUESTIONS = st.sampled_from([*PROMPTS, *NEAR.values()])
NAMESPACES = st.sampled_from([None, "n"])
OPTIONS = st.sampled_from(
    [{}, {}, {"no-cache": True}, {"no-store": True}, {"mode": "exact"}, {"tags": ["t"]}]
)


class TwoTenants(RuleBasedStateMachine):
    """What each of them has done, and whose everything is."""

    world: ClassVar[World]
    steps: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        """Two tenants of whom nobody knows anything."""
        self.tenants, self.keys = {}, {}
        for who in ("a", "b"):
            self.tenants[who], self.keys[who] = self.world.new_tenant(who)
        self.owners: dict[str, str] = {}
        self.jobs: dict[str, list[str]] = {"a": [], "b": []}
        self.asked: dict[str, int] = {"a": 0, "b": 0}
        self.stored: dict[tuple[str, str, str | None], str] = {}

    @rule(who=TENANTS, prompt=QUESTIONS, namespace=NAMESPACES, options=OPTIONS, chat=st.booleans())
    def ask(self, who: str, prompt: str, namespace: str | None, options: dict[str, Any], chat: bool) -> None:  # noqa: FBT001
        """Ask, in either API."""
        body: dict[str, Any] = {"cache": options | ({"namespace": namespace} if namespace else {})}
        if chat:
            body |= {"messages": [{"role": "user", "content": prompt}], "model": "openai/gpt-oss-20b"}
        else:
            body |= {"prompt": prompt}
        reply = self._send(who, "POST", "/v1/chat/completions" if chat else "/v1/query", json=body)
        assert reply.status_code == OK, reply.text
        self._answered(who, prompt, namespace, options, reply.json(), chat=chat)

    @rule(who=TENANTS, prompt=QUESTIONS)
    def submit(self, who: str, prompt: str) -> None:
        """Ask and go away."""
        reply = self._send(
            who, "POST", "/v1/query", json={"prompt": prompt}, headers={"Prefer": "respond-async"}
        )
        assert reply.status_code in {OK, ACCEPTED}
        self.asked[who] += 1
        self._owned(who, reply.json()["id"])
        self.jobs[who].append(reply.json()["id"])

    @rule(who=TENANTS, prompt=QUESTIONS)
    def ask_once(self, who: str, prompt: str) -> None:
        """Ask under an idempotency key that the other one uses as well."""
        headers = {"Idempotency-Key": prompt.replace(" ", "-")}
        reply = self._send(who, "POST", "/v1/query", json={"prompt": prompt}, headers=headers)
        assert reply.status_code == OK
        self.asked[who] += 1
        self._owned(who, reply.json()["output"]["text"])

    @rule(who=TENANTS)
    def reach_for_the_others_job(self, who: str) -> None:
        """It is as unknown as one that never was, whatever is tried and however it stands."""
        for job_id in self.jobs[self._other(who)][-1:]:
            for method, verb in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
                refused = self._send(who, method, f"/v1/jobs/{job_id}{verb}")
                unknown = self._send(who, method, f"/v1/jobs/{UNKNOWN}{verb}")
                assert refused.status_code == unknown.status_code == NOT_FOUND
                assert _of_the_kind(refused) == _of_the_kind(unknown)

    @rule(who=TENANTS)
    def read_own_jobs(self, who: str) -> None:
        """Those are there, and the other's work on the same question does not change them."""
        for job_id in self.jobs[who][-2:]:
            reply = self._send(who, "GET", f"/v1/jobs/{job_id}", params={"wait": 20})
            assert reply.status_code == OK
            body = reply.json()
            assert body["status"] == "completed"
            self._owned(who, body["output"]["text"])

    @rule(who=TENANTS, what=st.sampled_from(["entry", "namespace", "tag"]))
    def purge_what_is_the_others(self, who: str, what: str) -> None:
        """A purge reaches one's own answers alone; the other's entry is not even found."""
        theirs = [entry for (owner, *_), entry in self.stored.items() if owner == self._other(who)]
        body: dict[str, str] = {"namespace": "n"} if what == "namespace" else {"tag": "t"}
        if what == "entry":
            if not theirs:
                return
            body = {"entry": theirs[-1]}
        reply = self._send(who, "POST", "/v1/cache/purge", json=body)
        assert reply.status_code == OK
        assert not (what == "entry" and reply.json()["found"])
        if what != "entry":
            self.stored = {k: entry for k, entry in self.stored.items() if k[0] != who}

    @rule(who=TENANTS)
    def find_what_is_stored(self, who: str) -> None:
        """Whatever the other has purged or cancelled since."""
        for (owner, prompt, namespace), entry in list(self.stored.items())[-2:]:
            if owner == who:
                cache = {"namespace": namespace} if namespace else {}
                reply = self._send(who, "POST", "/v1/query", json={"prompt": prompt, "cache": cache})
                assert reply.json()["cache"]["status"] == "hit", (entry, reply.text)
                self.asked[who] += 1
                self._owned(who, reply.json()["output"]["text"])

    @rule(who=TENANTS)
    def read_usage(self, who: str) -> None:
        """Nobody sees more calls than it can have caused, nor another's at all."""
        mine = self._send(who, "GET", "/v1/usage").json()
        assert mine["tenant"] == self.tenants[who]
        assert mine["total"]["calls"]["count"] <= self.asked[who]
        theirs = self.tenants[self._other(who)]
        assert self._send(who, "GET", "/v1/usage", params={"tenant": theirs}).status_code == FORBIDDEN
        body = {"all": True, "tenant": theirs}
        assert self._send(who, "POST", "/v1/cache/purge", json=body).status_code == FORBIDDEN

    @rule(who=TENANTS, path=st.sampled_from(["/admin/keys", "/admin/breakers"]))
    def reach_for_the_administration(self, who: str, path: str) -> None:
        """It is closed."""
        assert self._send(who, "GET", path).status_code == FORBIDDEN

    @rule(who=TENANTS)
    def change_the_key(self, who: str) -> None:
        """The administrator gives a tenant another key: it reaches the same, and the old one nothing."""
        listed = self.world.administer("GET", "/admin/keys", params={"tenant": self.tenants[who]}).json()
        active = [one["id"] for one in listed["keys"] if "revoked_at" not in one and "expires_at" not in one]
        rotate = f"/admin/keys/{active[0]}/rotate"
        made = self.world.administer("POST", rotate, json={"grace_s": 0}).json()
        old, self.keys[who] = self.keys[who], made["key"]
        assert made["tenant"] == self.tenants[who]
        assert self.world.send("GET", "/v1/usage", old).status_code == UNAUTHORISED

    def _send(self, who: str, method: str, path: str, **options: Any) -> httpx.Response:
        type(self).steps += 1
        return self.world.send(method, path, self.keys[who], **options)

    def _answered(
        self,
        who: str,
        prompt: str,
        namespace: str | None,
        options: dict[str, Any],
        body: dict[str, Any],
        *,
        chat: bool,
    ) -> None:
        said = body["choices"][0]["message"]["content"] if chat else body["output"]["text"]
        cache = body["sentinel"]["cache"] if chat else body["cache"]
        self._owned(who, said)
        if not self.asked[who]:
            # Nothing of its own can have been found, and nothing else may be.
            assert cache["status"] == "miss"
            assert cache.get("similarity") is None
        if cache.get("entry_id"):
            self._owned(who, cache["entry_id"])
        self.asked[who] += 1
        if cache["status"] == "hit" and cache.get("type") == "exact" and not options and not chat:
            self.stored[who, prompt, namespace] = cache["entry_id"]

    def _owned(self, who: str, what: str) -> None:
        assert self.owners.setdefault(what, who) == who, f"{what!r} crossed to {who}"

    @staticmethod
    def _other(who: str) -> str:
        return "b" if who == "a" else "a"


def _of_the_kind(reply: httpx.Response) -> dict[str, Any]:
    """A problem without what names this one request."""
    body: dict[str, Any] = reply.json()
    headers = {name for name in reply.headers if name != "server-timing"}
    return {k: v for k, v in body.items() if k not in {"instance", "request_id"}} | {"headers": headers}
