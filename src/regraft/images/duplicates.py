"""Equal content among labelled images: one copy stays, and none where the labels disagree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from regraft.images.labelled import LabelledImage, SkippedFile, Split

# A copy in the test images stays and its twin leaves the training images, never the other way round: what is measured
# must not have been learnt.
_PREFERENCE: dict[Split | None, int] = {"test": 0, "validation": 1, "train": 2, None: 3}
_PLACE: dict[Split, str] = {"train": "training", "validation": "validation", "test": "test"}


def drop_duplicates(images: Sequence[LabelledImage]) -> tuple[list[LabelledImage], list[SkippedFile]]:
    """Each content once, and what was left out with the reason.

    Of copies under one label, the first stays, by split (test, validation, train, none), then by name. Copies under
    two labels or more are all left out: nobody can say which label is right.

    Args:
        images: in any order.

    Returns:
        The images that stay, in the order given, and the others, in the order given.
    """
    copies: dict[str, list[LabelledImage]] = defaultdict(list)
    for image in images:
        copies[image.sha256].append(image)
    reasons: dict[int, str] = {}  # by id(): two entries may share a name, where a manifest lists a file twice
    for same in copies.values():
        labels = sorted({image.label for image in same})
        if len(labels) > 1:
            quoted = [f"'{label}'" for label in labels]
            reason = f"same image under the labels {', '.join(quoted[:-1])} and {quoted[-1]}"
            reasons.update((id(image), reason) for image in same)
        elif len(same) > 1:
            kept = min(same, key=lambda image: (_PREFERENCE[image.split], image.name))
            reasons.update((id(image), _duplicate(image, kept)) for image in same if image is not kept)
    stay = [image for image in images if id(image) not in reasons]
    return stay, [SkippedFile(image.name, reasons[id(image)]) for image in images if id(image) in reasons]


def _duplicate(image: LabelledImage, kept: LabelledImage) -> str:
    reason = "listed more than once" if image.name == kept.name else f"duplicate of {kept.name}"
    if image.split and kept.split and image.split != kept.split:
        reason += f" (kept out of {_PLACE[image.split]})"
    return reason
