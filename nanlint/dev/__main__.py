"""`python -m nanlint.dev new-rule | bless`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nanlint.dev import generate, new_rule
from nanlint.rule import KINDS, RuleError

ROOT = Path(__file__).resolve().parents[2]


@click.group()
def main() -> None:
    """Verbs for maintainers of nanlint."""


@main.command("new-rule")
@click.argument("name")
@click.option("--code", required=True, metavar="NAN1xx", help="A free code; docs/writing-rules.md lists the families.")
@click.option("--at", required=True, help="The canonical ops whose sites the rule is shown, separated by blanks.")
@click.option("--kind", required=True, type=click.Choice(KINDS))
def new_rule_command(name: str, code: str, at: str, kind: str) -> None:
    """Write the two files of a new rule, NAME, which says the defect in kebab case."""
    try:
        written = new_rule.write(ROOT, name, code=code, at=at, kind=kind)
    except (ValueError, FileExistsError) as error:
        raise click.ClickException(str(error)) from error
    for path in written:
        click.echo(f"wrote {path.relative_to(ROOT)}")
    click.echo("Edit both, then run: python -m nanlint.dev bless")


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; name the stale files and exit with status 1.")
def bless(check: bool) -> None:
    """Rewrite the generated files."""
    try:
        stale = generate.stale(ROOT)
    except (RuleError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    for path, content in stale.items():
        click.echo(f"{'stale' if check else 'removed' if content is None else 'wrote'} {path.relative_to(ROOT)}")
        if check:
            continue
        if content is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    if check and stale:
        click.echo(generate.CURE)
        sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m nanlint.dev")
