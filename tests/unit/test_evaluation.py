"""How right the index is, on tables of a handful of made-up people; what the figures are is counted pair by pair, too."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cares import settings as cares_settings
from cares.cli import typer_app
from cares.person_index import samples, trial
from cares.person_index.evaluation import Judgement, judge_build
from cares.person_index.model import Model
from fresh_warehouse import FreshWarehouse
from quality_ledger import Ledger

HEADER = "record_id,source,nhs_number,forename,surname,date_of_birth,sex,address,postcode,person"
ADA, BEN = "9434765919", "9434765870"
PEOPLE = f"""
01,hospital,{ADA},Ada,Nash,1950-02-28,F,4 High Street,WA10 1AB,ada
02,council,{ADA},Ada,NASH,28/02/1950,F,4 High St,WA10 1AB,ada
03,housing,,Ada,Nash,1950-02-28,F,4 High Street,WA10 1AB,ada
04,hospital,{BEN},Benedict,Whittlesea,1985-07-14,M,9 Mill Lane,WA9 3XY,ben
05,council,{BEN},Benedict,Whittlesea,1985-07-14,M,9 Mill Lane,WA9 3XY,ben
06,council,,Benedict,Whittlesea,1931-01-30,M,1 Church Road,L35 8QQ,grandfather
07,police,,,,,,,,ben
08,housing,,Zbigniew,Kowalczyk,2004-11-02,M,7 Park Road,WA9 1AA,
"""


@pytest.fixture
def answer_key() -> Iterator[Path]:
    """Where the simulator leaves its answer key."""
    folder = cares_settings.VAR / "answer_key"
    folder.mkdir(parents=True)
    yield folder / "persons.csv"
    shutil.rmtree(folder)


def written(folder: Path, rows: str = PEOPLE, header: str = HEADER) -> Path:
    path = folder / "people.csv"
    path.write_text(f"{header}\n{rows.strip()}\n", encoding="utf-8")
    return path


def evaluated(*arguments: object) -> dict[str, object]:
    """What `cares person-index evaluate ARGUMENTS --json` prints, which is one JSON object."""
    done = CliRunner().invoke(typer_app, ["person-index", "evaluate", *map(str, arguments), "--json"], catch_exceptions=False)
    return json.loads(done.stdout)


def refused(path: Path, truth: str | None = None) -> str:
    with trial.workspace() as connection, pytest.raises(trial.TrialError) as error:
        trial.read_table(connection, path, truth)
    return str(error.value)


RECORDS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from("abc")), max_size=25)


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_the_figures_are_those_of_counting_every_pair(records: list[tuple[int, int, str]]) -> None:
    cluster, truth, source = ([record[at] for record in records] for at in range(3))
    judgement = Judgement(cluster, truth)

    def counted(chosen: str | None = None) -> tuple[int, int, int]:
        pairs = [pair for pair in combinations(records, 2) if chosen is None or chosen in (pair[0][2], pair[1][2])]
        linked = [one[0] == other[0] for one, other in pairs]
        true = [one[1] == other[1] for one, other in pairs]
        return sum(linked), sum(true), sum(map(bool.__and__, linked, true))

    def figures(pairs: object) -> tuple[int, int, int]:
        return pairs.linked_pairs, pairs.true_pairs, pairs.pairs_right  # type: ignore[attr-defined]

    assert figures(judgement.pairs()) == counted()
    assert {name: figures(of) for name, (_, of) in judgement.by(source).items()} == {name: counted(name) for name in set(source)}
    people = judgement.people()
    clusters_of = {person: {one[0] for one in records if one[1] == person} for person in set(truth)}
    people_in = {label: {one[1] for one in records if one[0] == label} for label in set(cluster)}
    over = {person for person, labels in clusters_of.items() if any(len(people_in[label]) > 1 for label in labels)}
    under = {person for person, labels in clusters_of.items() if len(labels) > 1}
    assert (people.people, people.clusters) == (len(clusters_of), len(people_in))
    assert (people.over_linked, people.under_linked) == (len(over), len(under))
    assert people.recovered == len(clusters_of.keys() - over - under)


def test_a_table_is_judged_by_its_column_of_truth(tmp_path: Path) -> None:
    clusters = tmp_path / "clusters.csv"
    told = evaluated(written(tmp_path), "--truth", "person", "--clusters", clusters)
    assert (told["records"], told["people"], told["records_without_truth"]) == (8, 3, 1)
    # Of ada's three pairs and ben's three, the two with a record that says nothing of ben cannot be found.
    assert told["cluster"] == {
        "precision": 1.0, "recall": pytest.approx(4 / 6), "f1": pytest.approx(0.8), "true_pairs": 6, "linked_pairs": 4, "pairs_right": 4,
    }  # fmt: skip
    assert told["pairwise"]["linked_pairs"] == 4
    assert (told["over_linked_people"], told["under_linked_people"]) == (0, 1)
    assert told["exactly_recovered"] == pytest.approx(2 / 3)
    assert {name: group["recall"] for name, group in told["by"]["age_band"].items()} == {
        "before 1940": 1.0, "1940 to 1959": 1.0, "1980 to 1999": pytest.approx(1 / 3),
    }  # fmt: skip
    assert told["by"]["source"]["police"]["recall"] == 0.0
    assert told["by"]["sex"]["female"]["true_pairs"] == 3
    assert told["signs"]["unlinkable_records"] == 1
    assert told["signs"]["persons_with_two_numbers"] == 0
    assert set(told["cost"]) == {"of", "cpu_seconds", "wall_seconds", "peak_memory_bytes"}
    found = dict(list(csv.reader(clusters.open()))[1:])
    assert found["01"] == found["02"] == found["03"] != found["04"] == found["05"] != found["06"]


def test_the_same_is_printed_for_people(tmp_path: Path) -> None:
    printed = CliRunner().invoke(typer_app, ["person-index", "evaluate", str(written(tmp_path)), "--truth", "person"]).stdout
    assert "8 records are 5 persons" in printed
    assert "persons with two NHS numbers in force (must be none)" in printed
    assert "CPU s" in printed


def test_column_names_match_whatever_their_case_and_others_are_named_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    duckdb.sql(
        f"""copy (select {ADA}.0::double as NHS_Number, 'Ada' as FORENAME, 'Null' as Surname, date '1950-02-28' as Date_of_Birth, 'x' as mood
                  from range(2)) to '{path}'"""
    )
    with trial.workspace() as connection:
        assert trial.read_table(connection, path) == ("mood",)
        described = connection.execute("select record_id, nhs_number, surname, date_of_birth from raw order by 1").fetchall()
    assert described == [("1", ADA, "Null", "1950-02-28"), ("2", ADA, "Null", "1950-02-28")]


def test_the_truth_is_never_read_by_the_index_even_if_it_is_the_nhs_number(tmp_path: Path) -> None:
    with trial.workspace() as connection:
        trial.read_table(connection, written(tmp_path), "NHS_NUMBER")
        assert "nhs_number" not in [name for name, *_ in connection.execute("describe raw").fetchall()]


def test_former_surnames_and_known_names_describe_the_record_too(tmp_path: Path) -> None:
    header = "record_id,nhs_number,nhs_number_status,forename,surname,date_of_birth,former_surname,known_as"
    path = written(tmp_path, f"1,{ADA},01,Ada,Lovelace,1950-02-28,Byron,Addie\n2,,03,Eve,NA,1950-02-28,,", header)
    with trial.workspace() as connection:
        trial.read_table(connection, path)
        rows = connection.execute(
            "select record_id, forename, surname, is_nhs_number_verified, is_current from raw order by 1, 5 desc, 2"
        ).fetchall()
    assert rows == [
        ("1", "Ada", "Lovelace", True, True),
        ("1", "Ada", "Byron", True, False),
        ("1", "Addie", "Lovelace", True, False),
        ("2", "Eve", "NA", False, True),
    ]


def test_what_cannot_be_read_is_said_without_a_value_of_it(tmp_path: Path) -> None:
    assert "has no column who" in (told := refused(written(tmp_path), "who")) and "date_of_birth, sex" in told
    twice = refused(written(tmp_path, PEOPLE + "03,housing,,Zebra,,,,,,\n03,housing,,Zebra,,,,,,"))
    assert "2 rows with a record_id that an earlier row has: row 9, 10" in twice
    unnamed = refused(written(tmp_path, PEOPLE + ",housing,,Zebra,,,,,,"))
    assert "1 row without a record_id, the first in row 9" in unnamed
    broken = refused(written(tmp_path, PEOPLE + '09,"Zebra,x'))
    assert "people.csv" in broken and "cannot be read" in broken
    assert "has no row" in refused(written(tmp_path, ""))
    assert "no column that describes a person" in refused(written(tmp_path, "1", "mood"))
    (tmp_path / "empty.csv").touch()
    assert "is empty" in refused(tmp_path / "empty.csv")
    (tmp_path / "no.parquet").write_text("Zebra")
    assert "cannot be read" in refused(tmp_path / "no.parquet")
    assert "There is no file" in refused(tmp_path / "none.csv")
    assert "neither Parquet nor CSV" in refused(tmp_path / "people.xlsx")
    assert "Zebra" not in twice + unnamed + broken + refused(tmp_path / "no.parquet")


def test_an_error_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    done = CliRunner().invoke(typer_app, ["person-index", "evaluate", str(tmp_path / "none.csv")])
    assert type(done.exception) is trial.TrialError


def test_a_sample_of_links_is_written_to_be_judged_without_saying_who_they_are(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    with trial.workspace() as connection:
        found = trial.run(connection, written(tmp_path), model=Model.load())
        drawn = samples.draw(connection, found.model.number_weights(), 50, path)
        rows = list(csv.DictReader(path.open()))
        assert drawn == len(rows) == 4
        assert list(rows[0]) == ["pair", "same", "record_l", "record_r", "stratum", "pairs_in_stratum"]
        assert {frozenset((row["record_l"], row["record_r"])) for row in rows} == {
            frozenset(pair) for pair in (("01", "02"), ("01", "03"), ("02", "03"), ("04", "05"))
        }
        samples.draw(connection, found.model.number_weights(), 2, path, with_values=True)
    assert {"forename_l", "forename_r"} <= set(next(iter(csv.DictReader(path.open()))))


def test_the_index_in_the_warehouse_is_judged_for_its_builds_report_where_the_data_are_made_up(
    warehouse: FreshWarehouse, answer_key: Path
) -> None:
    answer_key.write_text(
        "organisation,source,local_person_id,person\nc,cld,1,ada\nt,apc,1,ada\nt,apc,2,ben\nt,apc,never sent,eve\n"
    )
    with warehouse.connect(autocommit=True) as connection:
        ledger = Ledger(connection)
        build = ledger.build()
        connection.execute("insert into person_index.person (person_id) overriding system value values (1), (2)")
        connection.execute(
            """insert into person_index.membership (person_record_id, person_id, rule)
               values ('c/cld/1', 1, 'alone'), ('t/apc/1', 1, 'alone'), ('t/apc/2', 2, 'alone'), ('t/apc/3', 2, 'alone')"""
        )
        judge_build(build)
        assert warehouse.rows("select count(*) from person_index.judged_by_answer_key") == [(0,)]
        ledger.simulated()
        judge_build(build)
        judge_build()
        ledger.build()
        judge_build(build)
    assert warehouse.rows(
        "select build_id, person_records, persons, true_persons, linked_pairs, true_pairs, pairs_right, recovered_persons"
        " from person_index.judged_by_answer_key"
    ) == [(build, 3, 2, 2, 1, 1, 1, 2)]


def test_what_a_judged_sample_says_is_kept_for_the_quality_report(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    samples.keep(judged(tmp_path, *(f"{pair},yes" for pair in range(10)), "10,unsure", header="pair,same"))
    assert warehouse.rows("select judged, unsure, share_right, upper from person_index.judged_sample") == [(10, 1, 1.0, 1.0)]
    with pytest.raises(trial.TrialError, match="says nothing to keep"):
        samples.keep(judged(tmp_path, "1,unsure", header="pair,same"))


def test_a_sample_of_the_warehouses_index_holds_record_ids_and_no_sealed_pair(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    with warehouse.connect(autocommit=True) as connection:
        connection.execute("insert into person_index.person (person_id) overriding system value values (1), (2), (3)")
        connection.execute(
            """insert into person_index.membership (person_record_id, person_id, rule)
               values ('c/cld/1', 1, 'alone'), ('t/apc/1', 1, 'alone'), ('t/apc/2', 2, 'alone'), ('t/apc/3', 3, 'alone')"""
        )
        connection.execute(
            """insert into person_index.pair_to_decide (record_l, record_r, reason, weight, harm, is_sealed)
               values ('t/apc/1', 't/apc/2', 'grey', 1, 1, false), ('t/apc/2', 't/apc/3', 'grey', 1, 1, true)"""
        )
    path = tmp_path / "sample.csv"
    done = CliRunner().invoke(typer_app, ["person-index", "sample", "--draw", "10", str(path)], catch_exceptions=False)
    assert "2 pairs to judge are in" in done.stdout
    assert {(row["record_l"], row["record_r"], row["stratum"]) for row in csv.DictReader(path.open())} == {
        ("c/cld/1", "t/apc/1", "a"), ("t/apc/1", "t/apc/2", "g"),
    }  # fmt: skip


def judged(folder: Path, *rows: str, header: str = "pair,same,stratum,pairs_in_stratum") -> samples.SampleResult:
    path = folder / "judged.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return samples.read_judgements(path)


def test_a_judged_sample_says_how_many_links_are_right(tmp_path: Path) -> None:
    told = judged(tmp_path, *(f"{pair},yes" for pair in range(99)), "99,NO", "100,unsure", "101,", header="pair,same")
    assert told.precision is not None
    assert (told.precision.share, told.precision.judged, told.precision.unsure, told.not_judged) == (0.99, 100, 1, 1)
    # Clopper and Pearson's interval of 99 in 100, as statistical tables give it.
    assert (told.precision.lower, told.precision.upper) == (pytest.approx(0.9455, abs=1e-4), pytest.approx(0.99975, abs=1e-5))
    assert told.grey_that_are_the_same is None


def test_a_stratum_counts_for_as_many_pairs_as_it_holds(tmp_path: Path) -> None:
    told = judged(tmp_path, "1,yes,e,900", "2,yes,e,900", "3,no,b,100", "4,yes,b,100", "5,no,g,70", "6,yes,g,70")
    assert told.precision is not None and told.grey_that_are_the_same is not None
    assert told.precision.share == pytest.approx(0.95)
    assert told.grey_that_are_the_same.share == 0.5


def test_the_interval_of_all_and_nothing_ends_there() -> None:
    assert samples.interval(1.0, 10) == (pytest.approx(0.025 ** (1 / 10)), 1.0)
    assert samples.interval(0.0, 10) == (0.0, pytest.approx(1 - 0.025 ** (1 / 10)))
    assert np.allclose(samples.interval(0.5, 10), (0.1871, 0.8129), atol=1e-4)


@pytest.mark.parametrize(
    ("row", "says"), [("1,maybe,,", "line 2, column same"), ("1,yes,b,x", "line 2, column pairs_in_stratum")]
)
def test_a_judgement_that_is_none_is_named_by_its_line(row: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(trial.TrialError, match=says):
        judged(tmp_path, row)


def test_a_model_is_learned_kept_and_weighed_with(tmp_path: Path) -> None:
    kept = tmp_path / "model.json"
    done = CliRunner().invoke(
        typer_app, ["person-index", "train", str(written(tmp_path)), "--to", str(kept)], catch_exceptions=False
    )
    assert str(kept) in done.stdout
    assert evaluated(written(tmp_path), "--model", kept)["model"]["version"] == Model.load(kept).version
    with pytest.raises(trial.TrialError, match="is not a model"):
        trial.load_model(written(tmp_path))
