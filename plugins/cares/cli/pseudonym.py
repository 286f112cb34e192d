"""`cares pseudonym`: the keys under which analysts know people."""

from __future__ import annotations

from typing import Annotated

import typer

from cares import english

app = typer.Typer(no_args_is_help=True, help="Pseudonyms: one for each person and purpose, made with a secret key.")


@app.command()
def rotate(
    purpose: Annotated[str, typer.Argument(help="for example planning")],
    because: Annotated[str, typer.Option(help="why, without anybody's name")],
) -> None:
    """Change the key of a purpose, and everybody's pseudonym with it, in every build at once."""
    from cares import warehouse
    from cares.governance import pseudonyms

    warehouse.ensure_ready()
    persons = pseudonyms.rotate(purpose, because)
    typer.echo(f"{english.counted(persons, 'pseudonym')} for {purpose} changed. The former ones name nobody now.")


@app.command()
def history() -> None:
    """Show when a key was changed, by whom and why."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import pseudonyms

    warehouse.ensure_ready()
    table = Table("at", "purpose", "by", "people", "because")
    for one in pseudonyms.rotations():
        table.add_row(f"{one.at:%Y-%m-%d %H:%M}", one.purpose, one.by, str(one.persons), one.because)
    Console().print(table)
