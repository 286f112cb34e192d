"""`cares contract`: what each organisation promised to send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cares import english, settings

app = typer.Typer(no_args_is_help=True, help="The contracts in expectations/: what was promised, and whether it is well said.")

Root = Annotated[Path, typer.Option(exists=True, file_okay=False, help="the folder of contracts")]
Check = Annotated[bool, typer.Option("--check", help="write nothing; exit 1 when what is written is stale")]


@app.command()
def check(root: Root = settings.EXPECTATIONS) -> None:
    """Validate every contract; name file, line and remedy of each problem and exit 1 when there is one."""
    from cares import contracts

    try:
        found = contracts.load(root)
    except contracts.ContractError as error:
        problems = str(error).splitlines()
        typer.echo("\n".join(problems), err=True)
        typer.echo(f"{english.counted(len(problems), 'problem')} in {root}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{len(found.organisations)} organisations, {len(found.feeds)} feeds, {len(found.formats)} formats: all well said")


@app.command()
def show(
    feed: Annotated[str, typer.Argument(help="for example council/looked_after_children")],
    version: Annotated[str | None, typer.Option(help="version of the format; default: the one the feed uses last")] = None,
    table: Annotated[str | None, typer.Option(help="one table only")] = None,
    root: Root = settings.EXPECTATIONS,
) -> None:
    """Print what a feed promises, in plain English."""
    from rich.console import Console
    from rich.markdown import Markdown

    from cares import catalogue, contracts

    Console().print(Markdown(catalogue.feed_in_words(contracts.load(root).feed(feed), version, table)))


@app.command()
def history() -> None:
    """Show what changed in the warehouse because a contract did: tables, columns and codes."""
    from rich.console import Console
    from rich.table import Table

    from cares import landing, warehouse

    warehouse.ensure_ready()
    shown = Table("when", "format", "table", "what changed", box=None)
    for one in landing.history():
        shown.add_row(f"{one.at:%Y-%m-%d %H:%M}", one.format, one.table or "", one.change)
    Console().print(shown)


@app.command("catalogue")
def write_catalogue(check: Check = False, root: Root = settings.EXPECTATIONS) -> None:
    """Write expectations/README.md from the contracts, and how many they are into the README beside that folder."""
    from cares import catalogue, contracts

    found = contracts.load(root)
    texts = {root / "README.md": catalogue.catalogue(found)}
    readme = root.parent / "README.md"
    if readme.exists():
        texts[readme] = catalogue.with_counts(readme.read_text(encoding="utf-8"), found)
    _write(texts, check, "cares contract catalogue")


@app.command("schema")
def write_schemas(check: Check = False, root: Root = settings.EXPECTATIONS) -> None:
    """Write the JSON schemas with which an editor helps to write contracts."""
    from cares import catalogue

    texts = {root / "schemas" / name: text for name, text in catalogue.schemas().items()}
    _write(texts, check, "cares contract schema")


def _write(texts: dict[Path, str], check: bool, command: str) -> None:
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check and stale:
        typer.echo(f"stale: {', '.join(str(path) for path in stale)}; run '{command}'", err=True)
        raise typer.Exit(1)
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(texts[path], encoding="utf-8")
        typer.echo(f"written: {path}")
    if not stale:
        typer.echo("nothing to change")
