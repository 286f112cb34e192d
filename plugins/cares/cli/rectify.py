"""`cares rectify`: corrections that people ask for, each followed until it has come or the row is found right."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cares import english

app = typer.Typer(no_args_is_help=True, help="Corrections that people ask for, told to the sender and followed to their end.")


@app.command()
def ask(
    row: Annotated[str, typer.Argument(help="the row that is said to be wrong, as delivery/table/line: 12/episodes/41")],
    because: Annotated[str, typer.Option(help="what is said to be wrong, in one line; it stays with us")],
    column: Annotated[str | None, typer.Option(help="the column, by its header; left out: the whole row")] = None,
    received: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the day the request came; default: today")
    ] = None,
) -> None:
    """Write down that a row is said to be wrong: it is disputed from now on, and its sender is told by letter."""
    from cares import warehouse
    from cares.deliveries import Row
    from cares.rights import rectification

    warehouse.ensure_ready()
    asked, letter = rectification.ask(Row.parse(row), column, because, (received or datetime.now()).date())
    typer.echo(
        f"Request {asked.rectification_id}, due by {english.day(asked.due_on)}: row {asked.row} is disputed until a correction comes.\n"
        f"The letter to its sender: {letter}"
    )


@app.command("found-right")
def found_right(
    request: Annotated[int, typer.Argument(help="the number of the request")],
    because: Annotated[str, typer.Option(help="why its sender keeps to it, in one line")],
) -> None:
    """End a dispute because the sender looked into it and keeps to what it sent; tell the person so, and why."""
    from cares import warehouse
    from cares.rights import rectification

    warehouse.ensure_ready()
    number = rectification.found_right(request, because)
    typer.echo(f"Request {request} is over. Certificate {number}. Tell the person, and that they may complain.")


@app.command("list")
def list_requests() -> None:
    """Show what is disputed and what became of it. No value is shown."""
    from cares import warehouse
    from cares.rights import rectification

    warehouse.ensure_ready()
    for one in rectification.requests():
        what = f"{one.row}, the value of {one.column_name}" if one.column_name else f"{one.row}, the whole row"
        now = "" if one.row == one.now else f" (came again as {one.now})"
        due = f"due by {english.day(one.due_on)}{', LATE' if one.is_late else ''}"
        state = f"{one.outcome}, certificate {one.certificate_id}" if one.outcome else f"disputed, {due}"
        typer.echo(f"{one.rectification_id}: {what}{now}: {state}")
