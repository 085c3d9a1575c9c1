"""The default heads against scikit-learn's logistic regression: mean test accuracy over many splits.

python benchmarks/choice.py --images FOLDER [--backbone EfficientNetLite0] [--splits 20]

For each split the grid is trained, chosen and refitted as `regraft train` does it; the logistic regression is fitted on
the same training and validation images; both are measured on the same test images.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import image_folder, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--backbone", action="append")
    parser.add_argument("--splits", type=int, default=20)
    options = parser.parse_args()
    folder = image_folder(parser)
    print(f"# {machine()}; {options.splits} splits")
    for backbone in options.backbone or ["EfficientNetLite0", "EfficientNetLite0@320"]:
        ours, theirs = compare(backbone, folder, options.splits)
        spread = (ours - theirs).std() / np.sqrt(len(ours))
        print(
            f"{backbone:<22} regraft {100 * ours.mean():.1f} %  logistic regression {100 * theirs.mean():.1f} %"
            f"  difference {100 * (ours - theirs).mean():+.1f} ± {100 * spread:.1f}",
            flush=True,
        )


def compare(backbone: str, folder: Path, splits: int) -> tuple[Any, Any]:
    """Test accuracies of both, one for each split."""
    from sklearn.linear_model import LogisticRegression

    from regraft.backbones.base import open_base
    from regraft.features.extraction import extract
    from regraft.images.folders import scan_folder
    from regraft.images.splitting import assign_splits
    from regraft.training.choice import choose, refit
    from regraft.training.heads import head_probabilities, rms_norm, train_heads
    from regraft.training.settings import DEFAULT_EPOCHS, default_grid

    collection = scan_folder(folder)
    labels = np.array([collection.classes.index(image.label) for image in collection.images])
    features = extract(collection.images, open_base(backbone)).features()
    ours, theirs = [], []
    for seed in range(splits):
        drawn = np.array(assign_splits(collection.images, seed=seed))
        train, validation, test = (np.flatnonzero(drawn == name) for name in ("train", "validation", "test"))
        both = np.concatenate([train, validation])
        common: dict[str, Any] = {
            "classes": len(collection.classes),
            "order_seed": seed,
            "scale": rms_norm(features[train]),
        }
        held = (features[validation], labels[validation])
        grid = default_grid((seed,))
        trained = train_heads(features[train], labels[train], grid, epochs=DEFAULT_EPOCHS, validation=held, **common)

        def fit_both(rows: Any = both, common: dict[str, Any] = common, **options: Any) -> Any:
            return train_heads(features[rows], labels[rows], **common, **options)

        final = refit(trained, choose(trained), fit_both)
        answers = head_probabilities(features[test], final.kernel[0], final.bias[0]).argmax(axis=1)
        ours.append((answers == labels[test]).mean())
        regression = LogisticRegression(max_iter=2000).fit(features[both], labels[both])
        theirs.append((regression.predict(features[test]) == labels[test]).mean())
    return np.array(ours), np.array(theirs)


if __name__ == "__main__":
    main()
