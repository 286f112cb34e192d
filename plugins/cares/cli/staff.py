"""`cares staff`: who may open the Shared Care Record."""

from __future__ import annotations

from typing import Annotated

import typer

from cares.cli import asking

app = typer.Typer(no_args_is_help=True, help="The staff whom organisations registered to open the Shared Care Record.")

Organisation = Annotated[str, typer.Argument(help="as in expectations/, for example sthk")]
Staff = Annotated[str, typer.Argument(help="the organisation's own number of the member of staff")]


@app.command()
def register(organisation: Organisation, staff: Staff) -> None:
    """Let a member of staff open records, as far as their organisation may. Undone by: end.

    Their surname and their own person record are asked for, to find openings of a relative's record or their own; both may
    be left out.
    """
    from cares import warehouse
    from cares.governance import staff as members

    warehouse.ensure_ready()
    surname = asking.ask("Surname", may_be_left_out=True)
    person_record = asking.ask("Own person record (ORGANISATION/SOURCE/ID)", may_be_left_out=True)
    members.register(organisation, staff, surname, person_record)
    typer.echo(f"{staff} of {organisation} is registered.")


@app.command()
def end(organisation: Organisation, staff: Staff) -> None:
    """Let a member of staff open no record from now on. It cannot be undone: register them under another number."""
    from cares import warehouse
    from cares.governance import staff as members

    warehouse.ensure_ready()
    members.end(organisation, staff)
    typer.echo(f"{staff} of {organisation} opens no record from now on.")


@app.command("list")
def show() -> None:
    """Show who is or was registered."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import staff as members

    warehouse.ensure_ready()
    table = Table("organisation", "staff", "registered", "by", "left")
    for one in members.registered():
        left = f"{one.left_at:%Y-%m-%d}" if one.left_at else ""
        table.add_row(one.organisation, one.staff, f"{one.registered_at:%Y-%m-%d}", one.registered_by, left)
    Console().print(table)
