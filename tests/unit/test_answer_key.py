"""The index judged by an answer key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cares import person_index
from cares.embedded_server import WarehouseError
from fresh_warehouse import FreshWarehouse


def let_be_one_person(warehouse: FreshWarehouse, *records: str) -> None:
    with warehouse.connect() as connection:
        person = connection.execute("insert into person_index.person default values returning person_id").fetchone()[0]
        for record in records:
            connection.execute(
                "insert into person_index.membership (person_record_id, person_id, rule) values (%s, %s, 'match weight')",
                (record, person),
            )


def test_the_answer_key_judges_pairs(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    let_be_one_person(warehouse, "c/cld/1", "t/apc/1", "t/apc/2")
    let_be_one_person(warehouse, "h/housing/1")
    key = tmp_path / "persons.csv"
    key.write_text(
        "organisation,source,local_person_id,person\n"
        "c,cld,1,ada\nt,apc,1,ada\nt,apc,2,ben\nh,housing,1,ada\nh,housing,never sent,eve\n"
    )
    judged = person_index.evaluate(key)
    assert (judged.person_records, judged.persons, judged.true_persons) == (4, 2, 2)
    assert judged.precision == pytest.approx(1 / 3)
    assert judged.recall == pytest.approx(1 / 3)
    assert judged.f1 == pytest.approx(1 / 3)


def test_an_error_of_the_database_quotes_no_value(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    key = tmp_path / "persons.csv"
    key.write_text("organisation,source,local_person_id,name\nc,cld,1,ZEBRA\n")
    with pytest.raises(WarehouseError) as refused:
        person_index.evaluate(key)
    assert "ZEBRA" not in str(refused.value)
