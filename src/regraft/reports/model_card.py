"""The model card: README.md of a run and of its exports, with the metadata that the Hugging Face Hub reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regraft._files import write_text
from regraft.reports import _facts as facts
from regraft.reports._card_measures import (
    classes_part,
    images_part,
    introduction_part,
    limits_part,
    measured_split,
    result_part,
)
from regraft.reports._card_usage import export_usages, format_title, usage
from regraft.reports._markdown import code, code_span, escaped, table, yaml_lines
from regraft.reports._words import THIN, count, listing, percent
from regraft.runs.folder import RunFolder

_HUB_SETS = {"mnist": "ylecun/mnist"}  # named sets that are on the Hub, image for image
_TAGS = {"onnx": "onnx", "openvino": "openvino", "litert": "tflite", "saved-model": "tf"}

Metrics = Mapping[str, Any]


def write_model_card(run: RunFolder, folder: Path, export: dict[str, Any] | None = None) -> Path:
    """Writes `README.md`: what the classifier does, how good it is and how that was measured, and how to use it.

    Its beginning is the metadata of the Hub's model cards, with the measured numbers as `model-index`
    (https://github.com/huggingface/hub-docs/blob/main/modelcard.md). The licence is the user's to choose: none is
    written, and one that stands in an earlier card there is kept.

    Args:
        run: measured on test (or, as a cell of a study, on validation only).
        folder: where it goes: the run's own folder, or that of its exports.
        export: the content of `export.json`, for the folder of the exports.

    Returns:
        The path of the card.

    Raises:
        InputError: the run is not that far, or the card cannot be written.
    """
    path = folder / "README.md"
    metrics = _for_others(run.metrics())
    exports = list((export or {}).get("exports", {}).values())
    name = str((export or {}).get("name") or _model_name(metrics))
    front = [*yaml_lines(_front_matter(run, metrics, name, exports)), *_licence_lines(path)]
    sections = [
        ("", introduction_part(metrics)),
        ("Result", result_part(run, metrics)),
        ("Classes", classes_part(run, metrics)),
        ("What goes in, what comes out", _interface(metrics, exports)),
        ("Use", _use(run, metrics, export is not None, exports)),
        *([("Files", _files(exports))] if exports else []),
        ("Training images", images_part(run, metrics)),
        ("Network", _network(run, metrics)),
        ("Limits", limits_part(run, metrics)),
        ("How it was made", _making(run, metrics)),
    ]
    title = f"# An image classifier for “{escaped(metrics['collection']['name'])}”"
    body = [f"## {heading}\n\n{text}" if heading else text for heading, text in sections]
    write_text(path, "\n".join(["---", *front, "---", "", "\n\n".join([title, *body]), ""]))
    return path


def _model_name(metrics: Metrics) -> str:
    backbone = metrics.get("backbone", {})
    parts = [metrics["collection"]["name"]]
    parts += [str(one.get("name", "")) for one in backbone.get("members") or [backbone]]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(filter(None, parts))).strip("-.")[:90] or "image-classifier"


def without_folders(text: str) -> str:
    """An argument without the folders of this machine, as a card is for others to read: `/home/ada/x` becomes `x`.

    Also after `--option=`, and where there are several with a plus between them.
    """
    if text.startswith("--") and "=" in text:
        option, value = text.split("=", 1)
        return f"{option}={without_folders(value)}"
    return "+".join(_last(part) if _ROOTED.match(part) else part for part in text.split("+"))


_ROOTED = re.compile(r"[/~\\]|\.\.?[/\\]|[A-Za-z]:[/\\]")


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _for_others(metrics: dict[str, Any]) -> dict[str, Any]:
    """The metrics with backbones that are saved models called by their file alone."""
    backbone = dict(metrics.get("backbone", {}))
    if "name" in backbone:
        backbone["name"] = without_folders(str(backbone["name"]))
    if members := backbone.get("members"):
        backbone["members"] = [one | {"name": without_folders(str(one["name"]))} for one in members]
    return metrics | {"backbone": backbone}


def _environment(run: RunFolder) -> dict[str, Any]:
    file = run.path / "environment.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _licence_lines(path: Path) -> list[str]:
    """What an earlier card at this place says of the licence, else a remark that one is to be chosen."""
    if path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
        if found := re.match(r"---\n(.*?\n)---\n", text, re.DOTALL):
            kept = [line for line in found[1].splitlines() if re.match(r"license(_name|_link)?: *\S", line)]
            if kept:
                return kept
    return ["# license: yours to choose, see https://huggingface.co/docs/hub/repositories-licenses"]


def _front_matter(run: RunFolder, metrics: Metrics, name: str, exports: Sequence[Metrics]) -> dict[str, Any]:
    split, measured = measured_split(metrics)
    low, high = measured["accuracy_interval"]
    source = run.config().images.source
    on_the_hub = _HUB_SETS.get(source)
    interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f} %, {count(measured['images'], 'image')}"
    result = {
        "task": {"type": "image-classification", "name": "Image Classification"},
        "dataset": {
            "type": on_the_hub or "imagefolder",
            "name": metrics["collection"]["name"],
            "split": split,
        },
        "metrics": [
            {
                "type": "accuracy",
                "value": round(measured["accuracy"], 6),
                "name": f"{split.capitalize()} accuracy ({interval})",
                "args": {"interval_low": round(low, 6), "interval_high": round(high, 6), "confidence": 0.95},
                "verified": False,
            },
            {
                "type": "f1",
                "value": round(measured["macro"]["f1"], 6),
                "name": f"{split.capitalize()} macro F1",
                "args": {"average": "macro"},
                "verified": False,
            },
        ],
    }
    tags = ["image-classification", "transfer-learning", "regraft"]
    tags += dict.fromkeys(_TAGS[one["format"]] for one in exports if one["format"] in _TAGS)
    front: dict[str, Any] = {"library_name": "keras", "pipeline_tag": "image-classification", "tags": tags}
    if on_the_hub:
        front["datasets"] = [on_the_hub]
    return front | {"metrics": ["accuracy", "f1"], "model-index": [{"name": name, "results": [result]}]}


def _size(metrics: Metrics) -> tuple[int, int]:
    """Height and width that the network reads, in pixels."""
    size = metrics["backbone"]["size"]
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _interface(metrics: Metrics, exports: Sequence[Metrics]) -> str:
    height, width = _size(metrics)
    anything = [format_title(str(one["format"])) for one in exports if one.get("any_size")]
    fixed = [format_title(str(one["format"])) for one in exports if not one.get("any_size")] if exports else ["Keras"]
    text = [
        "In: RGB pixels of 0 to 255 as they come out of a picture file (uint8, batch × height × width × 3), turned as "
        "its EXIF orientation says. Scaling to what the network wants happens inside. Nothing is cropped."
    ]
    if anything:
        text.append(f"Of any height and width, resized inside: {listing(list(dict.fromkeys(anything)))}.")
    if fixed:
        text.append(
            f"Of {height} × {width} pixels, to be resized before: {listing(list(dict.fromkeys(fixed)))}. "
            f"`regraft.read_image(path, ({height}, {width}))` does it as in training."
        )
    text.append(
        f"The way of resizing: the whole picture is squashed to {height} × {width} pixels. Where both sides are at "
        "least twice that, or one is at least three times, each is first shrunk by the whole factor it holds, a new "
        "pixel being the mean of those it covers (OpenCV’s `INTER_AREA`); the rest is bilinear interpolation between "
        "pixel centres (`INTER_LINEAR`)."
    )
    outcome = "a probability for each class, in the order of labels.txt, which is that of the table above"
    return "\n\n".join([*text, f"Out: {outcome} (float32, batch × classes)."])


def _use(run: RunFolder, metrics: Metrics, is_export: bool, exports: Sequence[Metrics]) -> str:
    size, columns = _size(metrics), _columns(run)
    if not is_export:
        own = code("pip install regraft\nregraft predict . photo.jpg", "sh")
        return f"{own}\n\nOr the same network in Keras:\n\n" + usage(
            "keras", "model.keras", size, any_size=False, columns=columns
        )
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in export_usages(exports, size, columns))


def _columns(run: RunFolder) -> int:
    """How many columns the run's own model gives: one for the sigmoid head of two classes."""
    sigmoid = run.config().head.activation == "sigmoid"
    return 1 if sigmoid and len(run.metrics()["collection"]["classes"]) == 2 else 2


def _files(exports: Sequence[Metrics]) -> str:
    tested = [one["test"] for one in exports if one.get("test")]
    rows = [
        (
            code_span(str(one["file"])),
            escaped(format_title(str(one["format"]))),
            str(one["precision"]),
            _megabytes(one.get("bytes")),
            _share(one.get("top1_agreement")),
            _difference(one.get("largest_difference")),
            percent(one.get("accuracy")),
            *((_share(_on_test(one, "top1_agreement")), percent(_on_test(one, "accuracy"))) if tested else ()),
        )
        for one in exports
    ]
    header = ["file", "for", "precision", "MB", "same answer", "largest difference", "validation accuracy"]
    if tested:
        header += ["same answer on test", "test accuracy"]
    text = "labels.txt has the class names, one a line; export.json all facts and measurements."
    if checked := [one for one in exports if one.get("images")]:
        text += (
            f" Each file was opened again in its own runtime and compared with the run on {checked[0]['images']:,} "
            "validation images: how often the likeliest class is the same, the largest difference of any probability, "
            f"and the accuracy; the run’s own there is {percent(checked[0].get('run_accuracy'))}. The final head may "
            "have been trained on these images, too: the column compares the files, it does not say how good they are."
        )
    if tested:
        text += (
            f" How good each file is, its test accuracy says, on {count(tested[0]['images'], 'test image')} that took "
            f"no part in making it; the run’s own network, in f32, reaches {percent(tested[0]['run_accuracy'])}. "
            "Nothing was chosen by it."
        )
    return f"{text}\n\n{table(header, rows, 'lllrrrr' + 'rr' * bool(tested))}"


def _on_test(export: Metrics, name: str) -> float | None:
    """A measure of one file on the test images; None where there is none."""
    return (export.get("test") or {}).get(name)


def _megabytes(size: int | None) -> str:
    return "–" if size is None else f"{size / 1e6:.1f}"


def _share(share: float | None) -> str:
    return f"100{THIN}%" if share == 1 else percent(share)


def _difference(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}" if 0 < value < 0.001 else f"{value:.3f}"


def _network(run: RunFolder, metrics: Metrics) -> str:
    backbone = metrics["backbone"]
    height, width = _size(metrics)
    rows = [
        (
            escaped(str(one["name"])),
            escaped(str(one.get("weights_origin") or "–")),
            code_span(str(one["weights_sha256"])[:16]) if one.get("weights_sha256") else "–",
            escaped(str(one.get("licence") or "–")),
            f"{one['features']:,}" if one.get("features") else "–",
        )
        for one in backbone.get("members") or [backbone]
    ]
    header = ("backbone", "weights from", "SHA-256 of the weights", "licence of the weights", "features")
    what = [
        escaped(f"{fact.title}: {fact.value}" + (f", {fact.detail}" if fact.detail else ""))
        for fact in facts.key_facts(metrics)
        if fact.title in ("Chosen head", "Chosen setting", "Fine-tuning")
    ]
    frozen = "fine-tuned" if "finetune" in metrics else "frozen: only the head was trained"
    text = f"A pretrained network, read at {height} × {width} pixels, {frozen}."
    return "\n\n".join([text, table(header, rows, "llllr"), *(f"{line}." for line in what)])


def _making(run: RunFolder, metrics: Metrics) -> str:
    environment = _environment(run)
    parts = []
    if command := facts.command_line({"command": [without_folders(part) for part in environment.get("command", [])]}):
        parts += [
            "With the same images, versions and machine this command gives the same numbers:",
            code(command, "sh"),
        ]
    made = [f"Seed {run.config().seed}."]
    if when := facts.when(environment):
        made.append(f"Trained {when}.")
    versions = {"Python": environment.get("python"), **environment.get("packages", {})}
    if packages := ", ".join(f"{name} {version}" for name, version in versions.items() if version):
        made.append(f"Versions: {packages}.")
    return "\n\n".join([*parts, escaped(" ".join(made))])
