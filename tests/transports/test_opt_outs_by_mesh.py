"""The national data opt-out over MESH: we ask with one file, and its answer is a delivery like any other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from cares import contracts, deliveries, settings
from cares.governance import opt_outs
from cares_pages import connections
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse
from transports.mesh_server import OURS, PASSWORD, PYTHON, SENDER, MeshServer, mesh_server

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the MESH server is not installed; `make test` does that")

ADA, BEN = "9990000018", "9990000026"
ASKED, ANSWERED = "CARES_OPT_OUT_REQUEST", "CARES_OPT_OUT_ANSWER"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshServer]:
    with mesh_server(tmp_path_factory.mktemp("mesh")) as running:
        yield running


@pytest.fixture
def index(warehouse: FreshWarehouse) -> FreshWarehouse:
    """Two people whose numbers rows in force tell, and one number that was replaced."""
    with warehouse.connect() as connection:
        connection.execute("create schema if not exists intermediate")
        for table in ("int_person_rows", "int_person_records"):
            connection.execute(f"drop table if exists intermediate.{table} cascade")
            connection.execute(
                f"create table intermediate.{table} (person_record_id text, nhs_number text, nhs_number_status_code text, is_in_force boolean)"
            )
        connection.execute(
            """insert into intermediate.int_person_rows values
               ('a', %s, '01', true), ('b', %s, null, true), ('b', '9990000034', null, false), ('c', null, null, true)""",
            (ADA, BEN),
        )
    return warehouse


@pytest.fixture
def by_mesh(server: MeshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers come by MESH: one line of their contract is another, and our mailbox is set up."""
    root = shutil.copytree(settings.EXPECTATIONS, tmp_path / "expectations")
    promise = root / "nhs_england" / "national_data_opt_outs.yml"
    boxes = f"{{mailbox: {SENDER}, workflow: {ANSWERED}, returns_workflow: {ASKED}}}"
    promise.write_text(promise.read_text().replace("by: folder", f"by: mesh, mesh: {boxes}"))
    changed = contracts.load(root)
    monkeypatch.setattr(contracts, "load", lambda: changed)
    connection = {"conn_type": "generic", "host": "127.0.0.1", "port": server.port, "login": OURS, "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_CARES_NHS_ENGLAND", json.dumps({**connection, "extra": server.extra}))
    monkeypatch.setenv("CARES_OUTBOX", str(tmp_path / "outbox"))


def test_where_answers_do_not_come_by_mesh_nothing_is_sent(index: FreshWarehouse) -> None:
    with pytest.raises(AirflowSkipException, match="ask by hand: cares opt-out request"):
        connections.ask_about_opt_outs()
    assert index.rows("select count(*) from governance.opt_out_request") == [(0,)]


def test_we_ask_by_mesh_and_the_answer_is_a_delivery_of_the_month_in_which_we_asked(
    index: FreshWarehouse, by_mesh: None, server: MeshServer
) -> None:
    sign_agreement(opt_outs.FEED)
    connections.ask_about_opt_outs()

    name = f"{OURS}-{date.today():%d%m%y}-0001.dat"
    assert index.rows("select file_name, numbers, sent_by from governance.opt_out_request") == [(name, 2, "mesh")]
    with server.mailbox(SENDER) as service:
        (message,) = service.iterate_all_messages()
        assert message.read() == f"{ADA},\n{BEN},\n".encode()
        assert (message.workflow_id, message.filename) == (ASKED, name)
        message.acknowledge()
    # The service names its answer as it likes, and gives our local id back.
    server.send(SENDER, ANSWERED, "answer", f"{BEN},\n".encode(), local_id=name)
    connections.fetch(opt_outs.FEED)
    (delivery,) = connections.take("nhs_england", "a run")
    assert deliveries.take_in(delivery).state == "accepted"
    assert index.rows("select period, state from ledger.delivery") == [(f"{date.today():%Y-%m}", "accepted")]
    assert index.rows("select nhs_number from accepted.national_data_opt_outs__numbers") == [(BEN,)]
