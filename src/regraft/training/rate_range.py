"""The learning-rate range test: which rates teach the top anything, before it is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.training._order import EpochOrder, Sampling
from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.finetuning import Top, trainer_for
from regraft.training.top_inputs import Rows, TopInputs

_SMOOTHING = 0.9  # of the moving average of the losses
_BLOWN_UP = 4.0  # times the lowest loss: the test ends there, if that is worse than guessing
_SAFETY = 10.0  # the rate at the lowest loss is already near the edge
_ROUNDING = 1e-6  # of the first loss: by less it has not been lowered


@dataclass(frozen=True, eq=False)
class RateRange:
    """How the loss went while the learning rate rose.

    Attributes:
        rates: (S,), one for each step until the loss blew up or the highest rate was reached.
        losses: (S,), of the batches, each before its update.
        smoothed: (S,), their exponential moving average, corrected for its start.
        suggested: a rate to try: a tenth of that of the lowest smoothed loss; None where no rate lowered the loss.
    """

    rates: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    smoothed: npt.NDArray[np.float64]
    suggested: float | None


def rate_range(
    top: Top,
    inputs: TopInputs,
    labels: npt.NDArray[np.int64],
    settings: FinetuneSettings,
    *,
    rows: Rows,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    class_weight: npt.NDArray[np.float32] | None = None,
    sampling: Sampling = "plain",
    progress: Callable[[float], None] | None = None,
) -> RateRange:
    """Trains with a learning rate that rises exponentially from step to step; the top is left as it was.

    It ends where the moving average of the loss is four times its lowest and worse than guessing, or a loss is no
    finite number.

    Args:
        top, inputs, labels, settings, rows, class_weight, sampling: as for `finetune`; the schedule of the settings
            plays no part.
        lowest, highest: the rates of the first and of the last step.
        steps: how many updates.
        progress: called with 1 after each step.

    Raises:
        InputError: the rates or the number of steps cannot be used.

    Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3; the exponential rise and
    the smoothing as in fastai's finder; the suggestion is its "a tenth of the minimum".
    """
    check_range(lowest, highest, steps)
    before = [layer.trainable for layer in top.whole.layers]
    trainer = trainer_for(top, settings)
    order = EpochOrder(labels[rows], settings.seed, sampling, inputs.views)
    guessing = math.log(max(2, top.model.output_shape[-1]))
    rates = np.geomspace(lowest, highest, steps)
    losses: list[float] = []
    smoothed: list[float] = []
    average, epoch = 0.0, 0
    images, views = rows[:0], rows[:0]
    for step, rate in enumerate(rates):
        if len(images) < min(settings.batch_size, len(rows)):
            epoch += 1
            chosen, views = order.next_epoch()
            images = rows[chosen]
        batch = slice(settings.batch_size)
        drawn = inputs.drawn(images[batch], views[batch], epoch)
        loss = trainer.step(drawn, labels[images[batch]], float(rate), class_weight)
        images, views = images[settings.batch_size :], views[settings.batch_size :]
        losses.append(loss)
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        smoothed.append(average / (1 - _SMOOTHING ** (step + 1)))
        if progress is not None:
            progress(1)
        # The head was trained before, so the first losses may be tiny: four times one of those is no sign of anything.
        if not math.isfinite(loss) or smoothed[-1] > max(_BLOWN_UP * min(smoothed), guessing):
            break
    for layer, trainable in zip(top.whole.layers, before, strict=True):
        layer.trainable = trainable
    found = np.array(smoothed)
    best = int(np.argmin(np.where(np.isfinite(found), found, np.inf)))
    useful = found[best] < found[0] * (1 - _ROUNDING)
    return RateRange(rates[: len(losses)], np.array(losses), found, float(rates[best] / _SAFETY) if useful else None)


def check_range(lowest: float, highest: float, steps: int) -> None:
    """Refuses rates that cannot be tried.

    Raises:
        InputError: they do not rise from above 0 to a finite number, or there are too few steps.
    """
    if not (0 < lowest < highest and math.isfinite(highest)) or steps < 10:
        raise InputError(
            "The range of learning rates cannot be used.",
            expected="0 < lowest < highest, and at least 10 steps",
            received=f"{lowest:g} to {highest:g} in {steps} steps",
        )
