"""`cares restricted-code`: care that nobody may read of."""

from __future__ import annotations

import typer

app = typer.Typer(
    no_args_is_help=True, help="Restricted codes: care that nobody may read of (expectations/governance/restricted_codes.yml)."
)


@app.command("take-up")
def take_up() -> None:
    """Obey the list as it stands, at once and in every build; a build does so by itself."""
    from cares import warehouse
    from cares.governance import restricted_codes

    warehouse.ensure_ready()
    restricted_codes.take_up()
    show()


@app.command("list")
def show() -> None:
    """Show the version and the rules in force, and how many care events each holds back, small numbers hidden."""
    from rich.console import Console
    from rich.table import Column, Table

    from cares import warehouse
    from cares.governance import restricted_codes
    from cares.reports import disclosure

    warehouse.ensure_ready()
    table = Table("rule", Column("codes", justify="right"), Column("care events held back", justify="right"))
    for one in restricted_codes.withheld():
        table.add_row(one.rule, f"{one.codes:,}", disclosure.shown(one.care_events))
    Console().print(table)
    typer.echo(f"Version {restricted_codes.version_in_force() or 'none'}")
    for rule, name in restricted_codes.missing_lists():
        typer.echo(
            f"List {name} of the rule {rule} was never delivered (feed of the format clinical_lists): the codes that the file names "
            "are held back without it, and every code where it names none."
        )
