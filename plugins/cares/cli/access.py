"""`cares access`: who can read what, asked through real logins."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Who can read what, asked through real logins.")


@app.command()
def matrix() -> None:
    """Show role, organisation, table and the rows seen, for every schema. Nothing but numbers of rows is read."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import access

    warehouse.ensure_ready()
    cells = access.matrix()
    table = Table("role", "organisation", "table", "rows seen")
    for cell in cells:
        table.add_row(cell.role, cell.organisation or "", cell.table, "some columns" if cell.rows is None else f"{cell.rows:,}")
    Console().print(table)
    blind = [role for role in warehouse.staff_roles() if role not in {cell.role for cell in cells}]
    typer.echo(f"No table at all: {', '.join(blind)}")


@app.command()
def check() -> None:
    """Hold what each login can do against the agreed matrix; ends with 1 and every difference where they differ."""
    from cares import warehouse
    from cares.governance import access

    warehouse.ensure_ready()
    access.check()
    typer.echo("Access is as agreed.")
