"""`cares airflow`: Airflow on this machine, with the pipeline's DAGs and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cares.airflow_server import Login

app = typer.Typer(help="Start and stop Airflow, with the DAGs and pages of this pipeline.", no_args_is_help=True)


@app.command()
def up() -> None:
    """Start Airflow, and the warehouse if it is down, and return when the pages answer. The login is shown once.

    Where a part of Airflow ended by itself, that is said, and all of it is started again.
    """
    from rich.console import Console

    from cares import airflow_server, warehouse

    console = Console()
    if ended := airflow_server.ended():
        console.print(f"Ended by itself: {', '.join(ended)}; why: {airflow_server.logs()}", soft_wrap=True)
        with console.status("Stopping the rest of Airflow"):
            airflow_server.stop()
    elif airflow_server.running():
        console.print(f"Airflow is running already: {airflow_server.url()}")
        return
    with console.status("Preparing the warehouse and Airflow's database"):
        if warehouse.start():
            airflow_server.remember_warehouse()
        airflow_server.refuse_real_files()
        login = airflow_server.prepare()
    with console.status("Starting Airflow, which takes half a minute"):
        airflow_server.start_and_wait()
    console.print(f"Airflow is running: {airflow_server.url()} (to stop it: make down)")
    if login:
        typer.echo(sign_in(login))
    else:
        console.print(f"Sign in as {airflow_server.LOGIN_NAME}; password forgotten: cares airflow password")


@app.command()
def down() -> None:
    """Stop what `up` started: Airflow, and the warehouse unless it ran before."""
    from cares import airflow_server, warehouse

    stopped = airflow_server.stop()
    typer.echo(f"Stopped: {', '.join(stopped)}." if stopped else "Airflow was not running.")
    if airflow_server.stop_warehouse():
        typer.echo("Stopped: the warehouse.")
    elif warehouse.embedded_process():
        typer.echo("The warehouse ran before and keeps running; to stop it: cares warehouse stop")


@app.command()
def status() -> None:
    """Say what of Airflow runs; ends with 1 when something that should run does not."""
    from cares import airflow_server

    running = airflow_server.running()
    if not running and not airflow_server.ended():
        typer.echo("Airflow is not running. To start it: cares airflow up")
        raise typer.Exit(1)
    answer = "answer" if airflow_server.answers() else "do not answer"
    typer.echo(f"Running: {', '.join(running) or 'nothing'}. The pages at {airflow_server.url()} {answer}.")
    if ended := airflow_server.ended():
        typer.echo(f"Ended by itself: {', '.join(ended)}; why: {airflow_server.logs()}. To start it again: cares airflow up")
        raise typer.Exit(1)


@app.command()
def password() -> None:
    """Give the login a new password, shown once."""
    from cares import airflow_server, warehouse

    warehouse.ensure_ready()
    airflow_server.prepare()
    typer.echo(sign_in(airflow_server.new_login()))


@app.command()
def login(
    role: Annotated[str, typer.Option(help="engineer, governance, analyst, or administrator, who says who may come in")],
) -> None:
    """Make the login of a role, or give it a new password, shown once."""
    from cares import airflow_server, warehouse

    warehouse.ensure_ready()
    airflow_server.prepare()
    typer.echo(sign_in(airflow_server.new_login(role)))


def sign_in(login: Login) -> str:
    """The sentence that shows a new login."""
    again = "cares airflow password" if login.name == "engineer" else f"cares airflow login --role {login.name}"
    return f"Sign in as {login.name} with the password {login.password} (shown this once; a new one: {again})"
