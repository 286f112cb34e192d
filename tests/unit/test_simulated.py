"""A warehouse with made-up agreements says so to whoever brings it a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cares import deliveries
from cares import warehouse as cares_warehouse
from cares.cli.deliver import deliver
from cares.warehouse import WarehouseError
from fresh_warehouse import FreshWarehouse
from quality_ledger import HOSPITAL, Ledger


def refuse(*_: object) -> None:
    raise WarehouseError("not now")


@pytest.mark.parametrize("simulated", [True, False])
def test_a_file_brought_by_hand_is_greeted_with_what_the_agreements_are(
    simulated: bool, warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cares_warehouse, "ensure_ready", lambda: None)
    monkeypatch.setattr(deliveries, "receive", refuse)
    if simulated:
        with warehouse.connect(autocommit=True) as connection:
            Ledger(connection).simulated()
    file = tmp_path / "episodes.csv"
    file.touch()
    command = typer.Typer()
    command.command()(deliver)
    said = CliRunner().invoke(command, [HOSPITAL, str(file), "--period", "2019-03"]).output

    assert ("SIMULATED DATA: the agreements here are made up." in said) == simulated
