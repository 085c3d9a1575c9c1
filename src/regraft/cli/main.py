"""The command `regraft`: its subcommands, and how errors become messages and exit codes."""

from __future__ import annotations

import sys

import typer

from regraft.cli import backbones, cache, demo, evaluate, predict, train
from regraft.errors import RegraftError

app = typer.Typer(
    name="regraft",
    help="A folder of labelled images becomes an honestly measured classifier, by transfer learning, in seconds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("train")(train.train)
app.command("predict")(predict.predict)
app.command("evaluate")(evaluate.evaluate)
app.command("backbones")(backbones.backbones)
app.command("cache")(cache.cache)
app.command("demo")(demo.demo)

_STOPPED = 130


def _version(wanted: bool) -> None:
    if wanted:
        from regraft import __version__

        typer.echo(f"regraft {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    pass


def main() -> None:
    """Runs the command line. Exit 0: done; 1: a fault of ours; 2: bad usage or input; 130: stopped by Ctrl-C."""
    try:
        app()
    except RegraftError as error:
        typer.echo(f"regraft: {error}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as stop:
        if stop.code == _STOPPED:  # what Typer makes of Ctrl-C
            typer.echo("regraft: stopped. Finished work is kept: the same command goes on from there.", err=True)
        raise


if __name__ == "__main__":
    main()
