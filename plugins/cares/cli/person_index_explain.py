"""`cares person-index explain`: why two person records are one person, or are not, and what holds a person together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cares.person_index.decisions import Reader


def explain(
    what: Annotated[
        list[str],
        typer.Argument(help="two person records (council/cld/12345), or one person (person/345, its number or a pseudonym)"),
    ],
    values: Annotated[
        bool, typer.Option("--values", help="show the values that were compared, the records' ids and people's own words, too")
    ] = False,
    chart: Annotated[
        Path | None, typer.Option(help="draw the weights of two records into this .svg file; no value or name is in it")
    ] = None,
    sealed: Annotated[bool, typer.Option("--sealed", help="read as the Caldicott guardian, who alone sees sealed pairs")] = False,
) -> None:
    """Tell why two records are one person or not, with the weight of each comparison; or what holds a person together."""
    from cares import provenance, warehouse
    from cares.cli.why import history
    from cares.person_index import explaining, waterfall
    from cares.person_index.decisions import CLERK, GUARDIAN

    if len(what) > 2:
        raise typer.BadParameter("name two person records, or one person")
    if chart and (len(what) == 1 or chart.suffix.lower() != ".svg"):
        raise typer.BadParameter("--chart goes with two records, and names a file that ends in .svg")
    warehouse.ensure_ready()
    reader: Reader = GUARDIAN if sealed else CLERK
    if len(what) == 1:
        person = provenance.of_person(what[0])
        typer.echo(f"Person {person.person_id} is in the index since {person.created_at:%Y-%m-%d %H:%M}.")
        for line in explaining.tell_person(explaining.of_person(person.person_id, reader), values):
            typer.echo(line)
        typer.echo("What happened to it:")
        for line in history(person):
            typer.echo(f"  {line}")
        return
    story = explaining.of_records(what[0], what[1], reader)
    if story is None:
        typer.echo(explaining.NOTHING_TO_TELL)
        return
    for line in explaining.tell_pair(story, values):
        typer.echo(line)
    if chart:
        chart.write_text(waterfall.draw(story.weighing), encoding="utf-8")
        typer.echo(f"The chart is in {chart}.")
