"""`regraft export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regraft.cli._output import note, percent, say, say_json, shown
from regraft.errors import InputError

if TYPE_CHECKING:
    from regraft.deployment.exporting import ExportResult


def export(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="onnx, openvino, litert, saved-model, keras or all; several: A,B or repeated."),
    ] = None,
    precision: Annotated[str, typer.Option(help="f32, f16 (weights), or int8, calibrated on training images.")] = "f32",
    output: Annotated[Path | None, typer.Option(help="The folder for it all. Default: RUN/export.")] = None,
    images: Annotated[Path | None, typer.Option(help="Where the run's images are now, if they were moved.")] = None,
    benchmark: Annotated[bool, typer.Option("--benchmark", help="Measure how fast each answers.")] = False,
    push_to_hub: Annotated[
        str | None, typer.Option(metavar="REPO", help="Upload the folder to the Hugging Face Hub, as NAME or ORG/NAME.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository on the Hub public.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be uploaded.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write a run in formats that other programs run, checked against the run on its whole validation split."""
    from regraft.delivery_api import export as export_run

    if push_to_hub is not None:
        from regraft.deployment.hub import check_repo

        check_repo(push_to_hub)
    elif public or dry_run:
        raise InputError(
            f"{'--dry-run' if dry_run else '--public'} is about an upload.",
            expected="--push-to-hub REPO with it",
            received="no --push-to-hub",
        )
    names = [name.strip() for text in formats or ["onnx"] for name in text.split(",") if name.strip()]
    done = export_run(run, names, precision=precision, output=output, images=images, benchmark=benchmark, tell=note)
    pushed = _push(done.folder, push_to_hub, public, dry_run) if push_to_hub is not None else None
    if json:
        say_json(
            {
                "run": str(run),
                "folder": str(done.folder),
                "exports": done.exports,
                "run_benchmark": done.run_benchmark,
                "written": [str(path) for path in done.written],
                "pushed": pushed,
            }
        )
        return
    _show(done)
    say(f"Folder  {shown(done.folder)}")
    if pushed is not None:
        where = pushed["url"] or f"{pushed['repo']} (a dry run: nothing was sent)"
        files = "1 file" if len(pushed["files"]) == 1 else f"{len(pushed['files'])} files"
        say(f"Hub     {files}, {pushed['bytes'] / 1e6:.1f} MB: {shown(where)}")


def _show(done: ExportResult) -> None:
    """A line for each export, and what cannot be said in it."""
    width = max(len(one["file"]) for one in done.exports)
    say(f"{'file':<{width}}  {'size':>9}  {'split':<10}  same class  largest difference  accuracy (run's)")
    for one in done.exports:
        beginning = f"{one['file']:<{width}}  {one['bytes'] / 1e6:>6.1f} MB"
        for split, found in (("validation", one), ("test", one["test"])):
            if found:
                say(
                    f"{beginning}  {split:<10}  {percent(found['top1_agreement']):>10}  "
                    f"{found['largest_difference']:>18.1e}  "
                    f"{percent(found['accuracy'])} ({percent(found['run_accuracy'])})"
                )
            beginning = " " * len(beginning)
    first = done.exports[0]
    say()
    say(
        f"Compared on {first['images']:,} validation images with the run in f32. They took part in training or in the "
        "choice: accuracy on them compares, and does not measure. What the run answered before its last training is "
        f"the same for {percent(first['recorded_agreement'])}."
    )
    say(_on_test(first))
    for one in done.exports:
        if one["whole_images"]:
            say(
                f"{one['file']} takes any size: {one['whole_images']} images at their original size, resized inside, "
                f"differ by at most {one['whole_difference']:.1e}."
            )
        if one["differing"]:
            note(f"{one['file']} gives another class to {', '.join(map(shown, one['differing']))}.")
    if done.run_benchmark is not None:
        _show_speed(done)


def _on_test(export: dict[str, Any]) -> str:
    """In words what the accuracy on test is worth, or why there is none."""
    gone = f"{export['test_gone']:,} of the run's test images are gone. " if export["test_gone"] else ""
    if export["test"] is None:
        return gone + "Nothing was compared on test images."
    return (
        f"{gone}Compared on {export['test']['images']:,} test images: how good each file is on images it has not "
        "seen. Nothing is chosen by it."
    )


def _show_speed(done: ExportResult) -> None:
    rows: list[tuple[str, dict[str, Any]]] = [("the run itself", done.run_benchmark or {})]
    rows += [(one["file"], one["benchmark"]) for one in done.exports]
    width = max(len(name) for name, _ in rows)
    say()
    cores = f"{rows[0][1]['cores']} cores"
    say(f"{cores:<{width}}  ms an image  images/s in batches of 8  times the run's speed")
    for name, speed in rows:
        say(
            f"{name:<{width}}  {speed['ms_an_image']:>11.1f}  {speed['images_a_second']:>24.0f}  "
            f"{speed['speed_one']:.2f}, {speed['speed_batch']:.2f}"
        )


def _push(folder: Path, repo: str, public: bool, dry_run: bool) -> dict[str, Any]:
    from regraft.deployment.hub import push

    plan = push(folder, repo, private=not public, dry_run=dry_run)
    for warning in plan.warnings:
        note(warning)
    return {
        "repo": plan.repo,
        "private": plan.private,
        "url": plan.url,
        "files": [name for name, _ in plan.files],
        "bytes": plan.size,
    }
