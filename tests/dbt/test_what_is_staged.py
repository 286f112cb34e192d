"""A build cleans only what came or went since the last one, format by format; nothing is forgotten when one goes wrong."""

from __future__ import annotations

from datetime import date

import pytest

from accepted_deliveries import deliver
from cares import builds
from fresh_warehouse import FreshWarehouse

JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
FEBRUARY = ("2019-02", date(2019, 2, 1), date(2019, 2, 28))
HOMES = {"tenancies": [{"tenancy_reference": "T1"}], "household_members": [{"tenancy_reference": "T1", "person_reference": "H1"}]}


def stage(warehouse: FreshWarehouse) -> set[str]:
    """Run the staging of a build; gives the formats that were staged."""
    build_id = builds.start_build()
    builds.run_layer(build_id, "staging")
    with warehouse.connect() as connection:
        connection.execute("update ledger.build set state = 'failed' where build_id = %s", (build_id,))
    models = warehouse.rows("select model from ledger.model_outcome where build_id = %s and model like 'stg_%%'", build_id)
    return {model.removeprefix("stg_").split("__")[0] for (model,) in models}


@pytest.fixture(scope="module")
def lived(warehouse_of_module: FreshWarehouse) -> dict[str, set[str]]:
    """What was staged after each thing that happened."""
    warehouse = warehouse_of_module
    happened = {}
    deliver(warehouse, "torus/tenancies", JANUARY, "snapshot", HOMES)
    happened["tenancies came"] = stage(warehouse)
    happened["nothing came"] = stage(warehouse)
    deliver(warehouse, "council/childrens_person_file", JANUARY, "snapshot", {"people": [{"local_person_id": "P1"}]})
    happened["a person file came"] = stage(warehouse)
    second = deliver(warehouse, "council/childrens_person_file", FEBRUARY, "snapshot", {"people": [{"local_person_id": "P2"}]})
    with warehouse.connect() as connection:
        connection.execute("update ledger.delivery_file set accepted_rows = 2 where delivery_id = %s", (second,))
        connection.execute("update ledger.delivery_file set landed_rows = 2, received_rows = 2 where delivery_id = %s", (second,))
    with pytest.raises(builds.BuildError, match="holds_each_accepted_row_once"):
        stage(warehouse)
    with warehouse.connect() as connection:
        connection.execute("update ledger.delivery set state = 'withdrawn' where delivery_id = %s", (second,))
    happened["the delivery that a build failed over was withdrawn"] = stage(warehouse)
    with warehouse.connect() as connection:
        connection.execute("update ledger.staged_format set text = 'before the release' where format = 'housing'")
    happened["a release wrote the models of tenancies anew"] = stage(warehouse)
    return happened


@pytest.mark.parametrize(
    ("when", "staged"),
    [
        ("tenancies came", {"housing"}),
        ("nothing came", set()),
        ("a person file came", {"person_file"}),
        ("the delivery that a build failed over was withdrawn", {"person_file"}),
        ("a release wrote the models of tenancies anew", {"housing"}),
    ],
)
def test_only_what_changed_is_staged(lived: dict[str, set[str]], when: str, staged: set[str]) -> None:
    assert lived[when] == staged


def test_what_a_failed_build_had_taken_in_is_let_go_of(lived: dict[str, set[str]], warehouse_of_module: FreshWarehouse) -> None:
    rows = warehouse_of_module.rows("select local_person_id from staging.stg_person_file__people")
    assert rows == [("P1",)]


def test_a_format_of_which_nothing_came_has_its_tables_and_no_rows(
    lived: dict[str, set[str]], warehouse_of_module: FreshWarehouse
) -> None:
    assert warehouse_of_module.rows("select count(*) from staging.stg_apc__episodes") == [(0,)]
