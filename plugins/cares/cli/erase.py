"""`cares erase`: one person, taken out of everything that is kept."""

from __future__ import annotations

from typing import Annotated

import typer

from cares import english
from cares.cli import asking


def erase(
    ground: Annotated[str, typer.Option(help="why, in words that name nobody")],
    yes: Annotated[bool, typer.Option("--yes", help="erase without asking")] = False,
) -> None:
    """Erase the person who is asked for from originals, landing, index, builds and returns; old files do not bring them back."""
    from cares import erasing, warehouse

    warehouse.ensure_ready()
    whom = asking.ask_whom("person/345, or a person record (ORGANISATION/SOURCE/ID)")
    known = erasing.look(whom)
    rows = english.counted(sum(known.rows.values()), "landed row")
    typer.echo(f"{english.counted(known.records, 'person record')} and {rows} from {english.all_of(known.feeds)} will be gone.")
    if not yes:
        typer.confirm("Nobody can take that back. Erase?", abort=True)
    show(erasing.erase(whom, ground))


def show(erased: object) -> None:
    """Say what went, and where the certificate is."""
    from cares.erasing import Erased

    assert isinstance(erased, Erased)
    for name, count in erased.counts.items():
        typer.echo(f"{name}: {count:,}")
    if erased.lost_originals:
        numbers = ", ".join(map(str, erased.lost_originals))
        typer.echo(
            f"Originals of deliveries {numbers} could not be read and written anew, so that they were deleted whole. What they "
            "brought of others stays where it was landed, and cannot be replayed."
        )
    typer.echo(f"Certificate {erased.certificate_id}: {erased.certificate}")
    typer.echo("Readers see it now; the next build makes the rest anew: cares build run")
