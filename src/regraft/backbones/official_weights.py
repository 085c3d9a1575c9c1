"""Where Keras' own weight files are to be had, by the names Keras gives them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from regraft.backbones.names import BackboneName


@dataclass(frozen=True)
class OfficialFile:
    """One download of `keras.applications`.

    Attributes:
        file_name: in Keras' cache.
        url: where it is fetched from.
        hash: MD5 (32 digits) or SHA-256 (64) as Keras publishes it; None for the MobileNets, where it publishes none.
    """

    file_name: str
    url: str
    hash: str | None


def official_weights(name: BackboneName, *, include_top: bool) -> OfficialFile | None:
    """Gives the file `keras.applications` would load for `weights="imagenet"`; None for a network that is not Keras'.

    For MobileNet and MobileNetV2, of the files for several input sizes the one for 224 pixels.
    """
    key = name.card_name if name.alpha == 1.0 else f"{name.card_name}-{name.alpha:g}"
    entry = _table().get(key)
    if entry is None:
        return None
    facts = entry["top" if include_top else "no_top"]
    return OfficialFile(facts["file"], facts["url"], facts["hash"])


@cache
def _table() -> dict[str, Any]:
    text = resources.files("regraft.backbones").joinpath("official_weights.json").read_text(encoding="utf-8")
    return dict(json.loads(text))
