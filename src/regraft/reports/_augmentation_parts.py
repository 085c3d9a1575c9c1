"""What the report says and shows of augmentation: how many views, of which policy, and what they look like."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from regraft.errors import UnreadableImageError
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage
from regraft.reports._drawing import Drawn
from regraft.reports._finetune_words import is_whole
from regraft.reports._words import THIN, count, shown
from regraft.reports.augmentation_figure import preview_augmentation, preview_caption
from regraft.runs.config import TrainConfig
from regraft.runs.folder import RunFolder

Metrics = Mapping[str, Any]


class Preview(NamedTuple):
    """The figure of one training image in its views, and what stands below it."""

    drawn: Drawn
    caption: str


def augmentation_words(metrics: Metrics, config: TrainConfig, *, is_shown: bool) -> str:
    """Which views were used, by what, and how answers are made of them.

    Args:
        metrics: of a run with the key `augmentation`.
        config: of the run.
        is_shown: whether a preview, whose caption names the policy, follows.
    """
    facts = metrics["augmentation"]
    text = ["A view is an image that was changed at random, in ways that leave its label as it is."]
    if not is_shown:
        label = str(facts["label"]).replace(" %", f"{THIN}%")
        text.append(
            f"The policy: {label} (seed {facts['policy'].get('seed', 0)}). No training image was at hand to show it on."
        )
    text += _training(metrics, config)
    if views := facts["test_views"]:
        text.append(
            f"Every answer, here as for new images, is an average: of the probabilities for the plain image and for "
            f"{count(views, 'view')} of it."
        )
    return " ".join(text)


def _training(metrics: Metrics, config: TrainConfig) -> list[str]:
    heads, tuned = metrics["augmentation"]["views"], metrics.get("finetune")
    of_top = tuned["views"] if tuned else 0
    if heads and heads == of_top:
        return [f"The heads and fine-tuning learnt from views: {_drawn(heads)}."]
    text = [f"The heads learnt from views: {_drawn(heads)}."] if heads else []
    if of_top:
        text.append(f"Fine-tuning learnt from views: {_drawn(of_top)}.")
    if tuned and is_whole(tuned) and config.augmentation.views != 0:
        text.append("Fine-tuning saw every image in a new view in every epoch.")
    if (of_top or (tuned and is_whole(tuned))) and not heads:
        text.append("The heads before it saw the plain images only.")
    return text


def _drawn(views: int) -> str:
    return f"in every epoch each image came as itself or as one of its {count(views, 'view')}, drawn at random"


def augmentation_preview(
    run: RunFolder, metrics: Metrics, images: Mapping[str, LabelledImage] | None
) -> Preview | None:
    """A training image in the views of the run's policy: the first by content hash that is still there as it was.

    Args:
        run: with its splits written.
        metrics: of a run with the key `augmentation`.
        images: by content hash; None where they are not at hand.

    Returns:
        None where there is no such image.
    """
    table = run.table("splits").select(["split", "sha256"]).to_pydict()
    policy = Augmentation.from_dict(metrics["augmentation"]["policy"])
    size = metrics.get("backbone", {}).get("size", 224)
    pixels = size if isinstance(size, int) else (int(size[0]), int(size[1]))
    hashes = sorted(sha for sha, split in zip(table["sha256"], table["split"], strict=True) if split == "train")
    for sha256 in hashes:
        image = (images or {}).get(sha256)
        source = None if image is None else _content(image)
        if image is None or source is None:
            continue
        try:
            drawn = preview_augmentation(source, policy, pixels)
        except UnreadableImageError:
            continue
        return Preview(drawn, f"{preview_caption(policy)} The image is “{shown(image.name)}”, of the training images.")
    return None


def _content(image: LabelledImage) -> Any:
    """What is decoded; None where the file is gone or holds another image by now."""
    if not isinstance(image.source, Path):
        return image.source
    try:
        content = image.source.read_bytes()
    except (OSError, ValueError):
        return None
    return content if hashlib.sha256(content).hexdigest() == image.sha256 else None
