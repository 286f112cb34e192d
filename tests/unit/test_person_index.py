"""The provisional matcher and the kept identities, on a handful of people."""

from __future__ import annotations

from pathlib import Path

import pytest

from cares import person_index
from cares.embedded_server import WarehouseError
from cares.person_index import identities
from fresh_warehouse import FreshWarehouse

ADA, BEN = "9434765919", "9434765870"
Record = dict[str, str | None]


def record(record_id: str, nhs_number: str | None = None, **description: str | None) -> Record:
    return {"person_record_id": record_id, "nhs_number": nhs_number, **description}


def ada(record_id: str, nhs_number: str | None = None, **changed: str | None) -> Record:
    described = {"forename": "Ada", "surname": "Ó Brien", "born_on": "1950-02-28", "postcode": "WA10 1AB"}
    return record(record_id, nhs_number, **{**described, **changed})


def index(warehouse: FreshWarehouse, *records: Record) -> person_index.IndexSummary:
    """Bring the index in line with exactly these person records."""
    with warehouse.connect() as connection:
        connection.execute("drop table if exists intermediate.int_person_records")
        connection.execute(
            """create table intermediate.int_person_records (
                 person_record_id text, nhs_number text, forename text, surname text, born_on date, postcode text)"""
        )
        for each in records:
            columns = ", ".join(each)
            values = ", ".join(f"%({column})s" for column in each)
            connection.execute(f"insert into intermediate.int_person_records ({columns}) values ({values})", each)
    return person_index.update()


def persons(warehouse: FreshWarehouse) -> dict[str, int]:
    return dict(warehouse.rows("select person_record_id, person_id from person_index.membership where valid_to is null"))


def events(warehouse: FreshWarehouse) -> list[str]:
    return [kind for (kind,) in warehouse.rows("select kind from person_index.event order by event_id")]


def test_records_with_one_nhs_number_are_one_person(warehouse: FreshWarehouse) -> None:
    index(warehouse, ada("c/cld/1", ADA), record("t/apc/9", ADA, surname="Smith"), record("t/apc/8", BEN))
    found = persons(warehouse)
    assert found["c/cld/1"] == found["t/apc/9"] != found["t/apc/8"]


def test_a_record_without_number_belongs_to_the_same_name_birth_date_and_postcode(warehouse: FreshWarehouse) -> None:
    index(
        warehouse, ada("c/cld/1", ADA), ada("h/housing/1", forename="ADA", surname="O'Brien"), ada("h/housing/2", postcode=None)
    )
    found = persons(warehouse)
    assert found["c/cld/1"] == found["h/housing/1"] != found["h/housing/2"]
    rules = dict(warehouse.rows("select person_record_id, rule from person_index.membership"))
    assert rules == {"c/cld/1": "nhs number", "h/housing/1": "name, birth date and postcode", "h/housing/2": "alone"}


def test_names_in_another_script_are_compared_as_written(warehouse: FreshWarehouse) -> None:
    index(
        warehouse,
        ada("1", forename="李", surname="雷"),
        ada("2", forename="李", surname="雷"),
        ada("3", forename="韩", surname="雷"),
    )
    found = persons(warehouse)
    assert found["1"] == found["2"] != found["3"]


def test_a_description_that_two_numbers_share_is_nobodys_in_particular(warehouse: FreshWarehouse) -> None:
    index(warehouse, ada("c/cld/1", ADA), ada("t/apc/1", BEN), ada("h/housing/1"))
    assert len(set(persons(warehouse).values())) == 3


def test_the_same_records_again_change_nothing(warehouse: FreshWarehouse) -> None:
    records = [ada("c/cld/1", ADA), ada("h/housing/1"), record("t/apc/8", BEN)]
    index(warehouse, *records)
    before, happened = persons(warehouse), events(warehouse)
    summary = index(warehouse, *reversed(records))
    assert (persons(warehouse), events(warehouse)) == (before, happened)
    assert (summary.created, summary.merged, summary.split, summary.moved, summary.retired) == (0, 0, 0, 0, 0)
    assert (summary.person_records, summary.persons) == (3, 2)


def test_two_persons_found_to_be_one_merge_into_the_larger_and_the_history_stays(warehouse: FreshWarehouse) -> None:
    index(warehouse, record("a", ADA), record("b", ADA), record("c", BEN))
    before = persons(warehouse)
    index(warehouse, record("a", ADA), record("b", ADA), record("c", ADA))
    assert persons(warehouse) == {"a": before["a"], "b": before["a"], "c": before["a"]}
    assert warehouse.rows("select person_id, other_person_id from person_index.event where kind = 'merged'") == [
        (before["a"], before["c"])
    ]
    assert warehouse.rows("select person_id from person_index.person where retired_at is not null") == [(before["c"],)]
    assert warehouse.rows(
        "select person_id from person_index.membership where person_record_id = 'c' and valid_to is not null"
    ) == [(before["c"],)]


def test_a_person_found_to_be_two_splits_and_the_larger_part_keeps_the_id(warehouse: FreshWarehouse) -> None:
    index(warehouse, record("a", ADA), record("b", ADA), record("c", ADA))
    before = persons(warehouse)["a"]
    index(warehouse, record("a", ADA), record("b", ADA), record("c", BEN))
    found = persons(warehouse)
    assert found["a"] == found["b"] == before
    assert found["c"] > before
    assert events(warehouse)[1:] == ["created", "split"]


def test_a_record_that_changes_hands_is_moved(warehouse: FreshWarehouse) -> None:
    index(warehouse, record("a", ADA), record("b", ADA), record("c", BEN), record("d", ADA))
    before = persons(warehouse)
    index(warehouse, record("a", ADA), record("b", ADA), record("c", BEN), record("d", BEN))
    assert persons(warehouse)["d"] == before["c"]
    assert warehouse.rows("select person_id, other_person_id, person_record_id from person_index.event where kind = 'moved'") == [
        (before["c"], before["a"], "d")
    ]


def test_an_id_is_never_used_again(warehouse: FreshWarehouse) -> None:
    index(warehouse, record("a", ADA))
    gone = persons(warehouse)["a"]
    index(warehouse, record("b", BEN))
    assert events(warehouse) == ["created", "created", "retired"]
    index(warehouse, record("a", ADA), record("b", BEN))
    assert persons(warehouse)["a"] != gone


def test_an_update_that_is_stopped_leaves_the_index_as_it_was(warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    index(warehouse, record("a", ADA), record("b", BEN))
    before = persons(warehouse), events(warehouse)

    def stopped(connection: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(identities, "_write_memberships", stopped)
    with pytest.raises(KeyboardInterrupt):
        index(warehouse, record("a", ADA), record("b", ADA), record("c", BEN))
    assert (persons(warehouse), events(warehouse)) == before


def test_the_answer_key_judges_pairs(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    index(warehouse, record("c/cld/1", ADA), record("t/apc/1", ADA), record("t/apc/2", ADA), record("h/housing/1"))
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
