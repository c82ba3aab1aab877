"""Labelled pairs of questions, read from .jsonl files and split by family."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec


class Pair(msgspec.Struct, frozen=True):
    """Two questions; label 1: the same answer serves both."""

    set: str
    a: str
    b: str
    label: int
    kind: str = ""
    family: str | None = None


class _Line(msgspec.Struct, frozen=True):
    set: str
    a: str | None = None
    b: str | None = None
    label: int | None = None
    kind: str = ""
    family: int | str | None = None


class Utterance(msgspec.Struct, frozen=True):
    """A text and its class; two texts of one class are near, not always the same question."""

    set: str
    text: str
    cls: str


def read_pairs(folder: Path, limit: int | None = None) -> list[Pair]:
    """Read at most `limit` pairs of each file in a fixed random order; lines of another kind are left out."""
    pairs: list[Pair] = []
    for path in sorted(folder.glob("*.jsonl")):
        lines = (msgspec.json.decode(line, type=_Line) for line in path.read_bytes().splitlines())
        found = [
            Pair(line.set, line.a, line.b, line.label, line.kind, _family(line))
            for line in lines
            if line.a is not None and line.b is not None and line.label is not None
        ]
        random.Random(1).shuffle(found)
        pairs += found[:limit]
    return pairs


def read_utterances(path: Path) -> list[Utterance]:
    """Read texts with classes."""
    return [msgspec.json.decode(line, type=Utterance) for line in path.read_bytes().splitlines()]


def for_training(pairs: Sequence[Pair]) -> list[bool]:
    """Tell, per pair, whether its family is for training; no text is on both sides.

    A family is what is connected by a common text or by a given family name; a hash of its first text in
    order of the alphabet decides, so that the same pairs fall to the same side for ever.
    """
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while (parent := parents.setdefault(name, name)) != name:
            parents[name] = parents[parent]
            name = parents[name]
        return name

    for pair in pairs:
        for name in _names(pair)[1:]:
            parents[root(name)] = root(pair.a)
    first: dict[str, str] = {}
    for pair in pairs:
        family = root(pair.a)
        first[family] = min(first.get(family, pair.a), pair.a, pair.b)
    return [hashlib.sha256(first[root(pair.a)].encode()).digest()[0] < 128 for pair in pairs]


def kept_out(text: str) -> bool:
    """Tell whether nothing may be learned from what begins so: about one in sixteen, for ever the same."""
    return hashlib.sha256(text.encode()).digest()[0] < 16


def lines_of(folder: Path, names: str = "*") -> Iterator[bytes]:
    """The lines of all .jsonl files, or of those whose names match, file by file."""
    for path in sorted(folder.glob(f"{names}.jsonl")):
        yield from path.read_bytes().splitlines()


def texts_of(pairs: Iterable[Pair]) -> list[str]:
    """All texts, each once, in order of the alphabet."""
    return sorted({text for pair in pairs for text in (pair.a, pair.b)})


def _names(pair: Pair) -> list[str]:
    return [pair.a, pair.b, *([] if pair.family is None else [f"\0{pair.set}/{pair.family}"])]


def _family(line: _Line) -> str | None:
    return None if line.family is None else str(line.family)
