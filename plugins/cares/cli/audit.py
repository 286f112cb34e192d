"""`cares audit`: who opened the Shared Care Record, and whether what was written down is whole."""

from __future__ import annotations

import typer

from cares import english

app = typer.Typer(no_args_is_help=True, help="The audit of who opened the Shared Care Record.")


@app.command()
def verify() -> None:
    """Say whether the audit is whole, or where it is broken. Exits with 1 if it is."""
    from cares import warehouse
    from cares.governance import audit

    warehouse.ensure_ready()
    verified = audit.verify()
    if verified.problems:
        raise audit.AuditError("\n".join(verified.problems))
    since = f"; the first {verified.anchored_rows:,} fit the anchor of {verified.anchored_at}" if verified.anchored_at else ""
    typer.echo(f"Whole: {english.counted(verified.rows, 'opening')}{since}.")
    if verified.rows > verified.anchored_rows:
        typer.echo(f"{english.counted(verified.rows - verified.anchored_rows, 'opening')} not anchored yet: cares audit anchor")


@app.command()
def anchor() -> None:
    """Write down the head of the audit outside the database. Every hour, and after each publication, this is done by itself."""
    from cares import warehouse
    from cares.governance import audit

    warehouse.ensure_ready()
    made = audit.anchor()
    typer.echo(f"Row {made.number} is anchored in {audit.folder()}." if made else "Nothing was added since the last anchor.")


@app.command()
def signals() -> None:
    """Look for signs of misuse in all openings, and show them: who and when, not whose record. A sign is no proof."""
    from rich.console import Console
    from rich.table import Column, Table

    from cares import warehouse
    from cares.governance import misuse

    warehouse.ensure_ready()
    new = misuse.look()
    table = Table("sign", Column("opening", justify="right"), "when", "organisation", "staff", "what came of it")
    for one in misuse.found():
        table.add_row(one.signal, str(one.number), f"{one.at:%Y-%m-%d %H:%M}", one.organisation, one.staff, one.outcome)
    Console().print(table)
    typer.echo(f"{english.counted(new, 'sign')} new since this was last looked at.")
