"""`cares demo`: the whole pipeline on a made-up borough, watched."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from cares.demo import Progress, Summary

_SECONDS_BETWEEN_LINES = 10

QUERIES = {
    "Who is known to whom": """\
select has_hospital_care, has_adult_social_care, has_social_housing, count(*) as people
from insight.persons group by 1, 2, 3 order by people desc;""",
    "Why people were admitted in an emergency, and how long they stayed": """\
select primary_diagnosis_chapter, count(*) as stays, round(avg(length_of_stay_days), 1) as average_days
from insight.hospital_stays where admission_kind = 'emergency' group by 1 order by stays desc;""",
    "Who of those leaving hospital has social care within two months": """\
select stay.discharged_month, count(*) as stays, count(*) filter (where exists (
    select from insight.social_care_events as event
    where event.pseudonym = stay.pseudonym and event.kind = 'service'
      and event.started_month between stay.discharged_month and stay.discharged_month + interval '2 months')) as then_social_care
from insight.hospital_stays as stay where stay.discharged_month is not null group by 1 order by 1;""",
}


def demo(
    people: Annotated[int, typer.Option(min=300, max=100_000, help="How many people live in the made-up borough.")] = 3000,
    months: Annotated[int, typer.Option(min=1, max=18, help="How many months of deliveries arrive; the last is March 2020.")] = 2,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Remove also what the demo did not make: deliveries, agreements, builds, logins.")
    ] = False,
) -> None:
    """Run the whole pipeline on a made-up borough and end with a summary. Removes the demo before it."""
    from rich.console import Console

    from cares import airflow_server, simulated, warehouse
    from cares import demo as the_demo
    from cares.cli.airflow import sign_in

    signal.signal(signal.SIGTERM, _as_ctrl_c)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    began = time.monotonic()

    def done(what: str) -> None:
        console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - began:.0f} s[/]", soft_wrap=True)

    console.print(f"[bold]St Helens Cares[/], a demo. [black on yellow] {simulated.WORD}: nobody in it exists. [/]\n")
    stop_warehouse_too = warehouse.is_embedded() and not warehouse.status().running
    try:
        with console.status("Starting PostgreSQL"):
            strange = the_demo.not_its_own()
        if strange and not afresh:
            _agree_to_lose(strange)
    except BaseException:
        if stop_warehouse_too:
            warehouse.stop()
        raise
    try:
        with console.status("Emptying the warehouse"):
            removed = the_demo.start_afresh()
        if removed:
            console.print("  Removed what was there: deliveries, agreements, builds, reports, and Airflow's runs and logins.")
        done("PostgreSQL is running, with an empty warehouse")
        with the_demo.borough_being_made(people, months) as wait_for_borough:
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


def _agree_to_lose(strange: list[str]) -> None:
    """Ask on a terminal, and refuse elsewhere, before anything is removed that the demo did not make."""
    from cares.demo import DemoRefused, in_short

    what = f"The demo starts with an empty warehouse, and this one holds what it did not make: {in_short(strange)}."
    if not sys.stdin.isatty():
        raise DemoRefused(
            f"{what} Nothing was touched. To remove everything and start afresh: {_command()} demo --afresh\n"
            "To keep it, run the demo in a folder of its own: CARES_VAR=FOLDER make demo"
        )
    if not typer.confirm(f"{what}\nRemove everything in it, these too, and start afresh?"):
        raise DemoRefused("Nothing was touched. To run the demo beside it, in a folder of its own: CARES_VAR=FOLDER make demo")


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

    table = _table("What arrived", "Sent", "Accepted", "Held", "Rejected", "Rows so far")
    for feed, deliveries in _by_feed(progress.deliveries).items():
        table.add_row(feed, *_states(deliveries), _sum(deliveries, "received_rows"))
    return Group(table, f"Build: {progress.build}", *(f"[cyan]▶[/] {task}" for task in progress.running))


def _show(console: Console, summary: Summary, seconds: float) -> None:
    from rich.markup import escape

    from cares import simulated

    console.rule(f"[bold]Summary[/] ({simulated.WORD})")
    table = _table("What arrived", "Sent", "Accepted", "Held", "Rejected", "Rows", "Set\naside", "Un-\nreadable")
    for feed, deliveries in _by_feed(summary.deliveries).items():
        taken = [delivery for delivery in deliveries if delivery["state"] in ("accepted", "superseded")]
        counts = (_sum(taken, column) for column in ("accepted_rows", "set_aside_rows", "unreadable_rows"))
        table.add_row(feed, *_states(deliveries), *counts)
    console.print(table)
    for delivery in summary.deliveries:
        if delivery["state"] in ("rejected", "held"):
            what = f"{delivery['feed']} {delivery['period']} was {delivery['state']}"
            console.print(f"  [red]{what}[/]: {escape(delivery['reason'])}", soft_wrap=True)
    people = summary.people
    console.print(
        f"\n[bold]Who is who[/]\n  {people.person_records:,} descriptions of people, by all organisations together, were found to be of "
        f"{people.persons:,} people. In truth they are {people.true_persons:,}.\n  Of the pairs of descriptions that were put together "
        f"{people.precision:.1%} belong together; of those that belong together {people.recall:.1%} were put together.",
        soft_wrap=True,
    )
    marts = _table("\nWhat was published", "Tables", "Rows")
    for schema, tables, rows in summary.marts:
        marts.add_row(schema, str(tables), f"{rows:,}")
    console.print(marts)
    console.print("\n[bold]What to do next[/]")
    console.print(f"  Read the quality report: {summary.report}", soft_wrap=True)
    console.print(
        "  (It says No for direct care until what real data need is in place: cares readiness list.)",
        soft_wrap=True,
    )
    console.print("  Open Airflow, with the runs that you just saw: make up (to stop it: make down)")
    console.print(f"  Ask as the analyst: {_command()} warehouse psql --role analyst", soft_wrap=True)
    console.print(f"  Ask the ten questions of the People's Board: {_command()} question list, then {_command()} question ask 1")
    for title, query in QUERIES.items():
        console.print(f"\n-- {title}", style="dim")
        print(query)
    minutes, rest = divmod(round(seconds), 60)
    console.print(
        f"\nDone in {minutes} min {rest} s. Airflow is stopped; PostgreSQL keeps running "
        f"(to stop it: {_command()} warehouse stop).",
        soft_wrap=True,
    )


def _table(title: str, *numbers: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _states(deliveries: list[dict[str, Any]]) -> list[str]:
    states = [delivery["state"] for delivery in deliveries]
    accepted = states.count("accepted") + states.count("superseded")
    return [str(number) for number in (len(states), accepted, states.count("held"), states.count("rejected"))]


def _sum(deliveries: list[dict[str, Any]], column: str) -> str:
    return f"{sum(delivery[column] or 0 for delivery in deliveries):,}"


def _command() -> str:
    """How this command was called, so that what we print can be pasted."""
    return Path(sys.argv[0]).name if shutil.which("cares") else os.path.relpath(sys.argv[0])


def _by_feed(deliveries: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for delivery in deliveries:
        groups.setdefault(delivery["feed"], []).append(delivery)
    return groups
