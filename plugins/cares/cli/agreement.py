"""`cares agreement`: the sharing agreements that gate each feed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cares import english

app = typer.Typer(no_args_is_help=True, help="The sharing agreements: without one in force, a feed is not taken.")

_DATES = ["%Y-%m-%d"]


@app.command()
def sign(
    feed: Annotated[str, typer.Argument(help="for example council/looked_after_children")],
    agreement: Annotated[str, typer.Option(help="the agreement's own reference")],
    purpose: Annotated[list[str], typer.Option(help="direct care, planning or board reporting; give it once for each")],
    starts: Annotated[datetime, typer.Option("--from", formats=_DATES, help="first day in force")],
    until: Annotated[datetime | None, typer.Option(formats=_DATES, help="last day in force")] = None,
    signed_on: Annotated[datetime | None, typer.Option(formats=_DATES, help="default: today")] = None,
    on_ending: Annotated[str, typer.Option(help="stop, keep until, or delete")] = "stop",
) -> None:
    """Record that an agreement is signed."""
    from cares import warehouse
    from cares.governance import agreements

    warehouse.ensure_ready()
    signed = (signed_on or datetime.now()).date()
    agreements.sign(
        agreements.Agreement(agreement, feed, tuple(purpose), signed, starts.date(), until.date() if until else None, on_ending)
    )
    typer.echo(f"{agreement} covers {feed} from {starts.date()}" + (f" until {until.date()}" if until else ""))


@app.command()
def load(path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a CSV file of agreements")]) -> None:
    """Record every agreement of a CSV file, all or none."""
    from cares import warehouse
    from cares.governance import agreements

    found = agreements.read(path)
    warehouse.ensure_ready()
    agreements.sign(*found)
    typer.echo(f"{english.counted(len(found), 'agreement')} recorded")


@app.command("list")
def show() -> None:
    """Show what is signed, for which purposes, from when to when."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import agreements

    warehouse.ensure_ready()
    table = Table("feed", "agreement", "purposes", "signed on", "in force", "on ending", "recorded by")
    for entry in agreements.recorded():
        one = entry.agreement
        until = f" to {one.in_force_until}" if one.in_force_until else ""
        in_force = f"{one.in_force_from}{until}"
        table.add_row(one.feed, one.agreement, ", ".join(one.purposes), str(one.signed_on), in_force, one.on_ending, entry.by)
    Console().print(table)
