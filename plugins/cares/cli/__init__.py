"""The command `cares`: one file for each noun."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from cares.cli import (
    access,
    agreement,
    airflow,
    audit,
    build,
    contract,
    deliver,
    delivery,
    demo,
    dictionary,
    erase,
    evidence,
    hold,
    opt_out,
    partnership,
    permission,
    person_index,
    person_index_evaluate,
    person_index_explain,
    promise,
    pseudonym,
    purpose,
    question,
    readiness,
    rebuild,
    record,
    rectify,
    report,
    restrict,
    restricted_code,
    retention,
    row,
    sign_off,
    simulate,
    staff,
    subject_access,
    warehouse,
    why,
)

typer_app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="St Helens Cares: the fragments of a person's care, put together.",
)
commands: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "simulate": simulate.simulate,
    "deliver": deliver.deliver,
    "rebuild": rebuild.rebuild,
    "why": why.why,
    "restrict": restrict.restrict,
    "unrestrict": restrict.unrestrict,
    "erase": erase.erase,
    "evidence": evidence.evidence,
    "dictionary": dictionary.dictionary,
    "exit": retention.leave,
}
for name, command in commands.items():
    typer_app.command(name)(command)
person_index.app.command()(person_index_explain.explain)
person_index.app.command()(person_index_evaluate.evaluate)
person_index.app.command()(person_index_evaluate.train)
person_index.app.command()(person_index_evaluate.models)
person_index.app.command()(person_index_evaluate.sample)
for name, noun in {
    "warehouse": warehouse,
    "access": access,
    "contract": contract,
    "agreement": agreement,
    "hold": hold,
    "retention": retention,
    "purpose": purpose,
    "pseudonym": pseudonym,
    "partnership": partnership,
    "readiness": readiness,
    "permission": permission,
    "restricted-code": restricted_code,
    "sign-off": sign_off,
    "opt-out": opt_out,
    "subject-access": subject_access,
    "rectify": rectify,
    "promise": promise,
    "delivery": delivery,
    "row": row,
    "build": build,
    "person-index": person_index,
    "question": question,
    "record": record,
    "staff": staff,
    "audit": audit,
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
