"""What augmented views buy: accuracy against how many of them each training image came in.

python benchmarks/views.py --images FOLDER [--repeats 3] [--finetune] [--figure views.svg]

Cross-validation in five stratified folds, repeated with other folds, always measured on the plain images. A head on
frozen features is trained for 100 epochs, whatever the number of views; each epoch draws one for each image. With
`--finetune` the recipe `finetuned` of `recipes.py` is measured too, not repeated: that takes hours.
The intervals are 95 % ones for the mean over all folds, corrected for the training images they share (Nadeau and Bengio
2003, "Inference for the generalization error").
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _measuring import image_folder, machine
from recipes import SMALL, Photos, finetuned

NUMBERS = (0, 1, 2, 4, 8, 16)
FINETUNED = (0, 2, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--finetune", action="store_true")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    several = [Photos(image_folder(parser), 5, seed) for seed in range(options.repeats)]
    print(f"# {machine()}; {len(several[0].labels)} images, 5 folds, {options.repeats} times, {SMALL}")
    lines = {"frozen": frozen(several)}
    if options.finetune:
        lines["fine-tuned"] = [measured(number, [finetune_accuracies(several[0], number)]) for number in FINETUNED]
    if options.figure:
        from regraft.reports.views_figure import draw_views

        options.figure.write_text(draw_views(lines).svg)


def frozen(several: list[Photos]) -> list[tuple[int, float, float, float]]:
    from regraft.backbones.base import open_base

    started = time.perf_counter()
    features = several[0].through(open_base(SMALL), max(NUMBERS))
    print(f"# features of {max(NUMBERS) + 1} views: {time.perf_counter() - started:.1f} s")
    return [measured(views, [accuracies(features[: views + 1], photos) for photos in several]) for views in NUMBERS]


def accuracies(features: Any, photos: Photos) -> list[float]:
    from regraft.training.heads import rms_norm, train_heads
    from regraft.training.settings import HeadSettings

    found = []
    for learn, test in photos.folds:
        heads = train_heads(
            features[:, learn],
            photos.labels[learn],
            [HeadSettings(0.5, momentum=0.9, nesterov=True)],
            classes=int(photos.labels.max()) + 1,
            epochs=100,
            order_seed=0,
            scale=rms_norm(features[0, learn]),
        )
        answers = heads.weights[0].probabilities(features[0, test])
        found.append(float((answers.argmax(1) == photos.labels[test]).mean()))
    return found


def finetune_accuracies(photos: Photos, views: int) -> list[float]:
    fold = finetuned(photos, views, epochs=30)
    return [float((fold(*rows)[0].argmax(1) == photos.labels[rows[1]]).mean()) for rows in photos.folds]


def measured(views: int, repeats: list[list[float]]) -> tuple[int, float, float, float]:
    """A line of the table: the views, the mean accuracy and its interval."""
    from regraft.evaluation.comparisons import corrected_interval

    values = np.array(repeats)
    mean, low, high = corrected_interval(values.ravel(), 1 / 4)
    print(f"{views:>3} views  {mean:.1%}  ({low:.1%} to {high:.1%})", flush=True)
    return views, mean, low, high


if __name__ == "__main__":
    main()
