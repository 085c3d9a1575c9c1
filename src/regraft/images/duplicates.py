"""Equal content among labelled images: one copy stays, and none where the labels disagree; its groups become one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from regraft.images.labelled import LabelledImage, SkippedFile, Split

# A copy in the test images stays and its twin leaves the training images, never the other way round: what is measured
# must not have been learnt.
_PREFERENCE: dict[Split | None, int] = {"test": 0, "validation": 1, "train": 2, None: 3}
_PLACE: dict[Split, str] = {"train": "training", "validation": "validation", "test": "test"}


def drop_duplicates(images: Sequence[LabelledImage]) -> tuple[list[LabelledImage], list[SkippedFile]]:
    """Each content once, and what was left out with the reason.

    Of copies under one label, the first stays, by split (test, validation, train, none), then by name. Copies under
    two labels or more are all left out: nobody can say which label is right.

    Equal content joins the groups of its copies, and these join on through other copies: every image of joined groups
    gets the first of their names as its group, and a copy that stays is in it even if only its twin had a group.
    Otherwise the copy that stays could be a test image, while the group its twin belongs to trains.

    Args:
        images: in any order.

    Returns:
        The images that stay, in the order given and with their joined groups, and the others, in the order given.
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
    group_of = _joined_groups(copies.values())
    stay = [_with_group(image, group_of[image.sha256]) for image in images if id(image) not in reasons]
    return stay, [SkippedFile(image.name, reasons[id(image)]) for image in images if id(image) in reasons]


def _joined_groups(contents: Iterable[Sequence[LabelledImage]]) -> dict[str, str | None]:
    """The group of each content by its hash, after all copies of it have joined their groups; None without one."""
    joined_to: dict[str, str] = {}  # a forest: each name leads to a smaller one, the root is the smallest

    def root(group: str) -> str:
        path = []
        while (upper := joined_to.get(group, group)) != group:
            path.append(group)
            group = upper
        joined_to.update(dict.fromkeys(path, group))
        return group

    first: dict[str, str | None] = {}
    for same in contents:
        groups = [image.group for image in same if image.group]
        first[same[0].sha256] = groups[0] if groups else None
        # Content that goes because of its labels, goes from everywhere: nothing of it leaks.
        if len({image.label for image in same}) == 1:
            for group in groups[1:]:
                low, high = sorted((root(groups[0]), root(group)))
                if low != high:
                    joined_to[high] = low
    return {sha256: root(group) if group else None for sha256, group in first.items()}


def _with_group(image: LabelledImage, group: str | None) -> LabelledImage:
    return image if image.group == group else replace(image, group=group)


def _duplicate(image: LabelledImage, kept: LabelledImage) -> str:
    reason = "listed more than once" if image.name == kept.name else f"duplicate of {kept.name}"
    if image.split and kept.split and image.split != kept.split:
        reason += f" (kept out of {_PLACE[image.split]})"
    return reason
