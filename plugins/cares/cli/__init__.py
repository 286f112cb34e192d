"""The command `cares`: one file for each noun."""

from __future__ import annotations

import sys

import typer

from cares.cli import (
    agreement,
    airflow,
    build,
    contract,
    deliver,
    delivery,
    demo,
    person_index,
    person_index_evaluate,
    person_index_explain,
    promise,
    rebuild,
    report,
    row,
    simulate,
    warehouse,
    why,
)

typer_app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="St Helens Cares: the fragments of a person's care, put together.",
)
for command in (demo.demo, simulate.simulate, deliver.deliver, rebuild.rebuild, why.why):
    typer_app.command()(command)
person_index.app.command()(person_index_explain.explain)
person_index.app.command()(person_index_evaluate.evaluate)
person_index.app.command()(person_index_evaluate.train)
person_index.app.command()(person_index_evaluate.models)
person_index.app.command()(person_index_evaluate.sample)
for name, noun in {
    "warehouse": warehouse,
    "contract": contract,
    "agreement": agreement,
    "promise": promise,
    "delivery": delivery,
    "row": row,
    "build": build,
    "person-index": person_index,
    "report": report,
    "airflow": airflow,
}.items():
    typer_app.add_typer(noun.app, name=name)


def app() -> None:
    """Run the command; an error that we know is one line on standard error and exit status 1."""
    try:
        typer_app()
    except Exception as error:
        if not type(error).__module__.startswith("cares."):
            raise
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
