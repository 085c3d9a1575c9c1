"""From Python: a run handed over to others. Each function does what the command of its name does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regraft.runs.folder import RunFolder

if TYPE_CHECKING:
    from regraft.deployment.exporting import ExportResult


def export(
    run: str | Path,
    formats: str | Sequence[str] = ("onnx",),
    *,
    precision: str = "f32",
    output: str | Path | None = None,
    images: str | Path | None = None,
    benchmark: bool = False,
    tell: Callable[[str], object] | None = None,
) -> ExportResult:
    """Exports a run: uint8 RGB images in, class probabilities out, the preprocessing and the labels inside the file.

    Each export is opened again in its own runtime and compared with the run on its whole validation split; one that
    does not agree is not kept.

    Args:
        run: a finished run folder.
        formats: of `onnx`, `openvino`, `litert`, `saved-model` and `keras`; `all` for all that have the precision.
        precision: `f32`, `f16` (the weights), or `int8`, calibrated on training images.
        output: the folder; `RUN/export` where None. Earlier exports of the same run stay in it.
        images: where the run's images are now, if they are no longer where they were.
        benchmark: also measure how fast each answers, beside the run itself.
        tell: told what else there is to know.

    Returns:
        `.folder`, and `.exports`: for each its `file`, `bytes`, `top1_agreement`, `largest_difference`, `accuracy` …

    Raises:
        InputError: says what was expected, what was received and what to do.
        RegraftError: an export does not agree with the run.
    """
    from regraft.deployment.exporting import export_run

    return export_run(
        RunFolder(run),
        [formats] if isinstance(formats, str) else list(formats),
        precision=precision,
        output=Path(output) if output is not None else None,
        images=Path(images) if images is not None else None,
        measure_speed=benchmark,
        tell=tell,
    )
