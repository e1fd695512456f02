"""The command `nanlint run`."""

from __future__ import annotations

import importlib.util

import click

MODES = ("trace", "watch", "two-pass")


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    options_metavar="[--mode MODE] [-m]",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="trace",
    show_default=True,
    help="trace: look at every operation of every step. watch: look at loss and gradients alone, and trace once they "
    "went bad. two-pass: watch, then run PROGRAM once more and trace the step that failed.",
)
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module, as for python -m.")
@click.argument("program", metavar="PROGRAM")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")
@click.pass_context
def run(context: click.Context, /, mode: str, module: bool, program: str, arguments: tuple[str, ...]) -> None:
    """Run a training script and say what made its first bad loss or gradient.

    This runs PROGRAM; it needs torch. The exit status is that of the program, 1 where something bad was found, and 2
    where nanlint cannot run it.
    """
    if importlib.util.find_spec("torch") is None:
        raise click.UsageError("nanlint run needs torch, which this Python lacks: pip install 'nanlint[verify]'")
    from nanlint.verify.run.main import run_program
    from nanlint.verify.run.script import NoSuchProgramError

    try:
        context.exit(run_program(program, arguments, module=module, mode=mode))
    except NoSuchProgramError as error:
        raise click.UsageError(str(error)) from None
