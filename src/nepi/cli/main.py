"""The command `nepi`: its subcommands, and what becomes of errors. A subcommand imports what it needs when it runs, for a quick start."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import nepi
from nepi.cli import attach, collecting, compare, doctor, enter, files, give_back, lab, logs, plan, plot, ps, run, runs, trace, types, why
from nepi.cli.console import complain, say, status_of


class Commands(TyperGroup):
    """Turns what a subcommand raises into one message and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run a subcommand."""
        from nepi.errors import NepiError

        try:
            return super().invoke(ctx)
        except NepiError as error:
            complain(error)
            raise typer.Exit(status_of(error)) from None
        except BrokenPipeError:
            # Whoever read our output has had enough; nothing may be written to it any more, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    name="nepi",
    cls=Commands,
    help="Describe a network experiment once; deploy, run, measure and release it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Describe a network experiment once; deploy, run, measure and release it."""


app.command()(run.run)
app.command()(attach.attach)
app.command()(compare.compare)
app.command()(plan.plan)
app.add_typer(plot.app, name="plot")
app.command()(files.init)
app.command()(files.schema)
app.command()(files.convert)
app.command()(types.types)
app.command()(ps.ps)
app.command()(logs.logs)
app.command()(trace.trace)
app.command(context_settings={"allow_interspersed_args": False})(enter.shell)
app.command("exec", context_settings={"allow_interspersed_args": False})(enter.execute)
app.command()(give_back.release)
app.command()(give_back.gc)
app.add_typer(runs.app, name="runs")
app.add_typer(lab.app, name="lab")
app.command()(why.why)
app.command()(why.replay)
app.command()(doctor.doctor)


@app.command()
def version() -> None:
    """Say which version this is."""
    say(f"nepi {nepi.__version__}")


def main() -> None:
    """Run the command line."""
    collecting.relax()
    app()
