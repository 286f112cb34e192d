"""Who is who on tables of a few records, by the model that is shipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from cares.person_index import index
from cares.person_index.descriptions import COLUMNS
from cares.person_index.model import Model

ANN = {
    "forename": "Annabel", "surname": "Thistlewood", "date_of_birth": "1961-04-17", "sex": "F",
    "address": "14 Mill Lane", "postcode": "NR4 7TJ",
}  # fmt: skip
# Numbers for testing that pass the check digit.
FIRST, SECOND = "9434765919", "9434765870"


def rows_of(**records: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each record, its name the record id and, unless it is told, its source."""
    return [{"record_id": name, "source": name} | told for name, told in records.items()]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load()


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


def persons(
    connection: duckdb.DuckDBPyConnection, model: Model, rows: list[dict[str, Any]], **decisions: Any
) -> set[frozenset[str]]:
    """The persons found, each the set of its record ids."""
    flags = ("is_nhs_number_verified", "is_current")
    columns = {
        name: pa.array([row.get(name) for row in rows], pa.bool_() if name in flags else pa.string())
        for name in COLUMNS
    }  # fmt: skip
    connection.register("told", pa.table(columns))
    index.recognise(connection, "told", model, **decisions)
    found = connection.execute("select list(record_id) from person_cluster group by cluster").fetchall()
    return {frozenset(records) for (records,) in found}


def are_one(connection: duckdb.DuckDBPyConnection, *records: str) -> bool:
    """Are these records of the last table one person."""
    clusters = {
        cluster
        for (cluster,) in connection.execute(
            "select cluster from person_cluster where list_contains(?, record_id)", [list(records)]
        ).fetchall()
    }
    return len(clusters) == 1


def test_twins_are_two_people(connection, model):
    """One initial, one home, one birth date: their own numbers keep them apart, and names tell a record without a number."""
    twins = ANN | {"surname": "Oakenfull", "date_of_birth": "2011-09-03", "address": "3 Quay Street"}
    jack, john = twins | {"forename": "Jack", "sex": "M"}, twins | {"forename": "Jonah", "sex": "M"}
    persons(
        connection,
        model,
        rows_of(
            gp_jack=jack | {"nhs_number": FIRST, "is_nhs_number_verified": True},
            gp_jonah=john | {"nhs_number": SECOND, "is_nhs_number_verified": True},
            school_jack=jack | {"nhs_number": FIRST},
            school_jonah=john,
            initial_alone=twins | {"forename": "J", "sex": "M"},
        ),
    )
    assert are_one(connection, "gp_jack", "school_jack")
    assert are_one(connection, "gp_jonah", "school_jonah")
    assert not are_one(connection, "gp_jack", "gp_jonah")
    assert not are_one(connection, "initial_alone", "gp_jack")
    assert not are_one(connection, "initial_alone", "gp_jonah")


def test_a_family_at_one_address_is_several_people(connection, model):
    """Father and son of one name, and whoever shares their telephone and their home."""
    home = {"surname": "Featherstone", "address": "8 Orchard Close", "postcode": "IP4 2RB", "phone": "01473 555012"}
    people = rows_of(
        father=home | {"forename": "Peter", "date_of_birth": "1958-02-11", "sex": "M"},
        son=home | {"forename": "Peter", "date_of_birth": "1987-10-29", "sex": "M"},
        mother=home | {"forename": "Margaret", "date_of_birth": "1960-06-05", "sex": "F"},
        daughter=home | {"forename": "Lucy", "date_of_birth": "1991-12-24", "sex": "F"},
    )
    assert len(persons(connection, model, people)) == 4


def test_a_former_surname_ties_a_record_to_the_life_before(connection, model):
    """No number anywhere; the record with both surnames has two descriptions."""
    people = rows_of(before=ANN | {"surname": "Thistlewood"})
    people += [
        {"record_id": "now", "source": "gp"} | ANN | {"surname": "Karimova", "is_current": True},
        {"record_id": "now", "source": "gp"} | ANN | {"is_current": False},
    ]
    assert persons(connection, model, people) == {frozenset({"before", "now"})}


def test_a_child_with_a_new_identity_is_not_linked_to_the_old(connection, model):
    """Two verified numbers keep them apart, whatever else is the same."""
    child = {"forename": "Poppy", "date_of_birth": "2017-05-21", "sex": "F", "is_nhs_number_verified": True}
    people = rows_of(
        old=child | {"surname": "Marlowe", "nhs_number": FIRST, "address": "2 High Street", "postcode": "NR1 3QT"},
        new=child | {"surname": "Winterbourne", "nhs_number": SECOND, "address": "51 Beech Avenue", "postcode": "IP3 8LA"},
    )
    assert len(persons(connection, model, people)) == 2


def test_two_people_on_one_number_stay_two(connection, model):
    other = {"forename": "Tobias", "surname": "Grantham", "date_of_birth": "1994-11-30", "sex": "M", "postcode": "IP1 1AA"}
    people = rows_of(ann=ANN | {"nhs_number": FIRST, "is_nhs_number_verified": True}, tobias=other | {"nhs_number": FIRST})
    assert len(persons(connection, model, people)) == 2


def test_a_name_alone_never_links(connection, model):
    name = {"forename": "Annabel", "surname": "Thistlewood"}
    assert len(persons(connection, model, rows_of(one=name, other=name))) == 2


def test_a_default_birth_date_neither_links_nor_separates(connection, model):
    persons(
        connection,
        model,
        rows_of(
            ann=ANN,
            ann_without_date=ANN | {"date_of_birth": "1900-01-01"},
            tom={"forename": "Tom", "surname": "Harrowgate", "date_of_birth": "1900-01-01"},
            tim={"forename": "Tim", "surname": "Harrowgate", "date_of_birth": "1900-01-01"},
        ),
    )
    assert are_one(connection, "ann", "ann_without_date")
    assert not are_one(connection, "tom", "tim")


@pytest.mark.parametrize(
    "slip",
    [
        {"forename": "Thistlewood", "surname": "Annabel"},
        {"date_of_birth": "1961-04-11"},
        {"surname": "Thistlewod"},
        {"address": "Flat 2, 90 Castle Road", "postcode": "IP2 9QQ"},
    ],
    ids=["names swapped", "one digit", "one letter", "moved house"],
)
def test_a_slip_of_the_pen_does_not_make_two_people(connection, model, slip):
    assert len(persons(connection, model, rows_of(one=ANN, other=ANN | slip))) == 1


def test_other_forms_of_a_name_are_one_person(connection, model):
    """Names of several cultures, and day and month swapped, each a person of their own."""
    forms = [
        ("William", "Bill", "Ashdown", "1950-03-04"),
        ("Muhammad", "Mohammed", "Rahimi", "1979-08-19"),
        ("Aleksandra", "Ola", "Wieczorek", "1985-01-27"),
    ]
    people = rows_of(one=ANN | {"date_of_birth": "1961-04-07"}, one_swapped=ANN | {"date_of_birth": "1961-07-04"})
    for at, (name, other, surname, born) in enumerate(forms):
        told = {"surname": surname, "date_of_birth": born, "address": f"{at + 20} Priory Road", "postcode": f"NR{at + 2} 5AB"}
        people += rows_of(**{f"{at}": told | {"forename": name}, f"{at} otherwise": told | {"forename": other}})
    assert persons(connection, model, people) == {
        frozenset({"one", "one_swapped"}), *(frozenset({f"{at}", f"{at} otherwise"}) for at in range(3))
    }  # fmt: skip


def test_what_people_decided_stands_above_any_guard(connection, model):
    other = {"forename": "Tobias", "surname": "Grantham", "date_of_birth": "1994-11-30", "nhs_number": SECOND}
    people = rows_of(ann=ANN | {"nhs_number": FIRST}, ann_again=ANN | {"nhs_number": FIRST}, tobias=other)
    found = persons(connection, model, people, must_link=[("ann", "tobias")], must_not_link=[("ann", "ann_again")])
    assert found == {frozenset({"ann", "tobias"}), frozenset({"ann_again"})}


def gp_record_with_an_earlier_number(is_verified: bool = False) -> list[dict[str, Any]]:
    both = ANN | {"record_id": "gp", "source": "gp", "is_nhs_number_verified": is_verified}
    return [both | {"nhs_number": FIRST, "is_current": True}, both | {"nhs_number": SECOND, "is_current": False}]


def test_an_earlier_number_does_not_separate(connection, model):
    people = gp_record_with_an_earlier_number() + rows_of(clinic=ANN | {"nhs_number": FIRST})
    assert persons(connection, model, people) == {frozenset({"gp", "clinic"})}


def test_nobody_holds_two_verified_numbers_in_force(connection, model):
    """One record's earlier number is in force for another, which is described in the very same words."""
    people = gp_record_with_an_earlier_number(is_verified=True)
    people += rows_of(ward=ANN | {"nhs_number": SECOND, "is_nhs_number_verified": True})
    assert persons(connection, model, people) == {frozenset({"gp"}), frozenset({"ward"})}


def test_the_order_of_rows_never_matters(connection, model):
    people = rows_of(
        a=ANN,
        b=ANN | {"forename": "Bella"},
        c=ANN | {"surname": "Wood"},
        d=ANN | {"date_of_birth": "1961-04-18"},
        e=ANN | {"sex": "M"},
    )
    assert persons(connection, model, people) == persons(connection, model, people[::-1])


def test_a_telephone_that_a_home_shares_does_not_make_twins_one(connection, model):
    """Nobody's number is known, and the two agree in all but the forename."""
    twin = ANN | {"surname": "Oakenfull", "date_of_birth": "2011-09-03", "address": "3 Quay Street", "phone": "01744 123456"}
    people = rows_of(rosie=twin | {"forename": "Rosie"}, harriet=twin | {"forename": "Harriet"})
    assert persons(connection, model, people) == {frozenset({"rosie"}), frozenset({"harriet"})}
