"""Folder to features, decoding included: regraft against Keras' `image_dataset_from_directory` and `predict`.

python benchmarks/features.py --images FOLDER [--backbone EfficientNetLite0 --backbone MobileNetV2] [--repeats 3]
    [--random] [--count N]

`--random` takes random weights, for networks whose own are not at hand: the speed is the same, there is no accuracy.
`--count` takes the first images of each class only.

Both start from files and end with features (ours on disk as well); building the network and compiling it happen
before, for both. The accuracy is that of a scikit-learn logistic regression, 5-fold, the same folds for every row.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _measuring import image_folder, interleaved, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--backbone", action="append")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--count", type=int)
    options = parser.parse_args()
    folder = image_folder(parser)
    print(f"# {machine()}")
    print("backbone            way              images/s   ratio   5-fold accuracy")
    for backbone in options.backbone or ["EfficientNetLite0", "MobileNetV2"]:
        with tempfile.TemporaryDirectory() as scratch:
            weights = random_weights(backbone, Path(scratch)) if options.random else None
            images = first_images(folder, options.count, Path(scratch)) if options.count else folder
            compare(backbone, images, options.repeats, weights)


def random_weights(backbone: str, scratch: Path) -> Path:
    """A weight file as Keras initialises the network."""
    from regraft.backbones.names import parse_backbone
    from regraft.backbones.networks import build_network

    path = scratch / "random.weights.h5"
    build_network(parse_backbone(backbone), weights=None).save_weights(path)
    return path


def first_images(folder: Path, count: int, scratch: Path) -> Path:
    """The first so many images of each class, as links."""
    for group in sorted(path for path in folder.iterdir() if path.is_dir()):
        (scratch / "images" / group.name).mkdir(parents=True)
        for image in sorted(group.iterdir())[:count]:
            (scratch / "images" / group.name / image.name).symlink_to(image.resolve())
    return scratch / "images"


def compare(backbone: str, folder: Path, repeats: int, weights: Path | None) -> None:
    from regraft.backbones.base import open_base
    from regraft.features.engines import open_engine
    from regraft.features.extraction import extract
    from regraft.features.openvino_engine import resolve_precision
    from regraft.images.folders import scan_folder

    base = open_base(backbone, weights=weights)
    kept: dict[str, Any] = {}
    keras_model = floating_point_model(base)

    precisions = dict.fromkeys(("f32", resolve_precision("auto")))  # bf16 too, where the processor has it
    engines = {precision: open_engine("openvino", base, precision) for precision in precisions}

    def ours(precision: str) -> None:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["REGRAFT_CACHE"] = cache  # an empty store each time
            kept[precision] = extract(scan_folder(folder).images, base, engine=engines[precision]).features()

    def keras_way() -> None:
        import keras

        files = keras.utils.image_dataset_from_directory(
            folder, image_size=(base.height, base.width), batch_size=32, shuffle=False, verbose=False
        )
        kept["keras"] = keras_model.predict(files, verbose=0)

    works = {"keras": keras_way, **{precision: partial(ours, precision) for precision in precisions}}
    interleaved(works, 1)  # compiles everything
    seconds = interleaved(works, repeats)
    collection = scan_folder(folder)
    labels = np.array([collection.classes.index(image.label) for image in collection.images])
    for name in works:
        title = "Keras predict" if name == "keras" else f"regraft {name}"
        print(
            f"{backbone:<19} {title:<15} {len(labels) / seconds[name]:>9.0f}  {seconds['keras'] / seconds[name]:>5.1f}×"
            + (f"  {100 * five_fold(kept[name], labels):>13.1f} %" if weights is None else ""),
            flush=True,
        )


def floating_point_model(base: Any) -> Any:
    """What a Keras user writes: float pixels, the preprocessing, the network with average pooling."""
    import keras

    from regraft.backbones.networks import build_network, preprocess

    pixels = keras.Input((base.height, base.width, 3))
    return build_network(base.network, weights=base.weights.path, inputs=preprocess(pixels, base.preprocessing))


def five_fold(features: Any, labels: Any) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    scores = [
        cross_val_score(
            LogisticRegression(C=0.1, max_iter=1000),
            features,
            labels,
            cv=StratifiedKFold(5, shuffle=True, random_state=seed),
        ).mean()
        for seed in range(3)
    ]
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
