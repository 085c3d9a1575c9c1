"""`regraft demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regraft.cli._output import percent, say
from regraft.cli.train import show_numbers


def demo(
    output: Annotated[Path | None, typer.Option(help="A new or empty folder. Default: a new one in runs/.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Show transfer learning on embedded data: a network trained on the digits 0-5 serves 6-9. No download."""
    from regraft.api import run_config
    from regraft.runs.config import make_config
    from regraft.runs.folder import create_run_folder
    from regraft.studies.demo import SOURCE_CLASSES, TARGET_CLASSES, train_source

    folder = create_run_folder(output, Path("runs") / "demo").path
    say(f"Source task: a small network learns the digits {SOURCE_CLASSES[0]} to {SOURCE_CLASSES[-1]} from scratch.")
    source = train_source(folder / "source.keras", seed)
    say(f"  {source.images} images; {percent(source.test_accuracy)} right on {source.test_images} it has not seen.")
    say(f"Target task: its frozen layers serve as the backbone for {TARGET_CLASSES[0]} to {TARGET_CLASSES[-1]}.")
    config = make_config(
        {
            "seed": seed,
            "images": {"source": "digits", "classes": TARGET_CLASSES},
            "backbone": {"name": str(source.path)},
        }
    )
    run = run_config(config, folder / "target", on_measured=show_numbers)
    say(f"Report     {run.report}")
