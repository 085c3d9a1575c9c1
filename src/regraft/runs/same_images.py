"""The images of a run found again: those it was made from and no others, each in the split it was in."""

from __future__ import annotations

from dataclasses import replace

from regraft.errors import InputError
from regraft.images.labelled import ImageCollection, SkippedFile
from regraft.runs.config import TrainConfig
from regraft.runs.data import draw_splits, open_collection
from regraft.runs.folder import RunFolder


def same_images(config: TrainConfig, run: RunFolder) -> ImageCollection:
    """The images that a run was made from: what was test stays test, and is all of it.

    What else is found is listed as left out: for the run's own reason where it was left out there already.

    Args:
        config: names the images, and splits them, as the run's own does.
        run: its splits are written; it need not be finished.

    Raises:
        InputError: some images are gone, or have another content, label, group or split now.
    """
    found = open_collection(config)
    table = run.table("splits")
    names = ("sha256", "label", "group", "split")
    recorded = set(zip(*(table[name].to_pylist() for name in names), strict=True))
    hashes = {row[0] for row in recorded}
    images = tuple(image for image in found.images if image.sha256 in hashes)
    now = {(image.sha256, image.label, image.group) for image in images}
    gone = {row[:3] for row in recorded} - now
    if not gone:
        splits = draw_splits(images, config)
        gone = recorded - {
            (image.sha256, image.label, image.group, split) for image, split in zip(images, splits, strict=True)
        }
    if gone:
        lost = {row[0] for row in gone}
        of_sha256 = dict(zip(table["sha256"].to_pylist(), table["image"].to_pylist(), strict=True))
        shown = sorted(of_sha256[sha256] for sha256 in lost)
        raise InputError(
            f"{len(lost)} of the {len(recorded)} images that {run.path} was made from are gone or have changed.",
            expected="the same files, with the same labels, groups and splits",
            received=f"without {', '.join(shown[:5])}" + (" …" if len(shown) > 5 else ""),
            hint="put them back, or start a new run with `regraft train`",
        )
    reasons = {file.name: file.reason for file in run.skipped()}
    others = [image.name for image in found.images if image.sha256 not in hashes]
    if config.images.per_class is None:
        new = f"not one of the images that {run.path} was made from"
        left_out = [SkippedFile(name, reasons.get(name, new)) for name in others]
    else:  # most of these are what the subset left out
        left_out = [SkippedFile(name, reasons[name]) for name in others if name in reasons]
    return replace(found, images=images, skipped=(*found.skipped, *left_out))
