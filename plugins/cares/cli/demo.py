"""`cares demo`: the whole pipeline on a made-up borough, watched."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from cares.demo import Progress, Summary

_SECONDS_BETWEEN_LINES = 10

QUERIES = {
    "Who is known to whom": """\
select has_hospital_care, has_adult_social_care, has_social_housing, count(*) as people
from insight.persons group by 1, 2, 3 order by people desc;""",
    "Emergency stays by age": """\
select age_band, count(*) as stays, round(avg(length_of_stay_days), 1) as average_days
from insight.hospital_stays where admission_kind = 'emergency' group by age_band order by age_band;""",
    "Home from hospital, then social care": """\
select stay.discharged_month, count(*) as stays,
       count(*) filter (where exists (
           select from insight.social_care_events as event
           where event.pseudonym = stay.pseudonym
             and event.started_month between stay.discharged_month and stay.discharged_month + interval '1 month')) as then_social_care
from insight.hospital_stays as stay where stay.discharged_month is not null group by 1 order by 1;""",
}


def demo(
    people: Annotated[int, typer.Option(min=300, max=100_000, help="How many people live in the made-up borough.")] = 3000,
) -> None:
    """Run the whole pipeline on a made-up borough and end with a summary. Starts afresh each time."""
    from rich.console import Console

    from cares import airflow_server, simulated, warehouse
    from cares import demo as the_demo
    from cares.cli.airflow import sign_in

    signal.signal(signal.SIGTERM, _as_ctrl_c)
    console = Console(highlight=False)
    began = time.monotonic()

    def done(what: str) -> None:
        console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - began:.0f} s[/]", soft_wrap=True)

    console.print(f"[bold]St Helens Cares[/], a demo. [black on yellow] {simulated.WORD}: nobody in it exists. [/]\n")
    stop_warehouse_too = warehouse.is_embedded() and not warehouse.status().running
    try:
        with console.status("Starting PostgreSQL"):
            the_demo.start_afresh()
        done("PostgreSQL is running, with an empty warehouse")
        with the_demo.borough_being_made(people) as wait_for_borough:
            with console.status("Making up a borough, and preparing Airflow's database"):
                login = airflow_server.prepare()
                wait_for_borough()
        done(f"A borough of {people:,} people was made up, and its organisations left their files in their outboxes")
        with console.status("Starting Airflow"):
            airflow_server.start_and_wait(the_demo.COMPONENTS)
        done(f"Airflow is running: {airflow_server.url()}")
        if login:
            typer.echo(f"  {sign_in(login)}")
        _watch(console)
        done("Received, checked, built, tested, published and reported")
        summary = the_demo.summary()
    except KeyboardInterrupt:
        with console.status("Stopping"):
            airflow_server.stop()
            if stop_warehouse_too:
                warehouse.stop()
        console.print("Stopped; nothing is left running.")
        raise typer.Exit(130) from None
    finally:
        with console.status("Stopping Airflow"):
            airflow_server.stop()
    _show(console, summary, time.monotonic() - began)


def _as_ctrl_c(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _watch(console: Console) -> None:
    from rich.live import Live

    from cares import demo as the_demo

    if console.is_terminal:
        with Live(console=console, transient=True) as live:
            for progress in the_demo.watch():
                live.update(_picture(progress))
        return
    last, due = "", 0.0
    for progress in the_demo.watch():
        line = _line(progress)
        if line != last and time.monotonic() > due:
            console.print(line, soft_wrap=True)
            last, due = line, time.monotonic() + _SECONDS_BETWEEN_LINES


def _line(progress: Progress) -> str:
    decided = sum(delivery["state"] != "received" for delivery in progress.deliveries)
    return (
        f"  {len(progress.deliveries)} deliveries arrived, {decided} decided, {progress.rows:,} rows; "
        f"build: {progress.build}; running: {', '.join(progress.running) or 'nothing'}"
    )


def _picture(progress: Progress) -> RenderableType:
    from rich.console import Group
    from rich.table import Table

    table = Table("Organisation", "Feed", title="What arrived", title_justify="left")
    for name in ("Arrived", "Accepted", "Held", "Rejected", "Rows so far"):
        table.add_column(name, justify="right")
    for (organisation, feed), deliveries in _by_feed(progress.deliveries).items():
        states = [delivery["state"] for delivery in deliveries]
        table.add_row(
            organisation,
            feed,
            str(len(states)),
            str(states.count("accepted") + states.count("superseded")),
            str(states.count("held")),
            str(states.count("rejected")),
            f"{sum(delivery['received_rows'] or 0 for delivery in deliveries):,}",
        )
    return Group(table, f"Build: {progress.build}", *(f"[cyan]▶[/] {task}" for task in progress.running))


def _show(console: Console, summary: Summary, seconds: float) -> None:
    from rich.table import Table

    from cares import simulated

    console.rule(f"[bold]Summary[/] ({simulated.WORD})")
    table = Table("Organisation", "Feed", title="What arrived", title_justify="left")
    for name in ("Deliveries", "Accepted", "Held", "Rejected", "Rows accepted", "Set aside", "Unreadable"):
        table.add_column(name, justify="right")
    for (organisation, feed), deliveries in _by_feed(summary.deliveries).items():
        states = [delivery["state"] for delivery in deliveries]
        taken = [delivery for delivery in deliveries if delivery["state"] in ("accepted", "superseded")]
        table.add_row(
            organisation,
            feed,
            str(len(states)),
            str(len(taken)),
            str(states.count("held")),
            str(states.count("rejected")),
            *(
                f"{sum(delivery[rows] or 0 for delivery in taken):,}"
                for rows in ("accepted_rows", "set_aside_rows", "unreadable_rows")
            ),
        )
    console.print(table)
    for delivery in summary.deliveries:
        if delivery["state"] in ("rejected", "held"):
            console.print(f"  [red]{delivery['state']}[/] {delivery['feed']} {delivery['period']}: {delivery['reason']}")
    people = summary.people
    console.print(
        f"\n[bold]People[/]: {people.person_records:,} person records became {people.persons:,} people; in truth they are "
        f"{people.true_persons:,}.\nOf the pairs of records put together {people.precision:.1%} are right; of the true pairs "
        f"{people.recall:.1%} were found."
    )
    marts = Table("Table", title="\nWhat was published", title_justify="left")
    marts.add_column("Rows", justify="right")
    for name, rows in summary.marts:
        marts.add_row(name, f"{rows:,}")
    console.print(marts)
    console.print("\n[bold]What to do next[/]")
    console.print(f"  Read the quality report: {summary.report}", soft_wrap=True)
    console.print("  Open Airflow and watch the runs: make up (and make down to stop it)")
    console.print("  Query as the analyst: cares warehouse psql --role analyst")
    for title, query in QUERIES.items():
        console.print(f"\n[dim]-- {title}[/]")
        print(query)
    console.print(
        f"\nDone in {seconds // 60:.0f} min {seconds % 60:.0f} s. Airflow is stopped; PostgreSQL keeps running (to stop it: cares warehouse stop)."
    )


def _by_feed(deliveries: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for delivery in deliveries:
        groups.setdefault((delivery["organisation"], delivery["feed"].partition("/")[2]), []).append(delivery)
    return groups
