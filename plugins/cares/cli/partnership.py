"""`cares partnership`: what is told of the partnership agreements; they gate nothing."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="The partnership agreements, as they are reported; they gate nothing.")


@app.callback()
def partnership() -> None:
    """The partnership agreements, as they are reported; they gate nothing."""


@app.command("list")
def show() -> None:
    """Show what is told of each body, in the order of time."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import partnership

    warehouse.ensure_ready()
    table = Table("since", "agreement", "body", "state", "told", "source")
    for one in partnership.take_up():
        table.add_row(one.since, one.agreement, one.body, one.state, one.told, one.source)
    Console().print(table)
