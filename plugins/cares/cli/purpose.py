"""`cares purpose`: what data are used for, on what basis, and what stops it today."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="The purposes that data are used for, with their bases.")


@app.callback()
def purpose() -> None:
    """The purposes that data are used for, with their bases."""


@app.command("list")
def show() -> None:
    """Take up the register of purposes, and show each one with its bases, and why nothing is shown for it, if so."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import purposes

    warehouse.ensure_ready()
    purposes.take_up()
    table = Table("purpose", "Article 6", "Article 9", "confidentiality", "reader", "feeds", "today")
    for one in purposes.recorded():
        today = f"[red]stopped: {one.stopped_because}; no row is shown[/red]" if one.stopped_because else "in force"
        bases = (one.article_6, one.article_9, one.confidentiality_basis)
        table.add_row(one.purpose, *bases, one.reader, str(one.feeds), today)
    Console().print(table)
