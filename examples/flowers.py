"""The flower study as one script: ten tasks on transfer learning, to be switched on and off below.

    python examples/flowers.py FOLDER [OUTPUT]

FOLDER holds a folder of photos for each kind of flower. What was computed is kept in OUTPUT (default
`studies/flowers`), so that a second call goes on where the first one stopped. `regraft study flowers` runs the same
tasks and writes the report as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

import regraft
from regraft.reports import comparison_words as words
from regraft.reports.curve_figures import panels
from regraft.reports.first_training_figure import first_training
from regraft.studies import flowers
from regraft.studies.flower_study import FlowerStudy


def task_1() -> None:
    """Get the small flower data set."""
    collection = flowers.task_1(study)
    print(f"{len(collection.images)} images of {', '.join(collection.classes)}")


def task_2() -> None:
    """Get MobileNetV2 with its ImageNet weights."""
    base = flowers.task_2(study)
    print(f"{base.spelling}, {base.height} x {base.width} pixels, weights: {base.weights.origin}")


def task_3() -> None:
    """Replace its last layer by a Dense layer of the right shape, and show both summaries."""
    before, after = flowers.task_3(study)
    print("\n".join(["as it comes …", *before.splitlines()[-12:], "with the new layer …", *after.splitlines()[-12:]]))


def task_4() -> None:
    """Training, validation and test sets {(x, t)} for standard transfer learning."""
    for split, (images, labels) in flowers.task_4(study).items():
        print(f"{split}: {len(images)} images, {len(set(labels.tolist()))} classes")


def task_5() -> None:
    """Compile and train through Keras: SGD, learning rate 0.01, momentum 0, no Nesterov."""
    results = flowers.task_5(study)
    if results is None:
        print(f"Keras cannot train here: {study.standard_refused}")
    else:
        print(f"validation accuracy after each epoch: {results.curves['val_accuracy'][0, 0].round(3).tolist()}")


def task_6() -> None:
    """Plot training and validation error against epochs and seconds, and accuracy, precision and recall."""
    draw("task_6", first_training(flowers.task_6(study)))


def task_7() -> None:
    """Three orders of magnitude of the learning rate."""
    print(words.finding(flowers.task_7(study), subject="learning rate"))
    draw("task_7", panels(study.rates[0], ("val_error", "val_loss")))


def task_8() -> None:
    """Three momenta above zero, with the best learning rate."""
    print(words.finding(flowers.task_8(study), subject="momentum", subjects="momenta"))
    draw("task_8", panels(flowers.momenta_at_best_rate(study), ("val_error", "val_loss")))


def task_9() -> None:
    """The accelerated sets {(F(x), t)}: every image's features, computed once."""
    for split, (features, labels) in flowers.task_9(study).items():
        print(f"{split}: features {features.shape}, labels {labels.shape}")


def task_10() -> None:
    """Task 8 again on the accelerated sets: the whole grid, and beside the training through Keras."""
    conclusion, agreements = flowers.task_10(study)
    print(words.finding(conclusion, subject="combination"))
    for one in agreements:
        weights = "" if one.weights is None else f"weights differ by {one.weights:.1e} at most, "
        times = f"{one.standard_seconds:.1f} s through Keras, {one.accelerated_seconds:.3f} s on features"
        print(f"{one.setting}: {weights}{times}")


def draw(name: str, drawn: object) -> None:
    """Keeps a figure in the study folder."""
    if drawn is None:
        print("there is nothing to draw")
        return
    path = study.folder.path / "figures" / f"{name}.svg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(drawn.svg, encoding="utf-8")
    print(f"figure: {path}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    output = Path(sys.argv[2] if len(sys.argv) > 2 else "studies/flowers")
    try:
        if (output / "study.toml").is_file():
            study = FlowerStudy(resume=output)
        else:
            study = FlowerStudy(sys.argv[1], output, quick=True)
        task_1()
        task_2()
        task_3()
        task_4()
        task_5()
        task_6()
        task_7()
        task_8()
        task_9()
        task_10()
    except regraft.InputError as error:
        sys.exit(f"{error}")
