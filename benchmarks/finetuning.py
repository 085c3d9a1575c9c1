"""Training the last blocks: from cached activations, against Keras `fit` on the images with the same layers frozen.

python benchmarks/finetuning.py --images FOLDER [--backbone MobileNetV2] [--blocks 3] [--repeats 5]

Both train the same layers, with AdamW, in batches of 32, for whole epochs over the same images; building and compiling
happen before, for both. Keras reads the images as its users do, through `image_dataset_from_directory`. The one-off
cost of the activations is shown beside it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _measuring import image_folder, interleaved, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--backbone", default="MobileNetV2")
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    folder = image_folder(parser)
    from dataclasses import replace

    from regraft.backbones.base import open_base
    from regraft.backbones.cuts import cut
    from regraft.features.extraction import extract
    from regraft.images.folders import scan_folder

    collection = scan_folder(folder)
    base = open_base(options.backbone)
    parts = cut(base, blocks=options.blocks)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["REGRAFT_CACHE"] = cache
        started = time.perf_counter()
        found = extract(collection.images, replace(base, cut=parts.at), dtype="float16")
        activations = found.features()
        once = time.perf_counter() - started
    labels = np.array([collection.classes.index(image.label) for image in collection.images], np.int64)
    works = {"keras": keras_fit(base, options.blocks, folder), "regraft": ours(parts, activations, labels)}
    interleaved(works, 1)
    seconds = interleaved(works, options.repeats)
    print(f"# {machine()}")
    print(f"# {options.backbone}, last {options.blocks} blocks (after {parts.at}), {len(labels)} images an epoch")
    for name in works:
        print(
            f"{name:<8} {len(labels) / seconds[name]:>6.0f} images/s  {seconds['keras'] / seconds[name]:>5.1f}×",
            flush=True,
        )
    print(f"# the activations, once: {once:.1f} s ({found.precision}, {activations.nbytes / 1e6:.0f} MB)")


def keras_fit(base: Any, blocks: int, folder: Path) -> Any:
    """An epoch of what a Keras user writes: the whole network, all before the last blocks frozen."""
    import keras

    from regraft.backbones.cuts import cut

    parts = cut(base, blocks=blocks)
    for layer in parts.whole.layers:
        layer.trainable = layer.trainable and not isinstance(layer, keras.layers.BatchNormalization)
    files = keras.utils.image_dataset_from_directory(
        folder, image_size=(base.height, base.width), batch_size=32, verbose=False
    )
    answer = keras.layers.Dense(len(files.class_names), activation="softmax")(parts.whole.output)
    model = keras.Model(parts.whole.inputs[0], answer)
    model.compile(keras.optimizers.AdamW(2e-4), "sparse_categorical_crossentropy")
    files = files.map(lambda pixels, labels: (keras.ops.cast(pixels, "uint8"), labels)).prefetch(2)
    return lambda: model.fit(files, verbose=0)


def ours(parts: Any, activations: Any, labels: Any) -> Any:
    """An epoch of regraft's training on the activations."""
    from regraft.training._order import EpochOrder
    from regraft.training.finetune_settings import FinetuneSettings
    from regraft.training.finetuning import build_top, trainer_for
    from regraft.training.settings import HeadSettings
    from regraft.training.top_inputs import CachedActivations
    from regraft.training.weights import initial_heads

    width = int(parts.whole.output.shape[-1])
    (head,) = initial_heads([HeadSettings(0.1)], width, int(labels.max()) + 1)
    trainer = trainer_for(build_top(parts, head, "softmax"), FinetuneSettings())
    inputs = CachedActivations(activations[None])
    order = EpochOrder(labels, 0)

    def epoch() -> None:
        rows, views = order.next_epoch()
        for start in range(0, len(rows), 32):
            batch = slice(start, start + 32)
            trainer.step(inputs.drawn(rows[batch], views[batch], 1), labels[rows[batch]], 2e-4)

    return epoch


if __name__ == "__main__":
    main()
