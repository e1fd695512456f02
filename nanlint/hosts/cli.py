"""The command line: `nanlint check`, `explain`, `rules` and `clean`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nanlint import __version__
from nanlint.config import OUTPUT_FORMATS, Config, ConfigError, Configs, load, parse_selectors, pattern
from nanlint.finding import Confidence
from nanlint.selection import Layer

if TYPE_CHECKING:
    from nanlint.cache import Cache
    from nanlint.files import Target
    from nanlint.rule import Rule
    from nanlint.run import Report

COMMAND_LINE = "command line"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, "-V", "--version", prog_name="nanlint", message="%(prog)s %(version)s")
def main() -> None:
    """Find the lines of PyTorch code that can produce NaN or Inf, in the forward pass or in the gradient."""
    for stream in (sys.stdout, sys.stderr):
        # A file name or a source line may hold what the terminal's encoding does not.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def _jobs(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    if value in (None, "auto"):
        return None
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter("give a number from 1, or auto")
    return int(value)


_SELECTORS = "codes, code prefixes or names of rules, separated by commas"
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@main.command()
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option("--select", multiple=True, metavar="RULES", help=f"Use only these rules: {_SELECTORS}.")
@click.option("--extend-select", multiple=True, metavar="RULES", help="Use these rules too.")
@click.option("--ignore", multiple=True, metavar="RULES", help="Do without these rules.")
@click.option(
    "--confidence",
    type=click.Choice([level.word for level in Confidence]),
    help="Report findings of this confidence and above [default: likely].",
)
@click.option("--output-format", type=click.Choice(OUTPUT_FORMATS), help="How to print findings [default: full].")
@click.option("-o", "--output-file", type=click.Path(dir_okay=False), help="Write the findings there.")
@click.option("--statistics", is_flag=True, help="Print how often each rule spoke instead of the findings.")
@click.option("--exclude", multiple=True, metavar="GLOBS", help="Leave these out, instead of the default ones.")
@click.option("--extend-exclude", multiple=True, metavar="GLOBS", help="Leave these out too.")
@click.option("--force-exclude", is_flag=True, help="Leave excluded files out even if they are named in PATHS.")
@click.option("--no-respect-gitignore", is_flag=True, help="Check files that .gitignore names.")
@click.option("--stdin-filename", metavar="NAME", help="What to call standard input, which the path - stands for.")
@click.option("--config", "config_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Use this configuration file and no other.")
@click.option("--isolated", is_flag=True, help="Use no configuration file.")
@click.option("--rules", "packs", multiple=True, type=_FOLDER, help="Use the rules in this folder too.")
@click.option("--jobs", callback=_jobs, metavar="N", help="Use at most N processes [default: auto].")
@click.option("--no-cache", is_flag=True, help="Neither use nor write the cache.")
@click.option("--cache-dir", type=click.Path(file_okay=False, path_type=Path), envvar="NANLINT_CACHE_DIR",
              help="Where the cache lies [default: .nanlint_cache beside the configuration].")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was checked, and where an analysis was cut short.")
@click.option("-q", "--quiet", is_flag=True, help="Print the findings and nothing else.")
@click.pass_context
def check(context: click.Context, paths: tuple[str, ...], **options: Any) -> None:
    """Check files and folders, by default the current folder; - reads standard input.

    The exit status is 0 without findings, 1 with findings, and 2 where the command or the configuration is wrong,
    a path is missing, or nanlint itself failed.
    """
    from nanlint.run import run

    paths = paths or (os.curdir,)
    configs = _configs(options)
    try:
        main_config = configs.of(os.getcwd())
        broken: tuple[str, ...] = ()
    except ConfigError as error:
        main_config, broken = Config(), (str(error),)
    targets, errors = _targets(paths, options["stdin_filename"], configs)
    cache = None if options["no_cache"] else _cache(main_config, targets)
    try:
        with _Progress(not options["quiet"]) as progress:
            report = run(targets, jobs=main_config.jobs, cache=cache, progress=progress)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        context.exit(130)
    report = replace(report, errors=tuple(dict.fromkeys((*broken, *errors, *report.errors))))
    _complain(report, options)
    _write(report, targets, main_config, options)
    context.exit(0 if options["exit_zero"] and report.status == 1 else report.status)


def _configs(options: dict[str, Any]) -> Configs:
    if options["isolated"] and options["config_file"]:
        raise click.UsageError("--isolated and --config do not go together")
    adjust = _adjustment(options)
    if options["isolated"]:
        return Configs(Config(), adjust)
    if options["config_file"]:
        try:
            config = load(options["config_file"])
        except ConfigError as error:
            raise click.UsageError(str(error)) from None
        if config is None:
            raise click.UsageError(f"{options['config_file']}: no [tool.nanlint] in this file")
        return Configs(config, adjust)
    return Configs(None, adjust)


def _adjustment(options: dict[str, Any]) -> Callable[[Config], Config]:
    """What the command line changes of every configuration."""
    here = Path.cwd()
    layer = Layer(
        COMMAND_LINE,
        parse_selectors(options["select"]) if options["select"] else None,
        parse_selectors(options["extend_select"]),
        parse_selectors(options["ignore"]),
    )
    exclude = tuple(pattern(glob, here) for glob in parse_selectors(options["exclude"]))
    extend_exclude = tuple(pattern(glob, here) for glob in parse_selectors(options["extend_exclude"]))
    packs = tuple(folder.absolute() for folder in options["packs"])

    def adjust(config: Config) -> Config:
        return replace(
            config,
            layers=(*config.layers, layer) if any(layer.options()) or layer.select is not None else config.layers,
            exclude=(exclude or config.exclude) + extend_exclude,
            confidence=Confidence.parse(options["confidence"]) if options["confidence"] else config.confidence,
            output_format=options["output_format"] or config.output_format,
            jobs=options["jobs"] or config.jobs,
            rules=tuple(dict.fromkeys((*config.rules, *packs))),
            cache_dir=options["cache_dir"] or config.cache_dir,
            respect_gitignore=config.respect_gitignore and not options["no_respect_gitignore"],
            force_exclude=config.force_exclude or options["force_exclude"],
        )

    return adjust


def _targets(paths: tuple[str, ...], stdin_name: str | None, configs: Configs) -> tuple[list[Target], list[str]]:
    from nanlint.files import discover, standard_input

    if "-" not in paths:
        return discover(paths, configs)
    if len(paths) > 1:
        raise click.UsageError("- stands alone: standard input cannot be checked together with files")
    return standard_input(sys.stdin.buffer.read(), stdin_name, configs)


def _cache(config: Config, targets: list[Target]) -> Cache:
    from nanlint.cache import Cache, digest
    from nanlint.packs import folders

    packs = dict.fromkeys(pack for target in targets for pack in target.config.rules)
    return Cache(cache_folder(config), digest(folders(tuple(packs))))


def cache_folder(config: Config) -> Path:
    """Where the cache of a run lies."""
    from nanlint.cache import FOLDER

    return config.cache_dir or (config.file.parent if config.file else Path.cwd()) / FOLDER


class _Progress:
    """A progress bar on a terminal, once a run has taken a second."""

    def __init__(self, wanted: bool) -> None:
        from time import monotonic

        self._bar: Any = None
        self._task: Any = None
        self._clock = monotonic
        self._from = monotonic() + 1 if wanted and sys.stderr.isatty() else float("inf")

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        if self._clock() < self._from or done == total:
            return
        if not self._bar:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TextColumn("files"))
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done)


def _complain(report: Report, options: dict[str, Any]) -> None:
    """What goes to the error stream: what could not be checked, our own bugs, and notes for who asks."""
    for error in report.errors:
        click.echo(f"error: {error}", err=True)
    for failure in report.failures:
        last = failure.traceback.strip().rsplit("\n", 1)[-1]
        hint = "" if options["verbose"] else " (--verbose shows where)"
        click.echo(f"error: {failure.path}: {failure.rule} failed, a bug of the rule: {last}{hint}", err=True)
        if options["verbose"]:
            click.echo(failure.traceback, err=True)
    if options["verbose"]:
        for note in report.notes:
            click.echo(f"note: {note}", err=True)
        click.echo(f"checked {report.files} {'file' if report.files == 1 else 'files'}", err=True)
    if not report.files and not report.errors and not options["quiet"]:
        click.echo("warning: no Python files to check here", err=True)


def _write(report: Report, targets: list[Target], config: Config, options: dict[str, Any]) -> None:
    text = _rendered(report, targets, config, options)
    if options["output_file"]:
        try:
            with open(options["output_file"], "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(text)
        except OSError as error:
            raise click.UsageError(f"cannot write {options['output_file']}: {error.strerror}") from None
    else:
        click.echo(text, nl=False, color=True)


def _rendered(report: Report, targets: list[Target], config: Config, options: dict[str, Any]) -> str:
    from nanlint.report import ruff_json, terminal
    from nanlint.report.source_text import SourceText

    given = {target.path: target.data for target in targets if target.data is not None}
    text = SourceText(lambda path: given[path] if path in given else Path(path).read_bytes())
    paint = terminal.Paint(on=_coloured() and not options["output_file"])
    findings, style = report.findings, config.output_format
    if style == "json":
        return ruff_json.statistics(findings) if options["statistics"] else ruff_json.render(findings, text)
    if options["statistics"]:
        return terminal.statistics(findings, paint)
    body = terminal.full(findings, text, paint) + "\n" * bool(findings) if style == "full" else ""
    if style == "concise":
        body = terminal.concise(findings, paint)
    if options["quiet"]:
        return body
    return body + terminal.summary(findings, report.held_back, report.status != 2, paint)


def _coloured() -> bool:
    """Colours are for a terminal that has them, unless https://no-color.org says no."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
