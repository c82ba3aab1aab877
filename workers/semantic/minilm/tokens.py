"""A text as the local model sees it: what every token means by itself, and what it means here."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REMEMBERED_TOKENS = 16_384
"""Tokens of recent texts that are kept, 3 kB each: a popular question is read once."""


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A text's tokens: ids [n], and unit float32 rows [n, 384] before and after the encoder's layers.

    `mean` is the text's unit vector. The marks that open and close a text are in the mean alone. `whole`
    says that nothing was cut.
    """

    ids: NDArray[np.int64]
    words: NDArray[np.float32]
    meanings: NDArray[np.float32]
    mean: NDArray[np.float32]
    whole: bool

    @property
    def length(self) -> int:
        """How many tokens were read, with the two marks that even a text of nothing but blanks has."""
        return len(self.ids) + 2


class RecentTexts:
    """The texts that were read last, bounded by their tokens; for any thread."""

    def __init__(self, most: int = REMEMBERED_TOKENS) -> None:
        self._most = most
        self._texts: OrderedDict[str, Tokens] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def get(self, text: str) -> Tokens | None:
        """The tokens of a text that was read before; it counts as read again."""
        with self._lock:
            tokens = self._texts.get(text)
            if tokens is not None:
                self._texts.move_to_end(text)
            return tokens

    def put(self, text: str, tokens: Tokens) -> None:
        """Remember a text; those that were not read for longest go."""
        with self._lock:
            if text in self._texts:
                return
            self._texts[text] = tokens
            self._held += tokens.length
            while self._held > self._most:
                self._held -= self._texts.popitem(last=False)[1].length

    @property
    def held(self) -> int:
        """How many tokens are kept, with the marks around each text."""
        return self._held
