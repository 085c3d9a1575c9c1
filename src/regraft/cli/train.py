"""`regraft train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regraft.cli import _augmentation as augmented
from regraft.cli._output import measured, note, percent, say, say_json
from regraft.errors import InputError

if TYPE_CHECKING:
    from regraft.runs.folder import RunFolder


def train(
    images: Annotated[
        str | None,
        typer.Argument(
            help="A folder of class folders, a CSV or JSONL manifest, or digits, mnist, flowers, cats-and-dogs."
        ),
    ] = None,
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            help="EfficientNetLite0, MobileNetV2-0.35@320, a .keras file … (`regraft backbones` lists them); auto "
            "chooses. Given several times, or with a plus between them: all at once, their features side by side."
        ),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="A weight file for the backbone.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The run folder, new or empty. Default: a new one in runs/.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with an unfinished run folder.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings from a TOML file, such as another run's config.toml.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the split, the batches and the initial weights.")] = None,
    path: Annotated[Path | None, typer.Option(help="A local copy of a named set.")] = None,
    classes: Annotated[str | None, typer.Option(help="Keep only these classes: A,B,C.")] = None,
    validation: Annotated[float | None, typer.Option(help="Part of the images for validation (0.2).")] = None,
    test: Annotated[float | None, typer.Option(help="Part of the images for the test (0.2).")] = None,
    exact: Annotated[
        bool | None,
        typer.Option(
            "--exact/--no-exact", help="Exact proportions; images may change their split when others are added."
        ),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="What computes the features: openvino or keras.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, f32 or bf16.")] = None,
    pooling: Annotated[
        str | None, typer.Option(help="How maps become features: average (the default), max, both or flatten.")
    ] = None,
    activation: Annotated[str | None, typer.Option(help="softmax, or sigmoid (one unit, for two classes).")] = None,
    hidden: Annotated[
        list[str] | None,
        typer.Option(
            help="Units of hidden layers, such as 128,64 (none: a linear head). May be given several times to try "
            "several, as may the next eight."
        ),
    ] = None,
    hidden_activation: Annotated[
        list[str] | None, typer.Option(help="Of the hidden layers: relu, tanh, sigmoid or swish.")
    ] = None,
    dropout: Annotated[
        list[float] | None, typer.Option(help="After each hidden layer; of the features where there is none.")
    ] = None,
    optimizer: Annotated[list[str] | None, typer.Option(help="sgd, adam or adamw.")] = None,
    learning_rate: Annotated[list[float] | None, typer.Option()] = None,
    momentum: Annotated[list[float] | None, typer.Option()] = None,
    nesterov: Annotated[list[bool] | None, typer.Option("--nesterov/--no-nesterov")] = None,
    weight_decay: Annotated[list[float] | None, typer.Option()] = None,
    label_smoothing: Annotated[
        list[float] | None, typer.Option(help="The part of each target spread over all classes.")
    ] = None,
    class_weight: Annotated[
        str | None, typer.Option(help="balanced: an image counts the more the rarer its class is. Default: none.")
    ] = None,
    sampling: Annotated[
        str | None, typer.Option(help="balanced: every epoch sees all classes equally often. Default: plain.")
    ] = None,
    scale_features: Annotated[
        bool | None,
        typer.Option(help="Learning rates for features scaled to length 1 (the default), or for features as they are."),
    ] = None,
    repeats: Annotated[int | None, typer.Option(help="Initial weights to try for each setting.")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most; validation chooses how many.")] = None,
    batch_size: Annotated[int | None, typer.Option()] = None,
    standard: Annotated[
        bool | None,
        typer.Option(
            "--standard/--no-standard", help="Recompute F(x) in every epoch through Keras: slow, for comparison."
        ),
    ] = None,
    finetune: Annotated[
        bool,
        typer.Option(
            "--finetune",
            help="Then train the last part of the backbone as well: `regraft finetune --help` explains, and lists what "
            "the section [finetune] of --config may hold.",
        ),
    ] = False,
    blocks: Annotated[int | None, typer.Option(help="Fine-tune the last so many blocks.")] = None,
    last: Annotated[int | None, typer.Option(help="Fine-tune the last so many layers.")] = None,
    from_layer: Annotated[str | None, typer.Option("--from", help="Fine-tune from this layer on.")] = None,
    control: Annotated[
        bool,
        typer.Option(
            "--control",
            help="Then train the same network from random weights on the same images, to see whether transfer helps: "
            "as many epochs as the run, for which it can take hours. [control] of --config says how.",
        ),
    ] = False,
    control_epochs: Annotated[int | None, typer.Option(help="Epochs of the control.")] = None,
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
    """Train a classifier on labelled images and measure it on images it has never seen."""
    from regraft.api import run_config
    from regraft.runs.config import make_config, read_config
    from regraft.runs.finetune_config import with_finetune

    given: dict[str, dict[str, Any]] = {
        "images": {
            "source": images,
            "path": path,
            "classes": classes.split(",") if classes is not None else None,
            "validation": validation,
            "test": test,
            "exact": exact,
        },
        "backbone": {
            "name": backbone or None,
            "weights": weights,
            "engine": engine,
            "precision": precision,
            "pooling": pooling,
        },
        "head": {
            "activation": activation,
            "hidden": [_layers(text) for text in hidden] if hidden else None,
            "hidden_activation": hidden_activation or None,
            "dropout": dropout or None,
            "optimizer": optimizer or None,
            "learning_rate": learning_rate or None,
            "momentum": momentum or None,
            "nesterov": nesterov or None,
            "weight_decay": weight_decay or None,
            "label_smoothing": label_smoothing or None,
            "class_weight": class_weight,
            "sampling": sampling,
            "scale_features": scale_features,
            "repeats": repeats,
            "epochs": epochs,
            "batch_size": batch_size,
            "standard": standard,
        },
        "augmentation": augmented.augmentation_values(
            views, test_views, horizontal_flip, vertical_flip, rotation, zoom, crop, brightness, contrast, colour
        ),
        "finetune": {"blocks": blocks, "last": last, "from_layer": from_layer},
        "control": {"epochs": control_epochs},
    }
    asked = {"finetune": finetune, "control": control}
    named = [value for section in given.values() for value in section.values() if value is not None]
    if resume is not None:
        if named or config is not None or output is not None or seed is not None or finetune or control:
            raise InputError("--resume goes on with a run as it was begun and takes no other settings.")
        values = _settings_of(resume)
    else:
        values = read_config(config) if config is not None else {}
        if strange := [name for name in given if not isinstance(values.get(name, {}), dict)]:
            raise InputError(
                f"{config} cannot be used.", expected=f"a table [{strange[0]}]", received=repr(values[strange[0]])
            )
        for section, options in given.items():
            chosen = {name: value for name, value in options.items() if value is not None}
            if section not in asked:
                values[section] = {**values.get(section, {}), **chosen}
            elif asked[section] or chosen:  # without its section nothing is fine-tuned, and there is no control
                join = with_finetune if section == "finetune" else dict.__or__
                values[section] = join(values.get(section, {}), chosen)
        if seed is not None:
            values["seed"] = seed
        if "source" not in values["images"]:
            raise InputError(
                "Which images?",
                expected="a folder of class folders, a manifest, or a named set",
                hint="regraft train photos/   (or: regraft train digits)",
            )
        if hidden_activation and not any(_listed(values["head"].get("hidden"))):
            raise InputError(
                "--hidden-activation is for heads with hidden layers.", hint="add hidden layers, such as --hidden 128"
            )
    run = run_config(make_config(values), output, resume=resume, on_measured=None if json else show_numbers, tell=note)
    if json:
        say_json({"run": str(run.path), "report": str(run.report), **run.metrics()})
        return
    show_run(run)


def show_run(run: RunFolder) -> None:
    """What its control says, where a finished run is, and how long it took."""
    metrics = run.metrics()
    seconds = metrics["seconds"]
    if control := metrics.get("control"):
        _show_control(run, control)
    stages = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items() if name != "total")
    say(f"Run        {run.path}")
    say(f"Report     {run.report}")
    say(f"Time       {seconds['total']:.1f} s in all ({stages})")


def _show_control(run: RunFolder, control: dict[str, Any]) -> None:
    low, high = control["accuracy_interval"]
    tried = len(control["tried"])
    rate = f"learning rate {control['learning_rate']:g}" + (f", the best of {tried} on validation" if tried else "")
    say()
    say(f"Control    accuracy {percent(control['accuracy'])}  (95 % interval {percent(low)} to {percent(high)})")
    say(f"           the same network from random weights, best epoch {control['best_epoch']} of {control['epochs']}")
    say(f"           {rate}; in {run.path / control['folder']}")
    say(f"Verdict    {control['verdict']}")
    say()
    for warning in control["warnings"]:
        note(f"Warning: {warning}")


def _layers(text: str) -> list[int]:
    """`128,64` as numbers; `none` is no hidden layer."""
    if text.strip().lower() in ("", "none"):
        return []
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            "The hidden layers cannot be read.",
            expected="whole numbers with commas between them, such as 128,64, or none",
            received=repr(text),
        ) from None


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _settings_of(resume: Path) -> dict[str, Any]:
    from regraft.runs.config import read_config
    from regraft.runs.control import is_control
    from regraft.runs.folder import RunFolder

    if not (resume / "config.toml").is_file():
        raise InputError(
            f"{resume} is no run that was begun.",
            expected="a folder made by `regraft train`, with config.toml in it",
            received="no such folder" if not resume.is_dir() else "a folder without config.toml",
        )
    if is_control(resume):
        raise InputError(
            f"{resume} is the control of a run.",
            expected="the folder of the run",
            hint=f"regraft train --resume {resume.parent}",
        )
    if RunFolder(resume).complete:
        raise InputError(f"{resume} is finished: there is nothing to resume.")
    return read_config(resume / "config.toml")


def show_numbers(run: RunFolder, metrics: dict[str, Any]) -> None:
    """The numbers, as soon as they are there."""
    counts, chosen, backbone = metrics["images"], metrics["chosen"], metrics["backbone"]
    say()
    say(measured(metrics["test"], "Test"))
    say(measured(metrics["validation"], "Validation"))
    say()
    say(f"Images     {counts['train']} train, {counts['validation']} validation, {counts['test']} test")
    if counts["skipped"]:
        say(f"Left out   {counts['skipped']} files, each with its reason in {run.path / 'skipped.csv'}")
    say(f"Backbone   {backbone['name']}, {backbone['features']} features an image, {backbone['precision']}")
    if search := backbone.get("search"):
        steps = " → ".join(f"{step['added']} {percent(step['accuracy'])}" for step in search["steps"] if step["taken"])
        say(f"           chosen on {search['images']} training and validation images: {steps}")
    epochs = f"{chosen['epoch']} epoch{'' if chosen['epoch'] == 1 else 's'}"
    say(f"Head       {chosen['label']}, {epochs} (the best of {chosen['heads']} on validation)")
    if tuned := metrics.get("finetune"):
        blocks = f"{len(tuned['blocks'])} block{'' if len(tuned['blocks']) == 1 else 's'}"
        before, after = tuned["frozen"]["validation_accuracy"], tuned["tuned"]["validation_accuracy"]
        say(
            f"Fine-tuned {blocks} after {tuned['cut']}, best epoch {tuned['best_epoch']} of "
            f"{tuned['epochs']}; validation {percent(before)} with the frozen base, {percent(after)} after"
        )
    for warning in metrics["warnings"]:
        note(f"Warning: {warning}")
