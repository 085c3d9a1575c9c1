"""The settings of training from scratch."""

from __future__ import annotations

from dataclasses import dataclass

from regraft.errors import InputError
from regraft.training.finetune_settings import FinetuneSettings

_RATES = (3e-4, 1e-3, 3e-3)
# Without BatchNorm a network as deep as VGG19 does not learn at the usual rate.
_RATES_WITHOUT_BATCHNORM = (1e-4, 3e-4, 1e-3)


@dataclass(frozen=True)
class ScratchSettings:
    """How a network is trained from scratch: by Adam, with a cosine schedule, BatchNorm in training mode.

    Attributes:
        epochs: of the whole training, at least 1.
        learning_rates: if more than one, each is tried for `trial_epochs`, and the one with the lowest validation loss
            is trained with from the start for all epochs.
        trial_epochs: for each rate that is tried, at least 1.
        batch_size: images per update.
        patience: ends the whole training after so many epochs without a lower validation loss; None for never.
        seed: of the initial weights, the order of the images, the views and dropout.

    Raises:
        InputError: one of them is out of its range.
    """

    epochs: int
    learning_rates: tuple[float, ...]
    trial_epochs: int
    batch_size: int = 32
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.learning_rates:
            raise InputError("Training from scratch needs a learning rate.", received="none")
        for rate in self.learning_rates:
            self.of(rate, self.epochs)
            self.of(rate, self.trial_epochs)

    @property
    def tries(self) -> bool:
        """Whether there is a rate to choose."""
        return len(self.learning_rates) > 1

    @property
    def all_epochs(self) -> int:
        """Of all trainings together, the trials included."""
        return self.epochs + self.tries * len(self.learning_rates) * self.trial_epochs

    def of(self, rate: float, epochs: int) -> FinetuneSettings:
        """The settings of one training."""
        return FinetuneSettings(
            epochs=epochs,
            learning_rate=rate,
            weight_decay=0.0,
            batch_size=self.batch_size,
            batchnorm="train",
            optimizer="adam",
            patience=self.patience,
            seed=self.seed,
        )


def default_rates(batchnorm: bool) -> tuple[float, ...]:
    """The learning rates worth a trial, for Adam, for a network with or without BatchNorm."""
    return _RATES if batchnorm else _RATES_WITHOUT_BATCHNORM
