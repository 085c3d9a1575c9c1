"""The command `regraft`: its subcommands, and how errors become messages and exit codes."""

from __future__ import annotations

import os
import sys

import typer

from regraft.cli import (
    adapt,
    backbones,
    cache,
    classify,
    compare,
    demo,
    evaluate,
    export,
    finetune,
    predict,
    rank,
    report,
    search,
    serve,
    study,
    train,
)
from regraft.cli._output import READER_GONE, drop_stdout, note, unwritable_stdout
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
app.command("finetune")(finetune.finetune)
app.command("lr-find")(finetune.find_rate)
app.command("predict")(predict.predict)
app.command("evaluate")(evaluate.evaluate)
app.command("study")(study.study)
app.command("search")(search.search)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("serve")(serve.serve)
app.command("classify")(classify.classify)
app.command("rank")(rank.rank)
app.command("adapt")(adapt.adapt)
app.command("backbones")(backbones.backbones)
app.command("cache")(cache.cache)
app.command("demo")(demo.demo)

_STOPPED = 130
_STOPPED_TEXT = (
    "regraft: stopped. Finished work is kept; `regraft train --resume RUN` goes on with an unfinished run, "
    "`regraft study --resume STUDY` with a study, `regraft search --resume SEARCH` with a search."
)
_OUR_FAULT = "This is a fault of regraft; please report it with the traceback that REGRAFT_DEBUG=1 shows."


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
    """Runs the command line.

    Exit 0: done; 1: a fault of ours; 2: bad usage or input; 130: stopped by Ctrl-C; 141: nobody reads stdout any more.
    """
    try:
        app()
    except RegraftError as error:
        note(f"regraft: {error}")
        sys.exit(error.exit_code)
    except SystemExit as stop:
        if stop.code == _STOPPED:  # what Typer makes of Ctrl-C
            note(_STOPPED_TEXT)
        raise
    except KeyboardInterrupt:  # outside Typer's reach
        note(_STOPPED_TEXT)
        sys.exit(_STOPPED)
    except BrokenPipeError:
        drop_stdout()
        sys.exit(READER_GONE)
    except Exception as error:
        told = unwritable_stdout(error) if isinstance(error, OSError) and error.filename is None else error
        if isinstance(told, RegraftError):
            note(f"regraft: {told}")
            sys.exit(told.exit_code)
        if os.environ.get("REGRAFT_DEBUG"):
            raise
        note(f"regraft: unexpected error: {_one_line(error)}\n{_OUR_FAULT}")
        sys.exit(1)


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


if __name__ == "__main__":
    main()
