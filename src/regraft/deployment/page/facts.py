"""What the page says of a model before it has seen a picture."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from regraft.deployment.page.calibration import bands, expected_error
from regraft.errors import InputError
from regraft.reports._words import shown
from regraft.runs.prediction import Predictor


def model_facts(predictor: Predictor) -> dict[str, Any]:
    """Classes, accuracy and calibration of a run, as plain JSON; what the run does not know is None."""
    return {
        "classes": [shown(name) for name in predictor.classes],
        "backbone": shown(predictor.head.backbone),
        "size": list(predictor.head.size),
        "test": _accuracy(predictor),
        "calibration": _calibration(predictor),
    }


def _accuracy(predictor: Predictor) -> dict[str, Any] | None:
    with suppress(InputError, KeyError):
        test = predictor.run.metrics()["test"]
        return {"images": test["images"], "accuracy": test["accuracy"], "interval": test["accuracy_interval"]}
    return None


def _calibration(predictor: Predictor) -> dict[str, Any] | None:
    """How often answers were right on the test images, by their confidence."""
    with suppress(InputError, KeyError):
        table = predictor.run.table("predictions").select(["split", "label", "predicted", "probability"])
        tested = np.array(table["split"].to_pylist()) == "test"
        if tested.any():
            confidence = table["probability"].to_numpy()[tested].astype(np.float64)
            pairs = zip(table["label"].to_pylist(), table["predicted"].to_pylist(), strict=True)
            right = np.array([label == predicted for label, predicted in pairs])[tested]
            return {
                "images": int(tested.sum()),
                "error": expected_error(confidence, right),
                "bands": [asdict(band) for band in bands(confidence, right)],
            }
    return None
