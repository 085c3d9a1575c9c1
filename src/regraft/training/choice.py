"""Which head is kept: chosen on validation, then trained again on everything but test.

The procedure of `regraft train`: train the grid on train; choose setting and epoch by validation loss (`choose`);
train that setting on train and validation together for that many epochs (`refit`); measure test once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regraft.errors import InputError
from regraft.training.heads import TrainedHeads
from regraft.training.settings import HeadSettings


def choose(trained: TrainedHeads) -> int:
    """The index of the head to keep: of the setting with the lowest validation loss at its best epoch.

    Where a setting was trained with several seeds, the mean over its seeds decides, and its first head stands for it:
    seeds are repetitions, and the luckiest of them is no better than the others. Of equal settings the first wins. A
    setting of which any head diverged is never chosen.

    Raises:
        InputError: there was no validation, or every setting diverged.
    """
    if np.isnan(trained.val_loss).all() and not trained.diverged.all():
        raise InputError(
            "No head can be chosen: they were trained without validation.", expected="validation features and labels"
        )
    losses: dict[HeadSettings, list[float]] = {}
    first: dict[HeadSettings, int] = {}
    for head, settings in enumerate(trained.settings):
        key = settings.without_seed()
        first.setdefault(key, head)
        loss = np.inf if trained.diverged[head] else float(trained.val_loss[head].min())
        losses.setdefault(key, []).append(loss)
    best = min(losses, key=lambda key: float(np.mean(losses[key])))
    if not np.isfinite(losses[best]).all():
        raise InputError(
            "Every setting diverged: the losses grew beyond all numbers.",
            received=f"learning rates from {min(s.learning_rate for s in trained.settings):g} to "
            f"{max(s.learning_rate for s in trained.settings):g}",
            hint="try smaller learning rates",
        )
    return first[best]


def refit(trained: TrainedHeads, head: int, fit: Callable[..., TrainedHeads]) -> TrainedHeads:
    """Trains one head's setting again, on train and validation together, for the number of epochs that was best.

    Every image is seen as often as in the run that was chosen, so with more images there are more updates in all.
    Nothing is measured and nothing is chosen here.

    Args:
        trained: what `train_heads` gave.
        head: what `choose` gave.
        fit: trains heads on train and validation together with the `classes`, `activation`, `batch_size`, `order_seed`
            and `scale` of `trained`; called once, as `fit(settings=[...], epochs=...)`.

    Returns:
        One trained head (K = 1).

    Raises:
        InputError: the head has no best epoch, or training it on all images diverged.
    """
    settings = trained.settings[head]
    epochs = int(trained.best_epoch[head])
    if not epochs:
        raise InputError(
            f"The head with {settings.label} has no best epoch: its losses were never finite.",
            hint="choose another head, or try smaller learning rates",
        )
    again = fit(settings=[settings], epochs=epochs)
    if again.diverged[0]:
        raise InputError(
            f"Training {settings.label} again on train and validation diverged.", hint="try smaller learning rates"
        )
    return again
