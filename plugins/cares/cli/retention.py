"""`cares retention` and `cares exit`: what is kept no longer than it is needed, or than its sender is a partner."""

from __future__ import annotations

from typing import Annotated

import typer

from cares import english

app = typer.Typer(no_args_is_help=True, help="How long the linked copy is kept, by purpose, and what has expired.")


@app.command()
def due() -> None:
    """Say how much has expired; changes nothing."""
    from cares import retention, warehouse

    warehouse.ensure_ready()
    found = retention.due()
    typer.echo(f"{english.counted(found.persons, 'person')} expired, {found.held:,} of them kept by a legal hold")
    typer.echo(f"Feeds to be deleted, as their ended agreements say: {', '.join(found.feeds) or 'none'}")


@app.command()
def run() -> None:
    """Let go what has expired, with a certificate for each act."""
    from cares import retention, warehouse
    from cares.cli import erase

    warehouse.ensure_ready()
    acts = retention.run()
    if not acts:
        typer.echo("Nothing has expired.")
    for act in acts:
        erase.show(act)


def leave(
    organisation: Annotated[str, typer.Argument(help="its name in expectations/, such as torus")],
    ground: Annotated[str, typer.Option(help="why, in words that name nobody")],
    yes: Annotated[bool, typer.Option("--yes", help="erase without asking")] = False,
) -> None:
    """Erase all that an organisation ever sent, because it leaves; its sharing agreements must have ended."""
    from cares import retention, warehouse
    from cares.cli import erase

    warehouse.ensure_ready()
    if not yes:
        typer.confirm(f"All that {organisation} ever sent will be gone. Nobody can take that back. Erase?", abort=True)
    erase.show(retention.leave(organisation, ground))
