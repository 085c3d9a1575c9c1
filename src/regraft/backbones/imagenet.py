"""The 1,000 classes of ImageNet, in the order of a network's outputs, and how one is found by a name.

Sources: the classes are those of the ImageNet Large Scale Visual Recognition Challenge 2012 (Russakovsky et al. 2015,
arXiv:1409.0575), as the list of WordNet ids that comes with timm has them; Keras' order is that of the sorted ids.
Their names, and what each is a kind of, are WordNet 3.0's (Princeton University 2006; an id is `n` and the synset's
offset in `data.noun`), the first name being the one Keras shows. WordNet's licence stands in the data file,
`imagenet_classes.json`, as it asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal


@dataclass(frozen=True)
class ImageNetClass:
    """One class.

    Attributes:
        index: of the network's output, from 0.
        wordnet_id: such as `n11939491`.
        names: all that WordNet calls it, the usual one first, with spaces.
    """

    index: int
    wordnet_id: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """What Keras calls it, with spaces for underscores; two pairs of classes share theirs (crane, maillot)."""
        return self.names[0]


@dataclass(frozen=True)
class Match:
    """What ImageNet has of a class of somebody else's.

    Attributes:
        kind: `name`: one of its classes is called so; `kinds`: none, but some are kinds of it, as a collie is of dogs;
            `none`: neither.
        word: the word of WordNet's that fits; empty for `none`.
        classes: in the order of the outputs. More than one with `name` where the word has several meanings.
    """

    kind: Literal["name", "kinds", "none"]
    word: str = ""
    classes: tuple[ImageNetClass, ...] = ()


@cache
def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """The 1,000 classes in the order of the outputs of every network of the catalogue."""
    rows = _table()["classes"]
    return tuple(ImageNetClass(index, wordnet_id, tuple(names)) for index, (wordnet_id, names, _) in enumerate(rows))


def match_label(label: str) -> Match:
    """Finds a class of somebody else's among ImageNet's, by its name.

    Compared are letters and digits, whatever the case; blanks, `_` and `-` are alike. The word as it is comes before
    its singular, found by the rules and the exceptions of WordNet's morphy (the last word of several). A WordNet id at
    the beginning (`n11939491_daisy`) decides by itself.

    The words are compared, not what is meant: a folder `mouse` with animals matches the computer's, and where a word
    has several meanings, kinds of any of them count.

    Args:
        label: such as `daisy`, `Picket_fence`, `roses`, `dogs`.
    """
    if found := re.match(r"n\d{8}(?!\d)", label.strip()):
        chosen = tuple(one for one in imagenet_classes() if one.wordnet_id == found[0])
        return Match("name", chosen[0].name, chosen) if chosen else Match("none")
    by_name, by_group = _by_name(), _by_group()
    for word in _spellings(label):
        if word in by_name:
            return Match("name", *by_name[word])
        if word in by_group:
            return Match("kinds", *by_group[word])
    return Match("none")


# WordNet's rules of detachment for nouns, "morphy(7WN)": an ending and what takes its place.
_ENDINGS = (
    ("s", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
)


def _spellings(label: str) -> Iterator[str]:
    """A label as names are compared, and what may be its singular."""
    word = _compared(label)
    yield word
    *before, last = word.split(" ")
    start = "".join(f"{part} " for part in before)
    if last in _table()["irregular"]:
        yield start + _table()["irregular"][last]
    for ending, instead in _ENDINGS:
        if last.endswith(ending) and len(last) > len(ending):
            yield start + last.removesuffix(ending) + instead


def _compared(name: str) -> str:
    return " ".join(re.sub(r"[\s_-]+", " ", name.casefold()).split())


@cache
def _table() -> dict[str, Any]:
    text = resources.files("regraft.backbones").joinpath("imagenet_classes.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@cache
def _by_name() -> dict[str, tuple[str, tuple[ImageNetClass, ...]]]:
    """By the name as it is compared: the name, and the classes called so."""
    found: dict[str, tuple[str, tuple[ImageNetClass, ...]]] = {}
    for one in imagenet_classes():
        for name in one.names:
            word, classes = found.get(_compared(name), (name, ()))
            if one not in classes:
                found[_compared(name)] = word, (*classes, one)
    return found


@cache
def _by_group() -> dict[str, tuple[str, tuple[ImageNetClass, ...]]]:
    """By what is more general than a class, as it is compared: its name, and the classes that are kinds of it."""
    above = {wordnet_id: (names, parents) for wordnet_id, names, parents in _table()["above"]}
    found: dict[str, tuple[str, dict[int, ImageNetClass]]] = {}
    for one, (_, _, parents) in zip(imagenet_classes(), _table()["classes"], strict=True):
        seen: set[str] = set()
        waiting = list(parents)
        while waiting:
            wordnet_id = waiting.pop()
            if wordnet_id in seen:
                continue
            seen.add(wordnet_id)
            names, further = above[wordnet_id]
            waiting += further
            for name in names:
                found.setdefault(_compared(name), (name, {}))[1][one.index] = one
    return {word: (name, tuple(classes.values())) for word, (name, classes) in found.items()}
