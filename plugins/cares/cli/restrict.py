"""`cares restrict` and `cares unrestrict`: people whose home nobody may find (S-flag)."""

from __future__ import annotations

from typing import Annotated

import typer

from cares import english
from cares.cli import asking

Because = Annotated[str, typer.Option(help="why, in one line; it is kept with your name")]


def restrict(because: Because) -> None:
    """Hide the home of the person who is asked for from every reader, in every build (S-flag). Undone by: unrestrict."""
    from cares import warehouse
    from cares.governance import restrictions

    warehouse.ensure_ready()
    reached = restrictions.restrict(asking.ask_whom(), because)
    typer.echo(
        "Nobody reads this person's address, postcode, phone, GP practice, UPRN, area, household or tenancy from now on, in any "
        f"build: {english.counted(reached, 'person record')}, whoever sent them, and those that come to be linked with them."
    )


def unrestrict(because: Because) -> None:
    """Show the home of the restricted person who is asked for again, at once. Undone by: restrict."""
    from cares import warehouse
    from cares.governance import restrictions

    warehouse.ensure_ready()
    restrictions.lift(asking.ask_whom(), because)
    typer.echo("This person's home is shown again, in every build, to whoever may read it.")
