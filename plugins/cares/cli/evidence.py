"""`cares evidence`: the dated pack that shows who could see what, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evidence(
    junit: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="the result of a test run, from pytest --junit-xml=FILE")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="say whether a pack is as it was written")
    ] = None,
) -> None:
    """Write the evidence pack of today (HTML, JSON, a list of hashes) and print where it is. It holds no person's data."""
    from cares.rights import evidence as pack

    if check:
        changed = pack.changed(check)
        typer.echo(f"Changed since it was written: {', '.join(changed)}" if changed else "The pack is as it was written.")
        raise typer.Exit(1 if changed else 0)
    from cares import warehouse

    warehouse.ensure_ready()
    typer.echo(pack.write(junit))
