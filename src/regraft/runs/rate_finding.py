"""The learning-rate range test for the fine-tuning of a run, which is only read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regraft._progress import progress
from regraft.runs.config import TrainConfig
from regraft.runs.data import find_base, load_data
from regraft.runs.folder import RunFolder
from regraft.runs.pipeline import train_run_heads
from regraft.runs.same_images import same_images
from regraft.runs.top_data import card_of, prepare_cut, top_data
from regraft.training.finetuning import build_top
from regraft.training.heads import balanced_class_weight
from regraft.training.rate_range import RateRange, check_range, rate_range


def find_rate(
    run: RunFolder,
    config: TrainConfig,
    *,
    lowest: float,
    highest: float,
    steps: int,
    tell: Callable[[str], object] | None = None,
) -> RateRange:
    """Tries learning rates on the training images of a run, on the top as its fine-tuning would begin with it.

    Args:
        run: finished; only read.
        config: its own with a section `finetune`.
        lowest, highest, steps: as for `rate_range`.
        tell: told how much room the activations take.

    Raises:
        InputError: the images have changed, the cut or the rates cannot be used.
    """
    assert config.finetune is not None
    check_range(lowest, highest, steps)
    base = find_base(config.backbone)
    parts = prepare_cut(base, config)
    data = load_data(same_images(config, run), base, config)
    trained, chosen, _ = train_run_heads(data, config)
    inputs = top_data(data, config, parts, tell)
    setting = trained.settings[chosen]
    top = build_top(
        parts,
        trained.best_weights[chosen],
        config.head.activation,
        card=card_of(base),
        dropout=setting.dropout,
        seed=config.seed,
    )
    rows, labels = np.flatnonzero(data.splits[inputs.rows] == "train"), data.labels[inputs.rows]
    balanced = config.head.class_weight == "balanced"
    with progress("Learning rates", steps, "steps") as advance:
        return rate_range(
            top,
            inputs.learned,
            labels,
            config.finetune.settings(config.seed),
            rows=rows,
            class_weight=balanced_class_weight(labels[rows], len(data.classes)) if balanced else None,
            sampling=config.head.sampling,
            lowest=lowest,
            highest=highest,
            steps=steps,
            progress=advance,
        )
