"""`regraft finetune` and `regraft lr-find`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from regraft.cli import _augmentation as augmented
from regraft.cli._output import note, say, say_json
from regraft.cli.train import show_numbers, show_run

Blocks = Annotated[int | None, typer.Option(help="Train the last so many blocks. Default: the last third of them.")]
Last = Annotated[int | None, typer.Option(help="Train the last so many layers.")]
From = Annotated[
    str | None, typer.Option("--from", help="Train from this layer on (`regraft backbones NAME --layers`).")
]
At = Annotated[str | None, typer.Option(help="Train all after this layer; `input`: the whole network.")]


def finetune(
    run: Annotated[Path, typer.Argument(help="A finished run folder; it is left as it is.")],
    output: Annotated[
        Path | None, typer.Option(help="The new run folder, new or empty. Default: RUN-finetuned.")
    ] = None,
    blocks: Blocks = None,
    last: Last = None,
    from_layer: From = None,
    at: At = None,
    epochs: Annotated[int | None, typer.Option(help="At most; validation chooses how many (30).")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="The highest of the schedule (0.0001); `regraft lr-find RUN` helps.")
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="adamw (the default), adam or sgd.")] = None,
    schedule: Annotated[str | None, typer.Option(help="cosine (the default) or constant.")] = None,
    warmup: Annotated[float | None, typer.Option(help="Part of the steps in which the rate rises (0.1).")] = None,
    layer_decay: Annotated[
        float | None, typer.Option(help="Each earlier block learns so many times slower: 3 to 10 (1).")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Towards zero (0.004).")] = None,
    l2_sp: Annotated[float | None, typer.Option("--l2-sp", help="Towards the pretrained weights (0).")] = None,
    batchnorm: Annotated[
        str | None, typer.Option(help="inference (the default: its statistics stay) or train.")
    ] = None,
    staged: Annotated[
        bool | None, typer.Option("--staged/--no-staged", help="Unfreeze block by block from the end.")
    ] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many epochs without a better one (5).")] = None,
    batch_size: Annotated[int | None, typer.Option()] = None,
    label_smoothing: Annotated[float | None, typer.Option()] = None,
    refit: Annotated[
        bool | None,
        typer.Option("--refit/--no-refit", help="Train again on train and validation together (the default)."),
    ] = None,
    cache: Annotated[str | None, typer.Option(help="Precision of the cached activations: f16 or f32.")] = None,
    views: augmented.Views = None,
    test_views: augmented.TestViews = None,
    horizontal_flip: augmented.HorizontalFlip = None,
    vertical_flip: augmented.VerticalFlip = None,
    rotation: augmented.Rotation = None,
    zoom: augmented.Zoom = None,
    crop: augmented.Crop = None,
    brightness: augmented.Brightness = None,
    contrast: augmented.Contrast = None,
    colour: augmented.Colour = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Fine-tune a run: train the last part of its network as well, on the same images and splits, into a new run."""
    from regraft.api import finetune_run

    settings: dict[str, dict[str, Any]] = {
        "finetune": {
            "blocks": blocks,
            "last": last,
            "from_layer": from_layer,
            "at": at,
            "epochs": epochs,
            "learning_rate": learning_rate,
            "optimizer": optimizer,
            "schedule": schedule,
            "warmup": warmup,
            "layer_decay": layer_decay,
            "weight_decay": weight_decay,
            "l2_sp": l2_sp,
            "batchnorm": batchnorm,
            "staged": staged,
            "patience": patience,
            "batch_size": batch_size,
            "label_smoothing": label_smoothing,
            "refit": refit,
            "cache": cache,
        },
        "augmentation": augmented.augmentation_values(
            views, test_views, horizontal_flip, vertical_flip, rotation, zoom, crop, brightness, contrast, colour
        ),
    }
    given = {
        section: {name: value for name, value in values.items() if value is not None}
        for section, values in settings.items()
    }
    tuned = finetune_run(run, output, given, tell=note, on_measured=None if json else show_numbers)
    if json:
        say_json({"run": str(tuned.path), "report": str(tuned.report), **tuned.metrics()})
        return
    show_run(tuned)


def find_rate(
    run: Annotated[Path, typer.Argument(help="A finished run folder; it is left as it is.")],
    output: Annotated[Path, typer.Option(help="The figure: .svg, .png or .pdf.")] = Path("lr-find.svg"),
    blocks: Blocks = None,
    last: Last = None,
    from_layer: From = None,
    at: At = None,
    lowest: Annotated[float, typer.Option(help="The rate of the first step.")] = 1e-6,
    highest: Annotated[float, typer.Option(help="The rate of the last step.")] = 1.0,
    steps: Annotated[int, typer.Option(help="How many updates.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Find a learning rate for fine-tuning a run: a range test on its training images, with a figure."""
    from regraft.api import find_learning_rate

    wish = {"blocks": blocks, "last": last, "from_layer": from_layer, "at": at}
    found = find_learning_rate(
        run,
        output,
        {name: value for name, value in wish.items() if value is not None},
        lowest=lowest,
        highest=highest,
        steps=steps,
        tell=note,
    )
    if json:
        say_json(
            {
                "suggested": found.suggested,
                "figure": str(output),
                "rates": found.rates.tolist(),
                "smoothed": [value if math.isfinite(value) else None for value in found.smoothed.tolist()],
            }
        )
        return
    say(f"Learning rate {found.suggested:.1e}" if found.suggested else "No rate lowered the loss.")
    say(f"Figure        {output}")
