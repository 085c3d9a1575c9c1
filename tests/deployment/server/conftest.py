from __future__ import annotations

from collections.abc import Iterator

import pytest
from served_models import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An application with two models, `colours` and `again`, that take a picture for the colour it shows."""
    made = served(tmp_path_factory.mktemp("run"), ["colours", "again"], max_body=200_000, max_pixels=1_000_000)
    yield made
    made.models.close()
