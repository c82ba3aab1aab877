"""What a body asks, worked out once: its fingerprint, and the command that looks its entry up.

A recipe follows from the bytes of the request, the tenant and the settings alone, so it never grows old.
"""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from ingress.asked import Question
from ingress.context import IngressContext
from ingress.shortcut.headers import Said
from ingress.shortcut.prepared import Prepared
from ingress.shortcut.ways import WAYS, Way
from shared.cache import find_call
from shared.clients import Client
from shared.errors import SentinelError
from shared.fingerprint import fingerprint
from shared.purging import labels_for
from shared.redis.protocol import packed
from shared.redis.scripts import script

Key = tuple[str, str, bytes, bytes, bytes]
BODY_MAX: Final = 65_536
"""Bytes; for a longer body the framework's share of the work is small."""
WEIGHT: Final = 1_024
"""Bytes that a recipe weighs besides its body, about."""


class Recipe(Struct):
    """How one request is answered."""

    key: Key
    way: Way
    question: Question
    applied: str
    identity: str
    find: bytes
    prepared: Prepared | None = None
    looked_up_at: float = float("-inf")
    """When Redis last had its entry, in seconds of `time.perf_counter`."""


class Recipes:
    """The recipes of hits, the one served longest ago forgotten first."""

    def __init__(self, ctx: IngressContext, *, bytes_max: int) -> None:
        self._ctx = ctx
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Key, Recipe] = OrderedDict()

    def of(self, path: str, client: Client, body: bytes, said: Said) -> Recipe | None:
        """The recipe of a request; None when it is malformed, or streams: the long way deals with it."""
        key = (path, client.key_id, body, said.prefer, said.cache_control)
        recipe = self._kept.get(key)
        if recipe is None and len(body) <= BODY_MAX:
            return self._make(key, client)
        return recipe

    def keep(self, recipe: Recipe) -> None:
        """Remember the recipe of a hit; what misses is not worth it."""
        if recipe.key in self._kept:
            self._kept.move_to_end(recipe.key)
            return
        self._kept[recipe.key] = recipe
        self._bytes += _weight(recipe)
        while self._bytes > self._bytes_max:
            _, forgotten = self._kept.popitem(last=False)
            self._bytes -= _weight(forgotten)

    def _make(self, key: Key, client: Client) -> Recipe | None:
        path, _, body, prefer, cache_control = key
        way = WAYS[path]
        try:
            question, preferences = way.read(
                self._ctx.settings, client, body, prefer.decode("latin-1"), cache_control.decode("latin-1")
            )
        except SentinelError:
            return None
        if question.streamed:
            return None
        identity = fingerprint(self._ctx.fingerprint_secret, question.scope, question.completion)
        labels = labels_for(question.completion.model, question.policy)
        find = packed(script("find_entry").command(*find_call(identity, client.tenant, labels)))
        return Recipe(key, way, question, ", ".join(preferences.applied), identity, find)


def _weight(recipe: Recipe) -> int:
    return WEIGHT + 2 * len(recipe.key[2])
