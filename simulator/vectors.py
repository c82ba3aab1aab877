"""A deterministic embedding in plain Python: texts that share words and letters point the same way.

It is a bag of hashed words and character n-grams. It knows no synonyms and no meaning; it is good enough to
bring small rewordings together and to keep unrelated texts apart.
"""

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterator

_WORD = re.compile(r"\w+")
_NGRAM_SIZES = (3, 4)
_WORD_WEIGHT = 2.0
_FILLER_WEIGHT = 0.25
_NGRAM_WEIGHT = 0.5
_FILLERS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "do", "does", "for", "from",
        "how", "i", "in", "is", "it", "me", "my", "of", "on", "or", "please", "s", "so", "tell", "that",
        "the", "this", "to", "was", "what", "which", "who", "will", "with", "would", "you", "your",
    }
)  # fmt: skip


def embed(text: str, dimensions: int, space: str) -> list[float]:
    """Embed a text in `dimensions` numbers, not normalized and never all zero.

    Vectors of different `space` names are unrelated, as those of different adapters of a model are.
    """
    vector = [0.0] * dimensions
    for feature, weight in _features(text).items():
        seed = hashlib.blake2b(feature.encode(), digest_size=8, key=space.encode()[:64]).digest()
        number = int.from_bytes(seed)
        # The lowest bit is the sign, so that features that meet in one place do not only add up.
        vector[(number >> 1) % dimensions] += weight if number & 1 else -weight
    if not any(vector):
        # Empty and unpronounceable texts need a direction too; so do features that cancelled out.
        vector[0] = 1.0
    return vector


def unit(vector: list[float]) -> list[float]:
    """Scale a vector that is not all zero to length one."""
    norm = math.sqrt(math.fsum(number * number for number in vector))
    return [number / norm for number in vector]


def _features(text: str) -> dict[str, float]:
    features: defaultdict[str, float] = defaultdict(float)
    for word in _WORD.findall(text.casefold()):
        filler = word in _FILLERS
        features[word] += _FILLER_WEIGHT if filler else _WORD_WEIGHT
        if not filler:
            for ngram in _ngrams(f"^{word}$"):
                features[ngram] += _NGRAM_WEIGHT
    return features


def _ngrams(word: str) -> Iterator[str]:
    for size in _NGRAM_SIZES:
        for start in range(len(word) - size + 1):
            yield word[start : start + size]
