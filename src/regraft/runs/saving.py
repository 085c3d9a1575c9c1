"""The run's model on disk: N∘F as one Keras model, compared with the run before it is saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import open_base
from regraft.errors import RegraftError
from regraft.features.precision import chosen_precision
from regraft.images.reading import read_image
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.runs.finetuning import FinetunedRun
from regraft.runs.folder import RunFolder
from regraft.runs.head import SavedHead
from regraft.runs.prediction import Predictor
from regraft.training.finetuning import top_probabilities
from regraft.training.joining import join, save_model
from regraft.training.weights import HeadWeights

_CHECKED = 16  # images the saved model is compared on
# Of a probability, where both compute in f32, and where either may use bf16; a wrong preprocessing or class order gives
# differences near 1.
_TOLERANCE_F32, _TOLERANCE_BF16 = 0.01, 0.2


def save_joined(run: RunFolder, data: RunData) -> dict[str, Any]:
    """Joins the run's head to its base and saves the model, if its answers are those of the run.

    Returns:
        What `metrics.json` says of it.

    Raises:
        RegraftError: they differ by more than the precision explains. Nothing is saved then.
    """
    head = run.head()
    model = join(data.base, head.weights, head.activation, dropout=head.dropout)
    rows = data.rows("test")[:_CHECKED]
    pixels = _pixels(data, rows)
    difference = _difference(_answers(model, pixels), head.weights.probabilities(data.features[rows]))
    _check(difference, _exact(data), "joined model")
    save_model(model, run.model)
    return {"images_compared": len(rows), "median_difference": difference}


def save_finetuned(run: RunFolder, data: RunData, config: TrainConfig, tuned: FinetunedRun) -> dict[str, Any]:
    """Saves a fine-tuned network and its last layer by itself, if their answers are those of the run.

    What predicts is the saved model's graph in OpenVINO with the last layer; both are compared here.

    Returns:
        What `metrics.json` says of it.

    Raises:
        RegraftError: they differ by more than the precision explains.
    """
    count = min(_CHECKED, len(data.rows("test")))
    expected = top_probabilities(tuned.top, tuned.tested, np.arange(count))
    pixels = _pixels(data, data.rows("test")[:count])
    whole = _difference(_answers(tuned.top.whole, pixels), expected)
    _check(whole, _exact(data), "fine-tuned model")
    save_model(tuned.top.whole, run.model)
    base = open_base(str(run.model))
    kernel, bias = (np.asarray(array, np.float32) for array in tuned.top.whole.layers[-1].get_weights())
    run.write_head(
        SavedHead(
            HeadWeights(((kernel, bias),)),
            config.head.activation,
            data.base.spelling,
            base.identity,
            (base.height, base.width),
            chosen_precision("openvino", config.backbone.precision, base),
        )
    )
    predictor = Predictor(run)
    served = _difference(predictor.plain_probabilities(pixels), expected)
    _check(served, predictor.head.precision == "f32" and data.precision == "f32", "graph of the saved model")
    return {"images_compared": count, "median_difference": whole, "median_difference_served": served}


def _pixels(data: RunData, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    size = (data.base.height, data.base.width)
    return np.stack([read_image(image.source, size) for image in data.chosen(rows)])


def _answers(model: Any, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return np.asarray(model.predict_on_batch(pixels), np.float32)


def _difference(answers: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    """The median over the images of the largest difference: one on the border of two classes may differ by more."""
    return float(np.median(np.abs(answers - expected[:, -answers.shape[1] :]).max(axis=1)))


def _exact(data: RunData) -> bool:
    """Whether both sides compute in f32; Keras' openvino backend uses bf16 where the processor has it."""
    import keras

    return data.precision == "f32" and keras.backend.backend() != "openvino"


def _check(difference: float, exact: bool, what: str) -> None:
    tolerance = _TOLERANCE_F32 if exact else _TOLERANCE_BF16
    if not difference <= tolerance:
        raise RegraftError(
            f"The {what} does not agree with the run: probabilities differ by {difference:.3f} "
            f"(at most {tolerance} was expected). This is a fault of regraft: please report it."
        )
