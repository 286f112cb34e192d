"""Pair decisions: what people are asked about, most harmful first, what they said, and how it is taken back.

A person is written as the letters of its records: "ab" are the records a and b of one person.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

import pytest
from typer.testing import CliRunner, Result

from cares.cli import typer_app
from cares.person_index import decisions, identities, withholding
from cares.person_index.decisions import DecisionError
from fresh_warehouse import FreshWarehouse

ADA = "9876543210"
BEN = "9434765919"
Refused = tuple[str, str, str, float]


@pytest.fixture(scope="module")
def with_tables(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """The tables of person records as the index reads them."""
    with warehouse_of_module.connect() as connection:
        connection.execute(
            """create table intermediate.int_person_records (
                   person_record_id text primary key, nhs_number text, is_nhs_number_verified boolean default false,
                   has_identity_change boolean default false, raw_nhs_number text, forename text, middle_name text, surname text,
                   former_surname text, born_on date, died_on date, sex_code text, address text, postcode text, uprn text,
                   phone text, gp_practice_code text, described_on date, is_in_force boolean default true)"""
        )
        connection.execute(
            """create table intermediate.int_person_descriptions (
                   person_record_id text, fingerprint text, is_current boolean, described_on date, nhs_number text, forename text,
                   middle_name text, surname text, born_on date, sex_code text, address text, postcode text, phone text)"""
        )
        connection.execute("create table intermediate.int_care_events (care_event_id text, person_record_id text)")
    return warehouse_of_module


@pytest.fixture
def index(with_tables: FreshWarehouse) -> FreshWarehouse:
    """An empty index; a record is described by nothing but a letter, until a test says more."""
    with with_tables.connect() as connection:
        connection.execute("truncate intermediate.int_person_records, intermediate.int_care_events")
    with with_tables.connect("owner") as owner:
        owner.execute(
            """truncate person_index.person, person_index.membership, person_index.event, person_index.pair_to_decide,
                   person_index.pair_decision, person_index.withheld_record restart identity cascade"""
        )
    return with_tables


def update(warehouse: FreshWarehouse, *persons: str, refused: Iterable[Refused] = (), gone: str = "") -> decisions.InForce:
    """An update of the index that finds these persons and refuses these links; what it had to obey."""
    with warehouse.connect() as connection:
        in_force = decisions.decisions_in_force(connection)
        connection.execute("create temporary table cluster (person_record_id text, cluster text, rule text) on commit drop")
        connection.execute(
            "create temporary table gone on commit drop as select unnest(%s::text[]) as person_record_id", (list(gone),)
        )
        for person in persons:
            for record in person:
                connection.execute("insert into cluster values (%s, %s, 'test')", (record, person))
                connection.execute(
                    "insert into intermediate.int_person_records (person_record_id) values (%s) on conflict do nothing", (record,)
                )
        identities.keep(connection, time.monotonic())
        decisions.raise_pairs(connection, refused)
        withholding.end_where_split(connection)
        return in_force


def describe(warehouse: FreshWarehouse, record: str, **said: object) -> None:
    with warehouse.connect() as connection:
        connection.execute(
            """insert into intermediate.int_person_records
               select * from jsonb_populate_record(null::intermediate.int_person_records, %s::jsonb)""",
            (json.dumps(said | {"person_record_id": record, "is_in_force": True}),),
        )


def asked(reader: decisions.Reader = decisions.CLERK) -> list[str]:
    return [pair.record_l + pair.record_r for pair in decisions.queue(reader)]


def cares(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(typer_app, ["person-index", *words], input=typed)


def test_the_pair_that_would_do_most_harm_is_asked_first(index: FreshWarehouse) -> None:
    update(
        index, "a", "b", "cde", "f", "g", "h",
        refused=[("a", "b", "grey", 0.0), ("f", "c", "birth dates", 5.0), ("g", "h", "grey", -2.9)],
    )  # fmt: skip
    # f and c, d, e: four records and a guard; a and b: even odds; g and h: most likely two persons.
    assert asked() == ["cf", "ab", "gh"]
    assert [pair.harm for pair in decisions.queue()] == [4.0, 2.0, pytest.approx(0.83, abs=0.01)]


def test_care_weighs_as_much_as_a_record(index: FreshWarehouse) -> None:
    with index.connect() as connection:
        connection.execute("insert into intermediate.int_care_events select n, 'd' from generate_series(1, 10) as n")
    update(index, "a", "b", "c", "d", refused=[("a", "b", "two candidates", 4.0), ("c", "d", "two candidates", 4.0)])
    assert [(pair.record_l + pair.record_r, pair.harm) for pair in decisions.queue()] == [("cd", 12.0), ("ab", 2.0)]


def test_two_persons_are_asked_about_once_by_their_likeliest_pair_and_keep_their_number(index: FreshWarehouse) -> None:
    update(index, "ab", "cd", refused=[("a", "c", "birth dates", 4.0), ("d", "b", "birth dates", 6.0)])
    first = decisions.queue()
    assert [(pair.record_l, pair.record_r, pair.weight) for pair in first] == [("b", "d", 6.0)]
    update(index, "ab", "cd", refused=[("a", "c", "birth dates", 8.0), ("d", "b", "birth dates", 5.0)])
    assert [(pair.pair_id, pair.weight) for pair in decisions.queue()] == [(first[0].pair_id, 5.0)]


def test_a_question_that_is_none_any_more_is_closed(index: FreshWarehouse) -> None:
    update(index, "a", "b", "c", "d", refused=[("a", "b", "grey", 1.0), ("c", "d", "grey", 1.0)])
    # This update judges a and b only.
    update(index, "ab")
    assert asked() == ["cd"]


def test_a_decided_pair_is_obeyed_and_not_asked_again_until_it_is_undone(index: FreshWarehouse) -> None:
    question = [("a", "b", "grey", 1.0)]
    update(index, "a", "b", refused=question)
    number = decisions.decide("b", "a", "must not link", "two letters came back")
    assert asked() == []
    assert update(index, "a", "b", refused=question) == ([], [("a", "b")], ["a", "b"])
    assert asked() == []
    # The next one obeys as well, and has no reason to judge the two anew.
    assert update(index, "a", "b", refused=question) == ([], [("a", "b")], [])
    decisions.undo(number, "it was one letter")
    assert asked() == ["ab"]
    assert update(index, "a", "b", refused=question) == ([], [], ["a", "b"])
    assert asked() == ["ab"]


def test_a_decision_is_kept_with_who_when_and_why(index: FreshWarehouse) -> None:
    update(index, "a", "b")
    number = decisions.decide("a", "b", "must link", "seen her passport")
    decisions.undo(number, "it was her sister's")
    told = index.rows(
        "select decided_by = undone_by, reason, undone_because, decided_at < undone_at from person_index.pair_decision"
    )
    assert told == [(True, "seen her passport", "it was her sister's", True)]
    with pytest.raises(DecisionError, match=f"Decision {number} was taken back before"):
        decisions.undo(number, "again")


def test_an_update_that_fails_has_taken_up_nothing(index: FreshWarehouse) -> None:
    update(index, "a", "b")
    decisions.decide("a", "b", "must link", "one and the same")
    with index.connect() as connection:
        assert decisions.decisions_in_force(connection).touched == ["a", "b"]
        connection.rollback()
    assert update(index, "ab") == ([("a", "b")], [], ["a", "b"])


def test_decisions_that_contradict_each_other_are_refused_with_the_one_in_the_way(index: FreshWarehouse) -> None:
    update(index, "a", "b", "c", "d")
    decisions.decide("a", "b", "must link", "one")
    decisions.decide("b", "c", "must link", "one")
    with pytest.raises(DecisionError, match="decision 1 and decision 2 are in the way; taken together .* one person"):
        decisions.decide("a", "c", "must not link", "two")
    decisions.decide("c", "d", "must not link", "two")
    with pytest.raises(DecisionError, match="decision 3 is in the way; with what was linked before, it keeps these two apart"):
        decisions.decide("d", "a", "must link", "one")
    with pytest.raises(DecisionError, match="decision 1 is in the way; it says already that these two are to be linked"):
        decisions.decide("a", "b", "must not link", "two")
    decisions.undo(3, "they are one after all")
    decisions.decide("d", "a", "must link", "one")


@pytest.mark.parametrize(
    ("left", "right", "because", "told"),
    [
        ("a", "a", "why", "two different"),
        ("a", "nobody", "why", "organisation, its source and the source's own id"),
        ("a", "b", "  ", "Say why in one line"),
        ("a", "b", "two\nlines", "Say why in one line"),
    ],
)
def test_what_cannot_be_kept_is_refused(index: FreshWarehouse, left: str, right: str, because: str, told: str) -> None:
    update(index, "a", "b")
    with pytest.raises(DecisionError, match=told):
        decisions.decide(left, right, "must link", because)


def two_verified_numbers(index: FreshWarehouse) -> None:
    """Two records alike, each with a verified NHS number of its own: somebody may have been given a new identity."""
    describe(index, "a", nhs_number=ADA, is_nhs_number_verified=True, has_identity_change=False)
    describe(index, "b", nhs_number=BEN, is_nhs_number_verified=True, has_identity_change=False)
    update(index, "a", "b", refused=[("a", "b", "two NHS numbers", 9.0)])


def test_near_identical_records_with_two_verified_numbers_are_seen_by_the_guardian_only(index: FreshWarehouse) -> None:
    two_verified_numbers(index)
    assert asked() == []
    with pytest.raises(DecisionError, match="no open pair 1"):
        decisions.pair(1)
    assert "nothing to decide" in cares("queue").output
    assert asked(decisions.GUARDIAN) == ["ab"]
    assert "each has an NHS number of its own" in cares("queue", "--sealed").output
    for role in ("governance", "engineer"):
        assert index.rows("select * from person_index.pair_to_decide", role=role) == []


def test_the_sealed_queue_is_closed_to_whoever_has_not_the_guardians_password(
    index: FreshWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_verified_numbers(index)
    password = "CARES_REFUSED"
    monkeypatch.setattr("cares.warehouse.password", lambda role: password)
    assert cares("queue", "--sealed").exit_code == 1


def test_a_record_that_tells_of_an_adoption_is_sealed_with_whatever_looks_like_it(index: FreshWarehouse) -> None:
    describe(index, "a", has_identity_change=True, is_nhs_number_verified=False)
    update(index, "ax", "b", refused=[("x", "b", "grey", 1.0)])
    assert (asked(), asked(decisions.GUARDIAN)) == ([], ["bx"])


def test_a_sealed_pair_is_kept_apart_until_the_guardian_links_it(index: FreshWarehouse) -> None:
    two_verified_numbers(index)
    # Even when what kept them apart is not known any more.
    with index.connect() as connection:
        connection.execute("update intermediate.int_person_records set nhs_number = null, is_nhs_number_verified = false")
    assert update(index, "a", "b").must_not_link == [("a", "b")]
    assert asked(decisions.GUARDIAN) == ["ab"]
    with pytest.raises(DecisionError, match="Ask the Caldicott guardian"):
        decisions.decide("a", "b", "must link", "they look alike")
    number = decisions.decide("a", "b", "must link", "instruction 7 of the court", decisions.GUARDIAN)
    assert update(index, "ab") == ([("a", "b")], [], ["a", "b"])
    assert asked(decisions.GUARDIAN) == []
    with pytest.raises(DecisionError, match=f"There is no decision {number}"):
        decisions.undo(number, "who did this")


def test_nobody_links_a_sealed_pair_by_way_of_a_third_record(index: FreshWarehouse) -> None:
    two_verified_numbers(index)
    update(index, "a", "b", "c", refused=[("a", "b", "must not link", 9.0)])
    decisions.decide("a", "c", "must link", "one address")
    with pytest.raises(DecisionError, match="Ask the Caldicott guardian"):
        decisions.decide("c", "b", "must link", "one address")


def ask_about_two(index: FreshWarehouse) -> None:
    describe(index, "a", forename="Ada", surname="Ash", born_on="1935-02-28", sex_code="2", has_identity_change=False)
    describe(index, "b", forename="Ada", surname="[red]Beech\x1b[2J", born_on="1935-02-28", has_identity_change=False)
    describe(index, "o", forename="Other", surname="Record", has_identity_change=False)
    update(index, "ao", "b", refused=[("a", "b", "grey", 1.5)])


def test_a_clerk_sees_both_records_and_their_differences_and_no_weight(index: FreshWarehouse) -> None:
    ask_about_two(index)
    shown = cares("decide", typed="s\nmarried in May\n")
    lines = {line.split("  ")[0].strip(): line for line in shown.output.splitlines()}
    assert "differs" in lines["surname"] and "Ash" in lines["surname"] and "[red]Beech?[2J" in lines["surname"]
    assert "=" in lines["born on"] and "differs" not in lines["sex"]
    assert "left, a: linked already with:\n  o: Other, Record" in shown.output
    assert "Match weight" not in shown.output
    assert "Decision 1: one person." in shown.output
    assert index.rows("select decision, reason from person_index.pair_decision") == [("must link", "married in May")]


def test_a_clerk_may_ask_for_the_weight_skip_and_stop(index: FreshWarehouse) -> None:
    ask_about_two(index)
    assert "the odds are 3 to 1 that they are one person" in cares("decide", "1", typed="w\nk\n").output
    assert "Match weight 1.5" in cares("decide", "--weight", typed="q\n").output
    assert index.rows("select * from person_index.pair_decision") == []
    assert asked() == ["ab"]


def test_the_queue_shows_no_name(index: FreshWarehouse) -> None:
    ask_about_two(index)
    shown = cares("queue").output
    assert "neither likely nor unlikely enough" in shown
    assert "Ada" not in shown and "Ash" not in shown


def test_decisions_are_made_and_undone_without_being_asked(index: FreshWarehouse) -> None:
    update(index, "a", "b")
    assert "cares person-index undo 1" in cares("must-link", "a", "b", "--because", "one passport").output
    assert cares("undo", "1", "--because", "two passports").exit_code == 0
    assert "not one person" in cares("must-not-link", "a", "b", "--because", "two passports").output
    assert update(index, "a", "b").must_not_link == [("a", "b")]


def test_a_withheld_pair_is_kept_apart_even_if_people_had_linked_it(index: FreshWarehouse) -> None:
    update(index, "ab")
    decisions.decide("a", "b", "must link", "one address")
    shown = cares("withhold", "a", "b", "--because", "two people")
    assert "Nobody has opened the Shared Care Record of either" in shown.output
    assert update(index, "a", "b") == ([], [("a", "b")], ["a", "b"])
    with pytest.raises(DecisionError, match="decision 2 is in the way"):
        decisions.decide("a", "b", "must link", "one address")


def test_a_withholding_ends_when_the_index_has_split_the_two(index: FreshWarehouse) -> None:
    update(index, "ab")
    withholding.withhold("a", "b", "two people")
    with pytest.raises(DecisionError, match="withheld already"):
        withholding.withhold("b", "a", "two people")
    update(index, "ab")
    assert index.rows("select split_at from person_index.withheld_record") == [(None,), (None,)]
    update(index, "a", "b")
    assert index.rows("select split_at > withheld_at, released_at from person_index.withheld_record") == [(True, None)] * 2


def test_what_stands_in_the_way_of_a_withholding_does_not_hold_it_up(index: FreshWarehouse) -> None:
    update(index, "abc")
    decisions.decide("a", "b", "must link", "one")
    decisions.decide("b", "c", "must link", "one")
    with pytest.raises(DecisionError, match="Both records are withheld, but .* decision 1 and decision 2 are in the way"):
        withholding.withhold("a", "c", "two people")
    assert index.rows("select person_record_id from person_index.withheld_record order by 1") == [("a",), ("c",)]
