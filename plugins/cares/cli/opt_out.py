"""`cares opt-out`: asking NHS England who has opted out, and how opt-outs stand."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from cares import english

app = typer.Typer(no_args_is_help=True, help="Opt-outs: the national data opt-out and Type 1.")


@app.command()
def request(
    folder: Annotated[Path, typer.Argument(help="where to write the file; a folder that nobody else can read")],
) -> None:
    """Write the file of NHS numbers that NHS England is asked about, to be handed over by somebody.

    Where the feed of answers comes by MESH, the DAG request_opt_outs sends it each month without any file.
    """
    from cares import warehouse
    from cares.governance import opt_outs

    warehouse.ensure_ready()
    path, numbers = opt_outs.write_request(folder)
    typer.echo(f"{path}: {english.counted(numbers, 'NHS number')}. Send it to the Check for National Data Opt-outs Service,")
    typer.echo(f"remove it, and deliver the answer: cares deliver {opt_outs.FEED} numbers.dat --period {date.today():%Y-%m}")


@app.command()
def status() -> None:
    """Show for each purpose that obeys opt-outs whether anybody is shown, and how old the list may be."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import opt_outs

    warehouse.ensure_ready()
    now = opt_outs.status()
    table = Table("purpose", "list tells until", "may be", "people shown")
    for one in now.purposes:
        told_until = f"{one.told_until:%Y-%m-%d %H:%M}" if one.told_until else "never came"
        table.add_row(one.purpose, told_until, english.counted(one.days, "day") + " old", f"{one.people:,} of {now.people:,}")
    Console().print(table)
    for one in now.purposes:
        typer.echo(one.says)
    typer.echo(f"{now.not_on_the_list:,} of {now.people:,} people have an NHS number that is not on the list,")
    typer.echo(f"{now.without_verified_number:,} have no verified one, and {now.type_1:,} have a Type 1 opt-out.")
