"""`cares readiness`: what must be in place before real data are switched on."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="What must be in place before real data are switched on.")


@app.callback()
def readiness() -> None:
    """What must be in place before real data are switched on."""


@app.command("list")
def show() -> None:
    """Take up the register of readiness and show it: what is missing or has expired first."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import readiness

    warehouse.ensure_ready()
    readiness.take_up()
    table = Table("item", "owner", "today", "since", "until", "kept at")
    colours = {"missing": "red", "expired": "red", "being written": "yellow", "in place": "green"}
    for one in readiness.recorded():
        state = f"[{colours[one.state]}]{one.state}[/]"
        table.add_row(one.item, one.owner, state, str(one.decided_on or ""), str(one.expires_on or ""), one.kept_at or "")
    Console().print(table)
