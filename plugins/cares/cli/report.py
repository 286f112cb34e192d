"""`cares report`: reports about builds."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Reports about builds.", no_args_is_help=True)


@app.callback()
def _reports() -> None:
    """Reports about builds."""


@app.command()
def quality(
    build: Annotated[int | None, typer.Argument(help="Number of the build; the latest one if left out.")] = None,
    open_path: Annotated[bool, typer.Option("--open-path", help="Open the page in this machine's browser too.")] = False,
) -> None:
    """Write the quality report of a build as one HTML page and print where it is."""
    from cares import person_index, warehouse
    from cares.reports import quality_report

    warehouse.ensure_ready()
    person_index.judge_build(build)
    path = quality_report(build)
    typer.echo(path)
    if open_path:
        typer.launch(str(path))
