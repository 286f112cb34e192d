"""Why two records are one person, or are not: what is told adds up, names nobody unasked, and keeps what is sealed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import psycopg
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cares.cli import typer_app
from cares.person_index import clustering, explaining, scoring, waterfall
from cares.person_index import store as index_store
from cares.person_index.explaining import Link, odds
from cares.person_index.index import recognise
from cares.person_index.model import FREQUENCY_COLUMN, Model
from fresh_warehouse import FreshWarehouse

COLUMNS = {
    "person_record_id": "text", "fingerprint": "text", "organisation": "text", "source": "text", "nhs_number": "text", "raw_nhs_number": "text",
    "is_nhs_number_verified": "boolean", "forename": "text", "middle_name": "text", "surname": "text", "born_on": "date",
    "sex_code": "text", "address": "text", "postcode": "text", "uprn": "text", "phone": "text", "is_current": "boolean", "has_identity_change": "boolean",
}  # fmt: skip
NAMES = ("forename", "surname", "date_of_birth", "address", "postcode", "nhs_number")


def nhs_number(first_nine: int) -> str:
    """A number with its check digit; nobody's, as those that begin with 999 are never given out."""
    total = sum((10 - place) * int(digit) for place, digit in enumerate(f"{first_nine:09d}"))
    return f"{first_nine:09d}{(11 - total % 11) % 11}"


# Everybody is made up. A record, then its forename, surname, birth date, address, postcode and NHS number.
ROBERT = [
    ("hospital/ecds/1", "Robert", "Hollis", "1950-02-03", "1 High Street", "WA10 1AA", nhs_number(999000001)),
    ("council/cld/1", "Bob", "Hollis", "1950-02-03", "1 High St", "WA10 1AA", None),
    ("hospital/apc/1", "ROBERT", "HOLLIS", "1950-02-03", "1 High Street", "WA10 1AA", nhs_number(999000001)),
]
# She married and moved: only the hospital, which has her number under both names, knows that both are she.
ANN = [
    ("hospital/ecds/2", "Ann", "Pickles", "1962-11-23", "7 Mill Lane", "WA9 3BB", nhs_number(999000002)),
    ("hospital/apc/2", "Ann", "Rowbottom", "1962-11-23", "40 Park Road", "WA11 8QQ", nhs_number(999000002)),
    ("council/cld/2", "Ann", "Rowbottom", "1962-11-23", "40 Park Road", "WA11 8QQ", None),
]
TWO_NUMBERS = [
    ("hospital/ecds/3", "Paul", "Tickle", "1971-06-30", "3 Bold Street", "WA9 1CC", nhs_number(999000003)),
    ("council/cld/3", "Paul", "Tickle", "1971-06-30", "3 Bold Street", "WA9 1CC", nhs_number(999000004)),
]
SEALED = [
    ("hospital/ecds/4", "Zara", "Kettle", "2012-05-05", "5 Oak Close", "WA10 2DD", nhs_number(999000005)),
    ("council/cld/4", "Zara", "Kettle", "2012-05-05", "5 Oak Close", "WA10 2DD", nhs_number(999000006)),
]
DECIDED = [
    ("hospital/ecds/5", "John", "Unsworth", "1940-01-09", "9 Ash Grove", "WA12 9EE", None),
    ("council/cld/5", "John", "Unsworth", "1940-01-09", "9 Ash Grove", "WA12 9EE", None),
]
# Her number is Robert's, by somebody's mistake; what else she was sent with is no number at all.
WENDY = [("council/cld/6", "Wendy", "Molyneux", "1999-12-24", "2 New Road", "WA10 3FF", nhs_number(999000001))]
# A town in which names and birth dates are as common as they are.
TOWN = [
    (f"council/cld/town-{at}", forename, surname, f"{1930 + at % 80}-{at % 12 + 1:02d}-{at % 28 + 1:02d}", f"{at} Long Row", None, None)
    for at, (forename, surname) in enumerate(
        product(
            ("Ann", "Robert", "Paul", "John", "Mary", "Alan", "Susan", "Peter", "Zara", "Leo", "Ruth", "Ian", "Joan", "Max", "Una"),
            ("Smith", "Jones", "Hill", "Ward", "Shaw", "Pye", "Lowe", "Kay", "Birch", "Platt", "Dunn", "Frost", "Garner", "Heaton"),
        )
    )
]  # fmt: skip
EVERYBODY = [*ROBERT, *ANN, *TWO_NUMBERS, *SEALED, *DECIDED, *WENDY, *TOWN]


def as_columns(person: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(NAMES, person[1:], strict=True))


@pytest.fixture(scope="module")
def town(warehouse_of_module: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """The warehouse after the index has recognised everybody, and has asked people about the pairs that it was not to join."""
    kept_apart = (DECIDED[1][0], DECIDED[0][0])
    with warehouse_of_module.connect() as connection, duckdb.connect(str(index_store._file())) as duck:
        connection.execute("drop table if exists intermediate.int_person_descriptions")
        connection.execute(
            f"create table intermediate.int_person_descriptions ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})"
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                """insert into intermediate.int_person_descriptions (person_record_id, forename, surname, born_on, address,
                     postcode, nhs_number, organisation, source, fingerprint, is_current)
                   values (%s, %s, %s, %s, %s, %s, %s, 'x', 'x', 'x', true)""",
                EVERYBODY,
            )
        connection.execute(
            """create table if not exists intermediate.int_person_records as
               select person_record_id, organisation, source, person_record_id as local_person_id, cast(null as text[]) as formats
               from intermediate.int_person_descriptions"""
        )
        told = [{"record_id": person[0], "source": "x"} | as_columns(person) for person in EVERYBODY]
        duck.register("told", pa.Table.from_pylist(told))
        duck.execute("create table counted as select count(*) as descriptions from told")
        model = replace(Model.load(), prior=Model.load().prior_among(len(told)))
        recognise(duck, "told", model, must_not_link=[kept_apart])
        keep_what_was_recognised(connection, duck, model)
        connection.execute(
            """insert into person_index.pair_decision (record_l, record_r, decision, decided_by, reason, is_taken_up)
               values (%s, %s, 'must not link', 'a clerk', 'Mr Unsworth has a cousin of that name', true)""",
            kept_apart,
        )
        connection.execute(
            """insert into person_index.withheld_record (person_record_id, apart_from, reason, withheld_by)
               values ('council/cld/6', 'hospital/ecds/1', 'a mistake', 'a clerk')"""
        )
        connection.execute(
            "update intermediate.int_person_descriptions set raw_nhs_number = '0' where person_record_id = 'council/cld/6'"
        )
    yield warehouse_of_module


def keep_what_was_recognised(connection: psycopg.Connection, duck: duckdb.DuckDBPyConnection, model: Model) -> None:
    """What an update keeps of what it found."""
    different, same = model.number_weights()
    persons: dict[int, int] = {}
    with connection.cursor() as cursor:
        for record, cluster in duck.execute("select record_id, cluster from person_cluster order by 1").fetchall():
            if cluster not in persons:
                persons[cluster] = cursor.execute(
                    "insert into person_index.person default values returning person_id"
                ).fetchone()[0]
                cursor.execute("insert into person_index.event (kind, person_id) values ('created', %s)", (persons[cluster],))
            cursor.execute(
                "insert into person_index.membership (person_record_id, person_id, rule) values (%s, %s, 'likeness')",
                (record, persons[cluster]),
            )
        cursor.executemany(
            "insert into person_index.described_record values (%s, %s, true)",
            duck.execute("select record_id, description_id from record_description").fetchall(),
        )
        cursor.executemany(
            "insert into person_index.edge (description_l, description_r, weight, model) values (%s, %s, %s, 'test')",
            duck.execute(
                f"""select description_l, description_r,
                      weight + case numbers when 1 then {same} when 0 then {different} else 0 end as total
                    from edge where total >= {clustering.GREY_FROM}"""
            ).fetchall(),
        )
        cursor.executemany(
            """insert into person_index.pair_to_decide (record_l, record_r, reason, weight, harm, is_sealed)
               values (%s, %s, %s, %s, 1, %s)""",
            [
                (*sorted((left, right)), guard, weight, left in (SEALED[0][0], SEALED[1][0]))
                for left, right, guard, weight in duck.execute(
                    """select of_l.record_id, of_r.record_id, guard, weight from refused
                       join record_description as of_l on of_l.description_id = description_l
                       join record_description as of_r on of_r.description_id = description_r"""
                ).fetchall()
            ],
        )


@cache
def story_of(left: str, right: str) -> explaining.PairStory | None:
    """The story of two records of the town, asked for once."""
    return explaining.of_records(left, right)


def told_of(left: str, right: str, with_values: bool = False) -> str:
    """What is told of two records."""
    story = story_of(left, right)
    return "\n".join(explaining.tell_pair(story, with_values)) if story else explaining.NOTHING_TO_TELL


def run(*arguments: str) -> str:
    """What the command prints."""
    finished = CliRunner().invoke(typer_app, ["person-index", "explain", *arguments])
    assert finished.exit_code == 0, finished.output
    return finished.output


def test_the_steps_add_up_to_the_weight_that_the_index_gave_the_same_two() -> None:
    people = [*ROBERT, *ANN, *TWO_NUMBERS, *TOWN[:60]]
    model = Model.load()
    with duckdb.connect() as duck:
        duck.register(
            "told", pa.Table.from_pylist([{"record_id": person[0], "source": "x"} | as_columns(person) for person in people])
        )
        recognise(duck, "told", model)
        shares = {
            column: dict(duck.execute(f"select value, share from tf_{column}").fetchall()) for column in FREQUENCY_COLUMN.values()
        }
        different, same = model.number_weights()
        found = duck.execute(
            f"""select of_l.record_id, of_r.record_id, weight + case numbers when 1 then {same} when 0 then {different} else 0 end
                from edge join record_description as of_l on of_l.description_id = description_l
                join record_description as of_r on of_r.description_id = description_r"""
        ).fetchall()
    described = [as_columns(person) for person in people]
    weighings = scoring.weigh_each(model, described, described, shares)
    place = {person[0]: at for at, person in enumerate(people)}
    assert found
    for left, right, weight in found:
        weighing = weighings[place[left]][place[right]]
        assert weighing.weight == pytest.approx(weight, abs=1e-6)
        assert sum(step.weight for step in weighing.steps) == pytest.approx(weighing.weight)
        assert weighings[place[right]][place[left]].weight == pytest.approx(weight, abs=1e-6)


def test_what_nobody_knows_says_neither_yes_nor_no() -> None:
    someone = as_columns(ROBERT[1])
    weighing = scoring.weigh(Model.load(), someone, someone | {"date_of_birth": None, "phone": "01744 000000"})
    for comparison in ("nhs_number", "middle_name", "born_on", "sex", "phone"):
        assert weighing.agreement(comparison) == "not known"
        assert next(step.weight for step in weighing.steps if step.comparison == comparison) == 0


def test_a_rare_name_that_both_have_says_more_than_a_common_one() -> None:
    people = [{"forename": "Ann", "surname": surname} for surname in ("Smith", "Zeal")]
    weighings = scoring.weigh_each(Model.load(), people, people, {"surname": {"SMITH": 0.05, "ZEAL": 0.00001}})
    common, rare = (next(step for step in weighings[at][at].steps if step.comparison == "surname") for at in (0, 1))
    assert rare.weight > common.weight
    assert explaining.tell_step(rare.comparison, rare.agreement, rare.of_rarity) == "Surname: the same, and a rare one"
    assert explaining.tell_step(common.comparison, common.agreement, common.of_rarity) == "Surname: the same, but a common one"


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (0.1, "about even"),
        (1.0, "about 2 to 1 for"),
        (-1.5, "about 2.8 to 1 against"),
        (9.0, "about 500 to 1 for"),
        (-13.3, "about 10,000 to 1 against"),
        (21.5, "about 3 million to 1 for"),
        (31.0, "about 2 thousand million to 1 for"),
        (50.0, "more than a million million to 1 for"),
    ],
)
def test_a_weight_is_told_as_odds(weight: float, words: str) -> None:
    assert odds(weight) == words


def test_of_all_ways_between_two_records_the_one_is_told_whose_weakest_link_is_the_strongest() -> None:
    links = [
        Link("a", "d", 3.5, ""),
        Link("a", "b", 20.0, ""),
        Link("b", "c", None, ""),
        Link("d", "c", 9.0, ""),
        Link("x", "y", 50.0, ""),
    ]
    assert [link.weight for link in explaining._path(links, "a", "d")] == [20.0, None, 9.0]
    assert explaining._path(links, "a", "y") == []


def test_two_records_that_are_linked_are_told_with_the_weight_of_each_comparison(town: FreshWarehouse) -> None:
    told = told_of("hospital/ecds/1", "council/cld/1")
    assert "They are one person, person/" in told and "They are linked directly: found alike, weight +" in told
    assert re.search(r"Forename: a short or other form of the same name.* \([+-]\d+\.\d\)", told)
    assert "NHS number: not known (+0.0)" in told
    assert "The index keeps the weight" not in told, "what is told adds up to what is kept"


def test_no_value_is_told_unless_it_is_asked_for(town: FreshWarehouse) -> None:
    told = told_of("hospital/ecds/1", "council/cld/1")
    for value in ("Robert", "Bob", "Hollis", "1950", "High St", "WA10", "999000001", "council/cld/1"):
        assert value not in told
    assert {"first: Robert", "second: Bob"} < {
        line.strip() for line in told_of("hospital/ecds/1", "council/cld/1", with_values=True).splitlines()
    }


def test_records_in_the_same_words_are_one_without_a_weight(town: FreshWarehouse) -> None:
    assert "They are linked directly: described in the same words." in told_of("hospital/ecds/1", "hospital/apc/1")


def test_two_names_of_one_person_are_told_with_the_record_that_joins_them(town: FreshWarehouse) -> None:
    told = told_of("hospital/ecds/2", "council/cld/2")
    assert "They are linked by way of 1 other record:" in told
    assert "the first record and record 3 (one of hospital, apc): found alike, weight +" in told
    assert "record 3 (one of hospital, apc) and the second record: found alike, weight +" in told


def test_what_keeps_two_alike_apart_is_told(town: FreshWarehouse) -> None:
    told = told_of("hospital/ecds/3", "council/cld/3")
    assert "because each has an NHS number of its own" in told
    assert "if one of the NHS numbers is wrong, and its sender corrects it" in told


def test_what_people_decided_is_told_with_their_name_and_their_words_only_where_asked(town: FreshWarehouse) -> None:
    told = told_of("hospital/ecds/5", "council/cld/5")
    assert "because people decided so" in told and "'must not link', by a clerk" in told
    assert "cousin" not in told
    assert "cousin" in told_of("hospital/ecds/5", "council/cld/5", with_values=True)


def test_a_decision_that_no_build_has_met_yet_is_told_as_what_will_happen(town: FreshWarehouse) -> None:
    story, apart = (story_of(f"hospital/ecds/{at}", f"council/cld/{at}") for at in (1, 5))
    assert story and apart
    decision = replace(apart.decisions[0], is_taken_up=False)
    told = list(explaining.tell_pair(replace(story, decisions=[decision])))
    assert "  The index follows with the next build (cares build run)." in told
    assert told[-1] == "What will part them: the next build, as decision 1 says."
    undone = replace(decision, undone_by="another clerk", undone_because="no cousin", undone_at=decision.decided_at)
    told = list(explaining.tell_pair(replace(apart, decisions=[undone])))
    assert any(line.startswith("  It was taken back by another clerk, ") for line in told)
    assert told[-1] == "What may change it: the next build judges them anew, as the decision was taken back."


def test_a_sealed_pair_is_told_like_two_that_nobody_ever_compared(town: FreshWarehouse) -> None:
    assert run("hospital/ecds/4", "council/cld/4") == run("council/cld/town-1", "council/cld/town-90")
    assert run("hospital/ecds/4", "council/cld/4", "--values").strip() == explaining.NOTHING_TO_TELL
    assert "because each has an NHS number of its own" in run("hospital/ecds/4", "council/cld/4", "--sealed")


def test_a_person_is_told_by_its_weakest_link(town: FreshWarehouse) -> None:
    person_id = person_of(town, "council/cld/1")
    told = run(f"person/{person_id}")
    assert "It has 3 person records: 1 of council, cld, 1 of hospital, apc and 1 of hospital, ecds." in told
    weakest, strongest = told.partition("the weakest link first:\n")[2].splitlines()[:2]
    assert "between one of council, cld and" in weakest or "and one of council, cld;" in weakest
    assert "records" in weakest and strongest.startswith("  described in the same words")
    assert "came into the index" in told and "Hollis" not in told and "hospital/ecds/1" not in told
    assert "hospital/ecds/1" in run(str(person_id), "--values")


def person_of(town: FreshWarehouse, record: str) -> int:
    found: int = town.rows("select person_id from person_index.membership where person_record_id = %s", record)[0][0]
    return found


def test_a_number_that_is_somebody_elses_is_told_of_a_person(town: FreshWarehouse) -> None:
    told = "\n".join(explaining.tell_person(explaining.of_person(person_of(town, "council/cld/6"))))
    assert "1 NHS number of its records is told of another person, too." in told
    assert "What 1 record sent as NHS number could be nobody's, and was set aside." in told
    assert "1 record of it is withheld from readers." in told


def test_a_person_tells_of_no_sealed_pair(town: FreshWarehouse) -> None:
    told = "\n".join(explaining.tell_person(explaining.of_person(person_of(town, "council/cld/4"))))
    assert told == "It has 1 person record: 1 of council, cld."
    decided = "\n".join(explaining.tell_person(explaining.of_person(person_of(town, "council/cld/5"))))
    assert "Decision 1, 'must not link', by a clerk" in decided


def test_the_chart_shows_agreements_and_weights_and_nothing_of_anybody(town: FreshWarehouse, tmp_path: Path) -> None:
    file = tmp_path / "why.svg"
    run("hospital/ecds/1", "council/cld/1", "--values", "--chart", str(file))
    drawing = file.read_text()
    for value in ("Robert", "Hollis", "1950", "High", "WA10", "999000001", "council", "ecds"):
        assert value not in drawing
    story = story_of("hospital/ecds/1", "council/cld/1")
    assert story and drawing == waterfall.draw(story.weighing)
    root = ElementTree.fromstring(drawing)
    bars = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("class")]
    assert len(bars) == len(story.weighing.steps) + 1
    assert f"In all {story.weighing.weight:+.1f}" in drawing


def test_a_record_that_nobody_knows_is_said_without_naming_it(town: FreshWarehouse) -> None:
    with pytest.raises(explaining.ExplainError, match="does not know both records") as raised:
        told_of("hospital/ecds/1", "hospital/ecds/Hollis")
    assert "Hollis" not in str(raised.value)
