"""The DAG that watches the promises: who is told, once, and what is said where nobody can be told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date

import pytest

from cares import promises
from cares.settings import ROOT
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse
from mail_server import mail_server

WITHOUT_TLS = {"disable_ssl": True, "disable_tls": True}


@pytest.fixture
def run() -> Callable[[str], None]:
    """Run what a task of the DAG runs."""
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(ROOT / "dags" / "watch_promises.py").dags["watch_promises"]
    return lambda task_id: dag.get_task(task_id).python_callable()


@pytest.fixture
def late(warehouse: FreshWarehouse) -> None:
    """Nothing has come of two months that were promised."""
    sign_agreement("torus/tenancies", starts=date(2019, 3, 1))
    promises.check(date(2019, 5, 20))


def test_those_who_want_to_know_get_one_e_mail_about_all_that_is_new(
    late: None, run: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as server:
        extra = {"from_email": "pipeline@example.org", "to": "ann@example.org, ben@example.org"}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": {**extra, **WITHOUT_TLS}}
        monkeypatch.setenv("AIRFLOW_CONN_CARES_EMAIL", json.dumps(connection))
        run("send_email")
        run("send_email")

    [message] = server.received
    text = message.get_payload()[0].get_payload(decode=True).decode()
    assert message["To"] == "ann@example.org, ben@example.org"
    assert re.fullmatch(r"torus/tenancies 2019-03 is (late|missing) \(and 1 more\)", message["Subject"])
    assert "Nothing has been accepted from torus/tenancies for 2019-03" in text
    assert "Nothing has been accepted from torus/tenancies for 2019-04" in text


def test_what_could_not_be_sent_is_sent_the_next_time(
    late: None, run: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as server:
        nobody_listens = {"conn_type": "smtp", "host": "127.0.0.1", "port": 1, "extra": {"to": "ann@example.org", **WITHOUT_TLS}}
        monkeypatch.setenv("AIRFLOW_CONN_CARES_EMAIL", json.dumps(nobody_listens))
        with pytest.raises(ConnectionRefusedError):
            run("send_email")
        listening = {**nobody_listens, "port": server.port, "extra": {**nobody_listens["extra"], "from_email": "a@example.org"}}
        monkeypatch.setenv("AIRFLOW_CONN_CARES_EMAIL", json.dumps(listening))
        run("send_email")

    assert len(server.received) == 1


@pytest.mark.parametrize(("task_id", "connection"), [("send_email", "cares_email"), ("post_to_webhook", "cares_webhook")])
def test_where_nobody_can_be_told_the_task_is_skipped_and_says_what_to_set_up(
    late: None, run: Callable[[str], None], task_id: str, connection: str
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException, match=f"the connection {connection} is not set up. How: see this DAG's docs"):
        run(task_id)


def test_a_mail_server_without_anybody_to_tell_says_where_to_name_them(
    late: None, run: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    monkeypatch.setenv("AIRFLOW_CONN_CARES_EMAIL", json.dumps({"conn_type": "smtp", "host": "127.0.0.1"}))

    with pytest.raises(AirflowFailException, match='the "Extra" of the connection cares_email has no "to"'):
        run("send_email")


def test_the_webhook_gets_all_that_is_new_once(late: None, run: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    from cares import notifications

    posted: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(notifications, "post", lambda url, told: posted.append((url, [one.period for one in told])))
    secret = {"conn_type": "generic", "password": "https://hooks.example.org/a-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_CARES_WEBHOOK", json.dumps(secret))
    run("post_to_webhook")
    run("post_to_webhook")

    assert posted == [("https://hooks.example.org/a-secret", ["2019-03", "2019-04"]), ("https://hooks.example.org/a-secret", [])]
