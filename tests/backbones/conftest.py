from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from random_networks import save_random_weights

from regraft.backbones.names import parse_backbone


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives a file with weights for a network of Keras, made up once a session and saved by Keras itself."""
    folder = tmp_path_factory.mktemp("random-weights")

    def make(spelling: str) -> Path:
        path = folder / f"{spelling}.weights.h5"
        if not path.exists():
            save_random_weights(parse_backbone(spelling), path)
        return path

    return make
