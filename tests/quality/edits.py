"""Made pairs: small edits that change an answer, and others that do not."""

import random
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tests.quality.pairs import Pair
from workers.semantic.guards.reading import stem
from workers.semantic.guards.synonyms import synonymous
from workers.semantic.guards.words import FUNCTION_WORDS
from workers.semantic.minilm.weights import installed

_NEAREST, _FARTHEST = 0.60, 0.36
"""Cosines of word vectors between which two words are alike in kind and differ in what they say."""

_ASIDES = ("please", "hi,", "hello,", "quick question:", "can you tell me", "i was wondering,", "hey")
_TAILS = ("please", "thanks", "?", "please?", "thank you")
_CORRECTIONS = ("no wait", "uh no", "i mean", "no sorry", "er", "rather", "or actually")


class Neighbours:
    """Other words of a word's kind, by the static vectors of the local model."""

    def __init__(self) -> None:
        source = installed()
        tokenizer = Tokenizer.from_file(str(source.tokenizer))
        words = {
            word: number
            for word, number in tokenizer.get_vocab().items()
            if word.isascii() and word.isalpha() and len(word) > 2 and 1996 <= number < 16_000
        }
        self._words = [word for word in words if word not in FUNCTION_WORDS]
        self._places = {word: place for place, word in enumerate(self._words)}
        table = source.weights()["embeddings.word_embeddings.weight"][[words[word] for word in self._words]]
        table = table - table.mean(axis=0)
        self._rows: NDArray[np.float32] = table / np.linalg.norm(table, axis=1, keepdims=True)

    def of(self, word: str, rng: random.Random) -> str | None:
        """A word of the same kind that says something else; None when there is none."""
        place = self._places.get(word)
        if place is None:
            return None
        similarity = self._rows @ self._rows[place]
        ranked = np.argsort(-similarity)[1:12]
        found = [
            self._words[other]
            for other in ranked
            if _FARTHEST < similarity[other] < _NEAREST and _unlike(word, self._words[other])
        ]
        return rng.choice(found[:5]) if found else None


def edited(texts: Sequence[str], count: int, seed: int = 5) -> list[Pair]:
    """Make `count` pairs of other answers and as many of the same answer."""
    rng, neighbours = random.Random(seed), Neighbours()
    pairs: list[Pair] = []
    for label, edit in (
        (0, lambda words: _substituted(words, neighbours, rng)),
        (1, lambda w: _kept(w, rng)),
    ):
        pairs += _made(texts, edit, label, count, rng)
    return pairs


def _made(
    texts: Sequence[str],
    edit: Callable[[list[str]], list[str] | None],
    label: int,
    count: int,
    rng: random.Random,
) -> list[Pair]:
    made: list[Pair] = []
    while len(made) < count:
        text = rng.choice(texts)
        words = text.split()
        if 3 < len(words) < 30 and (other := edit(words)) is not None and other != words:
            made.append(Pair("edited", text, " ".join(other), label))
    return made


def _substituted(words: list[str], neighbours: Neighbours, rng: random.Random) -> list[str] | None:
    """One word exchanged for another of its kind; in half the cases the rest is turned a little as well."""
    places = [i for i, word in enumerate(words) if _bare(word).lower() not in FUNCTION_WORDS]
    rng.shuffle(places)
    for place in places:
        bare = _bare(words[place])
        other = neighbours.of(bare.lower(), rng) if bare else None
        if other is not None:
            changed = list(words)
            changed[place] = words[place].replace(bare, other.capitalize() if bare[0].isupper() else other)
            return (_kept(changed, rng) or changed) if rng.random() < 0.5 else changed
    return None


def _kept(words: list[str], rng: random.Random) -> list[str] | None:
    """The same question in other clothes: asides, slips, corrections, missing small words, moved phrases."""
    edit = rng.choice((_polite, _slipped, _corrected, _dropped, _lowered, _restarted, _fronted))
    return edit(list(words), rng)


def _polite(words: list[str], rng: random.Random) -> list[str]:
    return [rng.choice(_ASIDES), *words] if rng.random() < 0.6 else [*words, rng.choice(_TAILS)]


def _slipped(words: list[str], rng: random.Random) -> list[str] | None:
    places = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not places:
        return None
    place = rng.choice(places)
    word, at = words[place], rng.randrange(1, len(words[place]) - 2)
    words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return words


def _corrected(words: list[str], rng: random.Random) -> list[str]:
    """A few words said twice, a correction between: "to the the no wait to the shop"."""
    start = rng.randrange(len(words) - 1)
    said = words[start : start + rng.randrange(1, 4)]
    return [*words[:start], *said, *rng.choice(_CORRECTIONS).split(), *words[start:]]


def _restarted(words: list[str], rng: random.Random) -> list[str]:
    return [*words[: rng.randrange(1, 4)], *rng.choice(_CORRECTIONS).split(), *words]


def _dropped(words: list[str], rng: random.Random) -> list[str] | None:
    places = [i for i, word in enumerate(words) if word.lower() in {"the", "a", "an", "please", "do", "is"}]
    if not places:
        return None
    del words[rng.choice(places)]
    return words


def _lowered(words: list[str], rng: random.Random) -> list[str]:
    return " ".join(words).lower().rstrip("?.! ").split()


def _fronted(words: list[str], rng: random.Random) -> list[str] | None:
    """A closing phrase said first: "in winter how do i start a car"."""
    places = [
        i for i, word in enumerate(words) if i > 2 and word.lower() in {"in", "on", "at", "for", "with"}
    ]
    if not places or len(words) - places[-1] > 4:
        return None
    return [*words[places[-1] :], *words[: places[-1]]]


def _bare(word: str) -> str:
    return word.strip("?.,!:;\"'()`")


def _unlike(one: str, two: str) -> bool:
    stems = stem(one), stem(two)
    return not (stems[0] == stems[1] or synonymous(*stems) or one.startswith(two) or two.startswith(one))
