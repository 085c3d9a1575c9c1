"""The part of a config about the control: the same network, trained from scratch."""

from __future__ import annotations

from pydantic import Field

from regraft.runs._section import Section
from regraft.transfer.scratch_settings import ScratchSettings, default_rates


class ControlConfig(Section):
    """How the control is trained; the test images of the run then say whether transfer helped.

    `epochs` left out are as many as the run has for its heads and for fine-tuning together: the same budget. Each of
    the `learning_rates` (left out: `default_rates`) is first tried for the share `trial` of these epochs, on top of
    the budget.
    """

    epochs: int | None = Field(default=None, ge=1)
    learning_rates: tuple[float, ...] | None = Field(default=None, min_length=1)
    trial: float = Field(default=0.2, gt=0, le=1)
    batch_size: int = Field(default=32, ge=1)

    def settings(self, budget: int, seed: int, *, batchnorm: bool) -> ScratchSettings:
        """The settings of the training.

        Args:
            budget: the epochs of the run.
            seed: that of the run.
            batchnorm: whether the network has BatchNorm.

        Raises:
            InputError: one of them is out of its range.
        """
        epochs = self.epochs or budget
        return ScratchSettings(
            epochs=epochs,
            learning_rates=self.learning_rates or default_rates(batchnorm),
            trial_epochs=max(1, round(self.trial * epochs)),
            batch_size=self.batch_size,
            seed=seed,
        )
