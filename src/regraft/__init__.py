"""regraft: a folder of labelled images becomes an honestly measured classifier, by transfer learning, in seconds."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regraft.api import compare, evaluate, find_learning_rate, finetune, predict, train
    from regraft.backbones.cuts import cut
    from regraft.delivery_api import export
    from regraft.errors import InputError, RegraftError
    from regraft.images.opening import open_images
    from regraft.images.reading import read_image
    from regraft.runs.folder import RunFolder
    from regraft.search_api import search
    from regraft.studies.folder import StudyFolder
    from regraft.study_api import study
    from regraft.transfer_api import adapt, classify, rank

__version__ = "0.1.0"

# OpenVINO and NNCF report their use over the network when they are imported, unless this package is absent: to them it
# now is. Offline is the usual state here, and nobody's use is reported.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__all__ = [
    "InputError",
    "RegraftError",
    "RunFolder",
    "StudyFolder",
    "adapt",
    "classify",
    "compare",
    "cut",
    "evaluate",
    "export",
    "find_learning_rate",
    "finetune",
    "open_images",
    "predict",
    "rank",
    "read_image",
    "search",
    "study",
    "train",
]

_HOMES = {
    "InputError": "regraft.errors",
    "RegraftError": "regraft.errors",
    "RunFolder": "regraft.runs.folder",
    "StudyFolder": "regraft.studies.folder",
    "adapt": "regraft.transfer_api",
    "classify": "regraft.transfer_api",
    "compare": "regraft.api",
    "cut": "regraft.backbones.cuts",
    "evaluate": "regraft.api",
    "export": "regraft.delivery_api",
    "find_learning_rate": "regraft.api",
    "finetune": "regraft.api",
    "open_images": "regraft.images.opening",
    "predict": "regraft.api",
    "rank": "regraft.transfer_api",
    "read_image": "regraft.images.reading",
    "search": "regraft.search_api",
    "study": "regraft.study_api",
    "train": "regraft.api",
}


def __getattr__(name: str) -> Any:
    # Imported at first use, so that `import regraft` and `regraft --help` answer at once.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'regraft' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
