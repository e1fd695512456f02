"""The command line: `nanlint check`, `run`, `explain`, `rules` and `clean`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nanlint import __version__
from nanlint.config import OUTPUT_FORMATS, Config, ConfigError, Configs, load, parse_selectors, pattern
from nanlint.finding import Confidence
from nanlint.hosts.fixing import fix_options
from nanlint.hosts.known import known_options
from nanlint.hosts.running import run as run_command
from nanlint.hosts.verifying import device, judged, shard
from nanlint.selection import INVALID, UNUSED, Code, Layer, nearest
from nanlint.slotted import replace

if TYPE_CHECKING:
    from nanlint.cache import Cache
    from nanlint.files import Target
    from nanlint.rule import Rule

COMMAND_LINE = "command line"
INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, "-V", "--version", prog_name="nanlint", message="%(prog)s %(version)s")
def main() -> None:
    """Find the lines of PyTorch code that can produce NaN or Inf, in the forward pass or in the gradient."""
    for stream in (sys.stdout, sys.stderr):
        # A file name or a source line may hold what the terminal's encoding does not.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


main.add_command(run_command)


def _jobs(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    if value is None or value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter("give a number from 1, or auto")
    return int(value)


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
_packs = click.option("--rules", "packs", multiple=True, type=_FOLDER, help="Use the rules in this folder too.")


_OPTIONS = (
    click.argument("paths", nargs=-1, metavar="[PATHS]..."),
    click.option(
        "--select", multiple=True, metavar="RULES", help="Use these rules only: codes, prefixes of codes, or names."
    ),
    click.option("--extend-select", multiple=True, metavar="RULES", help="Use these rules too."),
    click.option("--ignore", multiple=True, metavar="RULES", help="Do without these rules."),
    click.option(
        "--confidence",
        type=click.Choice([level.word for level in Confidence]),
        help="Report findings of this confidence and above [default: likely].",
    ),
    click.option("--output-format", type=click.Choice(OUTPUT_FORMATS), help="How to print findings [default: full]."),
    click.option(
        "-o", "--output-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the findings to this file."
    ),
    click.option("--statistics", is_flag=True, help="Print how often each rule spoke instead of the findings."),
    click.option("--exclude", multiple=True, metavar="GLOBS", help="Leave these out, instead of the default ones."),
    click.option("--extend-exclude", multiple=True, metavar="GLOBS", help="Leave these out too."),
    click.option("--force-exclude", is_flag=True, help="Leave excluded files out even where PATHS names them."),
    click.option("--no-respect-gitignore", is_flag=True, help="Check files that .gitignore names, too."),
    click.option("--stdin-filename", metavar="NAME", help="The name of standard input, which - in PATHS stands for."),
    click.option("--config", "config_file", type=_FILE, help="Use this configuration file and no other."),
    click.option("--isolated", is_flag=True, help="Use no configuration file."),
    _packs,
    click.option("-j", "--jobs", callback=_jobs, metavar="N", help="Use at most N processes [default: auto]."),
    click.option("-n", "--no-cache", is_flag=True, help="Neither use nor write the cache."),
    click.option(
        "--cache-dir",
        type=_NEW_FOLDER,
        envvar="NANLINT_CACHE_DIR",
        help="Where the cache lies [default: .nanlint_cache beside the configuration].",
    ),
    click.option("-e", "--exit-zero", is_flag=True, help="Exit with 0 even if there are findings."),
    click.option("-v", "--verbose", is_flag=True, help="Say what was checked and where an analysis was cut short."),
    click.option("-q", "--quiet", is_flag=True, help="Print the findings and nothing else."),
)


def _finding_options(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments and options of every command that reports findings."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_reproducers = click.option(
    "--reproducers", type=_NEW_FOLDER, help="Write a test for each confirmed finding into this folder."
)


@main.command()
@_finding_options
@fix_options
@known_options
@click.option("--verify", is_flag=True, help="Run the code of each finding, in child processes, to confirm it.")
@_reproducers
@click.pass_context
def check(context: click.Context, /, paths: tuple[str, ...], **options: Any) -> None:
    """Check files and folders, by default the current folder; - reads standard input.

    The exit status is 0 without findings, 1 with findings, and 2 where the command or the configuration is wrong,
    a path is missing, or nanlint itself failed.
    """
    try:
        context.exit(_check(paths or (os.curdir,), options))
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        context.exit(INTERRUPTED)


@main.command()
@_finding_options
@_reproducers
@click.option(
    "--shard", callback=shard, metavar="I/N", help="Verify one part of the findings: 2/4 is the second of four parts."
)
@click.option(
    "--pool", type=click.Choice(("local", "ray")), default="local", help="Where to run: here, or on a Ray cluster."
)
@click.option(
    "--device",
    callback=device,
    metavar="NAME",
    help="Try half precision and TF32 there: cuda, or cuda:1 [default: half precision, on the CPU].",
)
@click.option("--fixed", is_flag=True, help="Run each confirmed finding with its fix, too: fix-proved or fix-failed.")
@click.pass_context
def verify(context: click.Context, /, paths: tuple[str, ...], **options: Any) -> None:
    """Check files and folders, then run the code of each finding to see whether it fails: it imports your modules.

    It runs in child processes with limits. The exit status is 0 if nothing is confirmed, 1 if something is, and 2
    as for check.
    """
    try:
        context.exit(_check(paths or (os.curdir,), {**options, "verify": True}))
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        context.exit(INTERRUPTED)


def _check(paths: tuple[str, ...], options: dict[str, Any]) -> int:
    from nanlint.hosts import fixing, known, output
    from nanlint.run import run

    verbose, quiet, file = options["verbose"], options["quiet"], options["output_file"]
    configs = _configs(options)
    targets, errors = _targets(paths, options["stdin_filename"], configs)
    try:
        config = configs.of(str(Path.cwd()))
    except ConfigError as error:
        # The files that this configuration does not govern are checked all the same.
        config, errors = _adjustment(options)(Config()), [str(error), *errors]
    since = known.change(options)
    targets = known.concerned(targets, since)
    cache = None if options["no_cache"] else _cache(config, targets)
    with output.ProgressBar(wanted=not quiet) as progress:
        mode = fixing.mode(options, config.output_format)
        report = run(targets, jobs=config.jobs, cache=cache, progress=progress, fixing=mode)
    report = replace(report, errors=tuple(dict.fromkeys((*errors, *report.errors))))
    report = known.unknown(report, targets, since, options)
    if options.get("add_noqa"):
        return fixing.add_noqa(report, targets, options)
    if options.get("diff"):
        return fixing.show_diff(report, options)
    if options.get("fix"):
        report, targets = fixing.write(report, targets)
        click.echo("" if quiet else fixing.told(report, would=False), nl=False, err=True)
    if options["verify"]:
        report = replace(report, findings=judged(report.findings, options, cache, wanted=not quiet))
    elif options["reproducers"]:
        raise click.UsageError("--reproducers needs --verify")
    output.complain(report, verbose=verbose, quiet=quiet)
    coloured = file is None and output.coloured()
    text = output.rendered(report, targets, config, coloured=coloured, statistics=options["statistics"], quiet=quiet)
    if file is None:
        # the fixed text of standard input has taken the place of the findings
        piped = bool(options.get("fix")) and any(target.data is not None for target in targets)
        click.echo(text, nl=False, color=coloured, err=piped)
    else:
        try:
            file.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise click.UsageError(f"cannot write {file}: {error.strerror}") from None
    confirmed = any(finding.verdict and finding.verdict.is_confirmed for finding in report.findings)
    calm = options["exit_zero"] or ("shard" in options and not confirmed)
    return 0 if calm and report.status == 1 else report.status


def _configs(options: dict[str, Any]) -> Configs:
    adjust = _adjustment(options)
    if options["isolated"]:
        if options["config_file"]:
            raise click.UsageError("--isolated and --config do not go together")
        return Configs(Config(), adjust)
    if not options["config_file"]:
        return Configs(None, adjust)
    try:
        config = load(options["config_file"])
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    if config is None:
        raise click.UsageError(f"{options['config_file']}: there is no [tool.nanlint] in this file")
    return Configs(config, adjust)


def _adjustment(options: dict[str, Any]) -> Callable[[Config], Config]:
    """What the command line changes in every configuration."""
    here = Path.cwd()
    select = parse_selectors(options["select"]) if options["select"] else None
    layer = Layer(COMMAND_LINE, select, parse_selectors(options["extend_select"]), parse_selectors(options["ignore"]))
    exclude = tuple(pattern(glob, here) for glob in parse_selectors(options["exclude"]))
    extend_exclude = tuple(pattern(glob, here) for glob in parse_selectors(options["extend_exclude"]))
    packs = tuple(folder.absolute() for folder in options["packs"])

    def adjust(config: Config) -> Config:
        return replace(
            config,
            layers=config.layers if layer == Layer(COMMAND_LINE) else (*config.layers, layer),
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
    return Cache(_cache_folder(config), digest(folders(tuple(packs))))


def _cache_folder(config: Config) -> Path:
    from nanlint.cache import FOLDER

    return config.cache_dir or (config.file.parent if config.file else Path.cwd()) / FOLDER


def _here() -> Config:
    """The configuration of the current folder."""
    try:
        return Configs().of(str(Path.cwd()))
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _rules(packs: tuple[Path, ...]) -> tuple[Rule, ...]:
    """All rules, those of the packs that the command line and the configuration name among them."""
    from nanlint.rule import RuleError
    from nanlint.run import rules_of

    try:
        return rules_of(tuple(dict.fromkeys((*_here().rules, *(pack.absolute() for pack in packs)))))
    except RuleError as error:
        raise click.UsageError(str(error)) from None


@main.command()
@click.argument("rule", metavar="RULE")
@_packs
def explain(rule: str, packs: tuple[Path, ...]) -> None:
    """Say what RULE, a code such as NAN101 or a name, looks for, why it matters and what to write instead."""
    rules: tuple[Rule | Code, ...] = (*_rules(packs), UNUSED, INVALID)
    found = next((each for each in rules if rule.lower() in (each.code.lower(), each.name)), None)
    if found is None:
        raise click.UsageError(f"no rule is called {rule!r}; {nearest(rule, rules)}")
    text = f"# {found.name} ({found.code})\n\n{found.doc}\n"
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


@main.command("rules")
@click.option("--output-format", type=click.Choice(("text", "json")), default="text", help="How to print them.")
@_packs
def rules_command(output_format: str, packs: tuple[Path, ...]) -> None:
    """List all rules: code, name, kind and what it is."""
    rules = _rules(packs)
    if output_format == "json":
        import json

        plain = [{"code": r.code, "name": r.name, "kind": r.kind, "summary": r.summary} for r in rules]
        click.echo(json.dumps(plain, indent=2))
        return
    names = max(len(each.name) for each in rules)
    kinds = max(len(each.kind) for each in rules)
    for each in rules:
        click.echo(f"{each.code}  {each.name:<{names}}  {each.kind:<{kinds}}  {each.summary}")


@main.command()
@click.option("--cache-dir", type=_NEW_FOLDER, envvar="NANLINT_CACHE_DIR", help="Where the cache lies.")
def clean(cache_dir: Path | None) -> None:
    """Remove the cache of the current folder's configuration."""
    from nanlint.cache import clean as remove

    folder = cache_dir or _cache_folder(_here())
    try:
        removed = remove(folder)
    except OSError as error:
        raise click.UsageError(f"cannot remove {folder}: {error.strerror}") from None
    if removed:
        click.echo(f"Removed {folder}.")
    elif folder.exists():
        raise click.UsageError(f"{folder} is no cache of nanlint: left as it is")
    else:
        click.echo("There is no cache.")
