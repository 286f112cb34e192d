"""`cares airflow`: Airflow on this machine, with the pipeline's DAGs and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cares.airflow_server import Login

app = typer.Typer(help="Start and stop Airflow, with the DAGs and pages of this pipeline.", no_args_is_help=True)


@app.command()
def up() -> None:
    """Start Airflow and return when its pages answer. Its login is shown the first time only."""
    from rich.console import Console

    from cares import airflow_server, warehouse

    console = Console()
    if airflow_server.running():
        console.print(f"Airflow is running already: {airflow_server.url()}")
        return
    with console.status("Preparing the warehouse and Airflow's database"):
        warehouse.ensure_ready()
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
    """Stop Airflow: what `up` started, and nothing else. The warehouse keeps running."""
    from cares import airflow_server

    ran = airflow_server.stop()
    typer.echo(f"Stopped: {', '.join(ran)}." if ran else "Airflow was not running.")


@app.command()
def status() -> None:
    """Say what of Airflow runs; ends with 1 when something that should run does not."""
    from cares import airflow_server

    running = airflow_server.running()
    if not running:
        typer.echo("Airflow is not running. To start it: cares airflow up")
        raise typer.Exit(1)
    answer = "answer" if airflow_server.answers() else "do not answer"
    typer.echo(f"Running: {', '.join(running)}. The pages at {airflow_server.url()} {answer}.")
    if ended := airflow_server.ended():
        typer.echo(f"Ended by itself: {', '.join(ended)}; see {airflow_server.home() / 'server_logs'}")
        raise typer.Exit(1)


@app.command()
def password() -> None:
    """Give the login a new password, shown once."""
    from cares import airflow_server, warehouse

    warehouse.ensure_ready()
    airflow_server.prepare()
    typer.echo(sign_in(airflow_server.new_login()))


def sign_in(login: Login) -> str:
    """The sentence that shows a new login."""
    return f"Sign in as {login.name} with the password {login.password} (shown this once; a new one: cares airflow password)"
