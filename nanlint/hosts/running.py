"""The command `nanlint run`."""

from __future__ import annotations

from pathlib import Path

import click

MODES = ("trace", "watch", "two-pass")


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    options_metavar="[--mode MODE] [--output-format FORMAT] [-o FILE] [-m]",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="trace",
    show_default=True,
    help="trace: look at every operation of every step. watch: look at loss and gradients alone, and trace once they "
    "went bad. two-pass: watch, then run PROGRAM once more and trace the step that failed.",
)
@click.option(
    "--output-format", "style", type=click.Choice(("text", "json")), default="text", help="How to print the report."
)
@click.option(
    "-o",
    "--output-file",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report to this file instead of the error stream.",
)
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module, as for python -m.")
@click.argument("program", metavar="PROGRAM")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")
@click.pass_context
def run(
    context: click.Context,
    /,
    mode: str,
    style: str,
    file: Path | None,
    module: bool,
    program: str,
    arguments: tuple[str, ...],
) -> None:
    """Run a training script and say what made its first bad loss or gradient.

    This runs PROGRAM; it needs torch. The exit status is that of the program, 1 where something bad was found, and 2
    where nanlint cannot run it.
    """
    import importlib.util
    import json

    if importlib.util.find_spec("torch") is None:
        raise click.UsageError("nanlint run needs torch, which this Python lacks: pip install 'nanlint[verify]'")
    from nanlint.verify.run.diagnosis import Diagnosis
    from nanlint.verify.run.main import run_program
    from nanlint.verify.run.script import NoSuchProgramError

    here = file.absolute() if file else None
    reports: list[Diagnosis] = []
    at_once = style == "text" and here is None
    try:
        status = run_program(program, arguments, module=module, mode=mode, show=None if at_once else reports.append)
    except NoSuchProgramError as error:
        raise click.UsageError(str(error)) from None
    if not at_once:
        plain = [report.plain for report in reports]
        text = json.dumps(plain, indent=2) + "\n" if style == "json" else "".join(report.text for report in reports)
        _deliver(text, here)
    context.exit(status)


def _deliver(text: str, file: Path | None) -> None:
    if file is None:
        click.echo(text, nl=False, err=True)
        return
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise click.UsageError(f"cannot write {file}: {error.strerror}") from None
