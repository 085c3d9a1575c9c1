"""What a run tells about itself in the files it is exported to."""

from __future__ import annotations

import re
import unicodedata
from importlib.metadata import version

from regraft.deployment.export_format import ExportFacts
from regraft.runs.prediction import Predictor


def facts_of(predictor: Predictor) -> ExportFacts:
    """The facts of a run: classes, size, a name made from its folder's, what it was trained on, its accuracy.

    The accuracy is that on test, or on validation for a run that has not been tested; the metadata says which.
    """
    run = predictor.run
    metrics = run.metrics()
    name = model_name(run.path.resolve().name)
    collection, backbone = metrics["collection"]["name"], metrics["backbone"]["name"]
    split = "test" if metrics.get("test") else "validation"
    measured = metrics[split]
    height, width = predictor.head.size
    return ExportFacts(
        classes=list(predictor.classes),
        size=(height, width),
        name=name,
        description=f"Image classifier of {len(predictor.classes)} classes, {backbone} trained on {collection}",
        metadata={
            "regraft_version": version("regraft"),
            "backbone": backbone,
            "collection": collection,
            "input_height": str(height),
            "input_width": str(width),
            f"{split}_accuracy": f"{measured['accuracy']:.4f}",
            f"{split}_images": str(measured["images"]),
            "licence_of_weights": str(metrics["backbone"].get("licence", "")),
        },
    )


def model_name(text: str) -> str:
    """A name of the signs `[a-z0-9-]` from any text; `model` where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "model"
