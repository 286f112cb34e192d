"""An update of the index: a night's changes are enough, whatever is killed leaves nothing half done, decisions hold."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import replace
from typing import Any

import pytest

from cares import person_index
from cares.embedded_server import WarehouseError
from cares.person_index import decisions, identities, models, store, updating
from cares.person_index.model import Model
from cares.settings import VAR
from fresh_warehouse import FreshWarehouse

ADA, BEN = "9434765919", "9434765870"
COLUMNS = {
    "person_record_id": "text", "fingerprint": "text", "organisation": "text", "source": "text", "nhs_number": "text",
    "is_nhs_number_verified": "boolean", "forename": "text", "middle_name": "text", "surname": "text", "born_on": "date",
    "sex_code": "text", "address": "text", "postcode": "text", "uprn": "text", "phone": "text", "described_on": "date",
    "is_current": "boolean", "has_identity_change": "boolean",
}  # fmt: skip
Description = dict[str, Any]


def ada(record_id: str, **otherwise: Any) -> Description:
    """Ada O'Brien as a source describes her, but for what it says otherwise."""
    return {
        "person_record_id": record_id, "forename": "Ada", "surname": "O'Brien", "born_on": "1950-02-28", "sex_code": "F",
        "postcode": "WA10 1AB", "address": "12 High Street", "is_current": True, **otherwise,
    }  # fmt: skip


def ben(record_id: str, **otherwise: Any) -> Description:
    return ada(record_id, **{"forename": "Ben", "surname": "Carter", "born_on": "1981-07-03", "sex_code": "M", "postcode": "WA9 2CD",
                             "address": "3 Mill Lane", **otherwise})  # fmt: skip


def describe(warehouse: FreshWarehouse, *descriptions: Description) -> None:
    """Let these be all descriptions of all person records."""
    with warehouse.connect() as connection:
        connection.execute("drop table if exists intermediate.int_person_descriptions cascade")
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"create table intermediate.int_person_descriptions ({columns})")
        for each in descriptions:
            organisation, source, _ = each["person_record_id"].split("/")
            row = {"organisation": organisation, "source": source, **each}
            row["fingerprint"] = str(sorted((name, str(value)) for name, value in row.items()))
            connection.execute(
                f"insert into intermediate.int_person_descriptions ({', '.join(row)}) values ({', '.join(f'%({name})s' for name in row)})",
                row,
            )
        connection.execute(
            """create view intermediate.int_person_records as
               select * from intermediate.int_person_descriptions where is_current"""
        )


def persons(warehouse: FreshWarehouse) -> list[list[str]]:
    """Who is one person now: the records of each."""
    return [
        records
        for (records,) in warehouse.rows(
            """select array_agg(person_record_id order by person_record_id) from person_index.membership where valid_to is null
               group by person_id order by 1"""
        )
    ]


def edges(warehouse: FreshWarehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "select description_l, description_r, weight from person_index.edge where valid_to is null order by 1, 2"
    )


def test_records_that_agree_are_one_person_and_others_are_not(warehouse: FreshWarehouse) -> None:
    describe(
        warehouse,
        ada("c/cld/1", nhs_number=ADA),
        ada("t/housing/1", forename="ADA", surname="OBrien"),
        ben("c/cld/2", nhs_number=BEN),
        ben("t/housing/2", postcode="WA9 2CE"),
    )
    person_index.update()
    assert persons(warehouse) == [["c/cld/1", "t/housing/1"], ["c/cld/2", "t/housing/2"]]


def test_five_nights_give_what_one_full_run_gives_edge_for_edge(warehouse: FreshWarehouse) -> None:
    """With the model and the counted names as they were, whatever came in between: new, changed and gone records."""
    chance = random.Random(6)
    surnames, forenames = ("Smith", "Jones", "Kenyon", "Nowak", "O'Brien"), ("Ann", "Anne", "John", "Jon", "Kasia", "Katarzyna")

    def somebody(number: int) -> Description:
        return ada(
            f"c/cld/{number}",
            forename=chance.choice(forenames),
            surname=chance.choice(surnames),
            born_on=f"19{chance.randint(70, 73)}-0{chance.randint(1, 3)}-1{chance.randint(0, 3)}",
            sex_code=chance.choice("MF"),
            postcode=chance.choice(("WA10 1AB", "WA9 2CD", None)),
            nhs_number=chance.choice((ADA, BEN, None, None, None, None, None, None)),
        )

    everybody = {number: somebody(number) for number in range(200)}
    describe(warehouse, *everybody.values())
    person_index.update()
    for _ in range(5):
        for number in chance.sample(range(260), 30):
            if chance.random() < 0.3:
                everybody.pop(number, None)
            else:
                everybody[number] = somebody(number)
        shuffled = list(everybody.values())
        chance.shuffle(shuffled)
        describe(warehouse, *shuffled)
        person_index.update()
    kinds = [kind for (kind,) in warehouse.rows("select kind from person_index.update order by update_id")]
    assert kinds == ["full", *["increment"] * 5]
    after_nights = persons(warehouse), edges(warehouse)
    compare_everything_with_the_same_counts(warehouse)
    assert (persons(warehouse), edges(warehouse)) == after_nights


def compare_everything_with_the_same_counts(warehouse: FreshWarehouse) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(updating, "_has_grown", lambda duck: True)
        patch.setattr(updating.index.scoring, "count_frequencies", lambda connection: None)
        before = updating._fitted
        counted = store.descriptions_counted()
        patch.setattr(updating, "_fitted", lambda duck, model: before(FixedCount(counted), model))
        person_index.update()


class FixedCount:
    """Answers how many descriptions were counted with what was counted before."""

    def __init__(self, counted: int) -> None:
        self._counted = counted

    def execute(self, query: str) -> FixedCount:
        return self

    def fetchall(self) -> list[tuple[int]]:
        return [(self._counted,)]


def test_a_night_without_changes_changes_nothing(warehouse: FreshWarehouse) -> None:
    describe(warehouse, ada("c/cld/1"), ada("t/housing/1"))
    person_index.update()
    before = warehouse.rows("select * from person_index.membership order by membership_id"), edges(warehouse)
    summary = person_index.update()
    assert (summary.created, summary.merged, summary.split, summary.moved) == (0, 0, 0, 0)
    assert (warehouse.rows("select * from person_index.membership order by membership_id"), edges(warehouse)) == before


def test_a_record_that_changes_its_words_moves_and_one_that_is_described_no_more_leaves(warehouse: FreshWarehouse) -> None:
    describe(warehouse, ada("c/cld/1", nhs_number=ADA), ada("t/housing/1"), ben("c/cld/2", nhs_number=BEN))
    person_index.update()
    describe(warehouse, ada("c/cld/1", nhs_number=ADA), ben("t/housing/1"), ben("c/cld/2", nhs_number=BEN))
    person_index.update()
    assert persons(warehouse) == [["c/cld/1"], ["c/cld/2", "t/housing/1"]]
    describe(warehouse, ada("c/cld/1", nhs_number=ADA), ben("t/housing/1"))
    person_index.update()
    assert persons(warehouse) == [["c/cld/1"], ["t/housing/1"]]


def test_what_people_decide_holds_over_guards_and_agreement_and_through_a_full_run(warehouse: FreshWarehouse) -> None:
    describe(warehouse, ada("c/cld/1"), ada("t/housing/1"), ben("c/cld/2"))
    person_index.update()
    assert ["c/cld/1", "t/housing/1"] in persons(warehouse)
    decisions.decide("c/cld/1", "t/housing/1", "must not link", "met both")
    decisions.decide("c/cld/1", "c/cld/2", "must link", "changed everything at once, seen the papers")
    person_index.update()
    decided = [["c/cld/1", "c/cld/2"], ["t/housing/1"]]
    assert persons(warehouse) == decided
    store.discard()
    person_index.update()
    assert persons(warehouse) == decided


def test_killed_at_any_point_an_update_leaves_the_index_as_it_was(warehouse: FreshWarehouse) -> None:
    describe(warehouse, ada("c/cld/1", nhs_number=ADA), ada("t/housing/1"), ben("c/cld/2"))
    person_index.update()
    before = persons(warehouse), edges(warehouse), warehouse.rows("select * from person_index.event order by event_id")
    describe(warehouse, ada("c/cld/1", nhs_number=ADA), ben("t/housing/1"), ben("c/cld/2"))
    for module, step in (
        (updating.index, "take_in_changes"),
        (updating.index, "judge"),
        (store.Store, "write_edges"),
        (identities, "keep"),
        (decisions, "raise_pairs"),
        (store.Store, "finish"),
    ):
        kill_before(module, step)
        now = persons(warehouse), edges(warehouse), warehouse.rows("select * from person_index.event order by event_id")
        assert now == before, f"killed before {step}"
    person_index.update()
    assert persons(warehouse) == [["c/cld/1"], ["c/cld/2", "t/housing/1"]]


def kill_before(where: Any, step: str) -> None:
    """Update in a process of its own that is killed just before a step."""
    child = os.fork()
    if child == 0:
        setattr(where, step, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        try:
            person_index.update()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, f"{step} was never reached"


@pytest.fixture(autouse=True)
def no_working_copy() -> None:
    store.discard()
    assert VAR.exists()


def test_another_model_compares_everything_anew_and_persons_keep_their_numbers(warehouse: FreshWarehouse) -> None:
    describe(warehouse, ada("c/cld/1"), ada("t/housing/1"), ben("c/cld/2"))
    person_index.update()
    before = warehouse.rows("select person_record_id, person_id from person_index.membership where valid_to is null order by 1")
    with warehouse.connect() as connection:
        models.put_in_force(connection, replace(Model.load(), version="2026-12"))
    person_index.update()
    assert warehouse.rows("select kind, split_part(model, ',', 1) = '2026-12' from person_index.update order by update_id") == [
        ("full", False),
        ("full", True),
    ]
    assert (
        warehouse.rows("select person_record_id, person_id from person_index.membership where valid_to is null order by 1")
        == before
    )
    with warehouse.connect() as connection:
        models.put_back_in_force(connection, "shipped")
        assert models.in_force(connection).version == Model.load().version
        with pytest.raises(WarehouseError, match="There are: 2026-12, shipped"):
            models.put_back_in_force(connection, "2031-01")


def test_a_model_that_is_not_as_it_was_kept_is_not_used(warehouse: FreshWarehouse) -> None:
    describe(warehouse, ada("c/cld/1"))
    with warehouse.connect() as connection:
        models.put_in_force(connection, replace(Model.load(), version="2026-12"))
    (VAR / "person_index" / "models" / "2026-12.json").write_text("{}")
    with pytest.raises(
        WarehouseError, match="is not in the folder person_index/models of the run-time state as it was put there"
    ):
        person_index.update()
