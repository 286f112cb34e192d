"""`cares hold`: what must not be erased, because a court or an inquiry may ask for it."""

from __future__ import annotations

from typing import Annotated

import typer

from cares.cli import asking

app = typer.Typer(no_args_is_help=True, help="Legal holds: while one is on a person or a feed, nothing of it is erased.")


@app.command()
def add(
    because: Annotated[str, typer.Option(help="why, in words that name nobody")],
    feed: Annotated[str | None, typer.Option(help="a feed (organisation/name), instead of a person")] = None,
) -> None:
    """Keep the data of the person who is asked for, or a feed's, until the hold is removed."""
    from cares import warehouse
    from cares.governance import holds

    warehouse.ensure_ready()
    number = holds.add(feed or asking.ask_whom("Person record (ORGANISATION/SOURCE/ID)"), because)
    typer.echo(f"Hold {number} is in force: nothing of it is erased, and nothing expires.")


@app.command()
def remove(
    hold: Annotated[int, typer.Argument(help="its number")],
    because: Annotated[str, typer.Option(help="why it is over")],
) -> None:
    """End a hold; what has expired meanwhile goes with the next run of retention."""
    from cares import warehouse
    from cares.governance import holds

    warehouse.ensure_ready()
    holds.remove(hold, because)
    typer.echo(f"Hold {hold} is over.")


@app.command("list")
def show() -> None:
    """Show every hold, the latest first."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import holds

    warehouse.ensure_ready()
    table = Table("hold", "on", "because", "since", "by", "ended")
    for one in holds.recorded():
        ended = f"{one.ended_at:%Y-%m-%d} by {one.ended_by}: {one.ended_because}" if one.ended_at else ""
        what = one.person_record_id or one.feed or ""
        table.add_row(str(one.hold_id), what, one.reason, f"{one.held_at:%Y-%m-%d}", one.held_by, ended)
    Console().print(table)
