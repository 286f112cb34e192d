"""`cares dictionary`: what every published table and column means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def dictionary(
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="the folder to write into; var/dictionary if left out")
    ] = None,
) -> None:
    """Write the data dictionary as one HTML page and one CSV table, and print where they are. It holds no person's data."""
    from cares import data_dictionary, settings, warehouse

    warehouse.ensure_ready()
    for path in data_dictionary.write(out or settings.var_folder("dictionary")):
        typer.echo(path)
