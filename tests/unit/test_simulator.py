"""The made-up borough: it repeats, it keeps the contracts, its lives hold together, and its answer key is complete."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

import pytest

from cares import contracts
from cares.contracts import Rule, Table
from cares.simulator import Simulation, SimulationError, identifiers, outbox

FIRST, LAST = "2018-12", "2019-03"


@pytest.fixture(scope="module")
def borough() -> Simulation:
    return Simulation(4000, 3, FIRST, LAST)


@pytest.fixture(scope="module")
def made(borough: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("borough") / "made"
    list(borough.write(out))
    return out


def key(made: Path, name: str) -> list[dict[str, str]]:
    with (made / "answer_key" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def rows(made: Path, folder: str, table: str) -> list[dict[str, str]]:
    with (made / "outbox" / folder / f"{table}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


# --- it repeats


def digest(out: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(out)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def simulated_by_another_process(out: Path, seed: int, hash_seed: str) -> str:
    program = f"from pathlib import Path; from cares.simulator import Simulation; list(Simulation(400, {seed}, '2019-03', '2019-04').write(Path({str(out)!r})))"
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed})
    return digest(out)


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    first = simulated_by_another_process(tmp_path / "a", 5, "1")
    assert simulated_by_another_process(tmp_path / "b", 5, "2") == first
    assert simulated_by_another_process(tmp_path / "a", 5, "3") == first  # in place of the earlier one
    assert simulated_by_another_process(tmp_path / "c", 6, "1") != first


# --- it says what it is


def test_everything_made_says_that_it_is_simulated(made: Path) -> None:
    assert (made / "SIMULATED.txt").read_text().startswith("SIMULATED DATA")
    with (made / "agreements.csv").open(newline="") as stream:
        agreements = list(csv.DictReader(stream))
    assert all(agreement["agreement"].startswith("SIMULATED") for agreement in agreements)
    assert {agreement["feed"] for agreement in agreements} <= set(contracts.load().feeds)


def test_a_folder_that_holds_anything_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(outbox.OutboxError, match="not simulated"):
        outbox.prepare(tmp_path, "")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_later_borough_replaces_an_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    outbox.prepare(tmp_path, "first")
    outbox.deliver(tmp_path, "torus/tenancies", "2019-01", {"tenancies.csv": b"x\n"})
    (tmp_path / "notes.txt").write_text("mine")
    outbox.prepare(tmp_path, "second")
    assert not any((tmp_path / "outbox").iterdir())
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("people", "first", "last", "says"),
    [
        (10, FIRST, LAST, "at least 300"),
        (400, FIRST, "2025-01", "until 2023-12"),
        (400, "2019-05", "2019-01", "comes after"),
        (400, "May 2019", LAST, "2019-03"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_what_to_ask_instead(people: int, first: str, last: str, says: str) -> None:
    with pytest.raises(SimulationError, match=says):
        Simulation(people, 1, first, last)


def test_every_delivery_is_whole_and_none_is_left_half_written(borough: Simulation, made: Path) -> None:
    folders = list((made / "outbox").glob("*/*/*"))
    assert len(folders) == borough.number_of_deliveries()
    assert not [folder for folder in folders if folder.name.startswith(".")]


# --- who lives there


def test_nhs_numbers_are_valid_distinct_and_of_the_series_kept_for_tests(borough: Simulation) -> None:
    numbers = borough.story.borough.people["nhs_number"]
    assert numbers.is_unique
    assert all(number.startswith("999") and identifiers.is_valid_nhs_number(number) for number in numbers)


@pytest.mark.parametrize("wrong", ["", "943 476 591", "9434765918", "９４３４７６５９１９", "94347659 1x"])
def test_a_wrong_nhs_number_is_told_from_a_right_one(wrong: str) -> None:
    assert identifiers.is_valid_nhs_number("943 476 5919")
    assert not identifiers.is_valid_nhs_number(wrong)


def test_there_are_twins_namesakes_and_women_who_change_their_name_on_marriage() -> None:
    borough = Simulation(6000, 3, FIRST, LAST).story.borough
    people = borough.people
    children = people[people["parent"] >= 0]
    assert children.duplicated(["household", "born"]).sum() >= 5
    twins = children[children.duplicated(["household", "born"], keep=False)]
    assert not twins.duplicated(["household", "born", "forename"]).any()
    surnames = borough.surnames.on(borough.everybody, borough.ends)
    assert people.assign(surname=surnames).duplicated(["forename", "surname"]).sum() > 50
    assert (borough.surnames.on(borough.everybody, borough.begins) != surnames).sum() >= 5


def test_names_that_careless_software_loses_are_written_as_they_are(made: Path) -> None:
    written = {row["Surname"] for row in rows(made, f"torus/tenancies/{FIRST}", "household_members") if None not in row}
    assert written & {"Null", "NA", "None", "True", "Nan"}
    assert any("'" in surname or "’" in surname for surname in written)


# --- what they send keeps the contracts, but for what the answer key says


def keeps(rule: Rule, table: Table, version: str, row: dict[str, str], others: dict[str, set[str]]) -> bool:
    """Whether a row keeps a rule, said anew here in plain Python."""
    value = row[rule.header or ""]
    if rule.kind == "filled":
        return bool(value)
    if rule.kind == "filled_when":
        return bool(value) or row[rule.argument.column] not in rule.argument.is_one_of
    if not value:
        return True
    if rule.kind == "one_of":
        return value in table.codes(rule.argument, version)
    if rule.kind == "at_most_characters":
        return len(value) <= rule.argument
    if rule.kind == "between":
        return rule.argument[0] <= float(value) <= rule.argument[1]
    if rule.kind == "refers_to":
        return value in others[rule.argument]
    if rule.kind == "not_before":
        return not row[rule.argument] or date_of(row[rule.argument]) <= date_of(value)
    if rule.kind == "not_in_future":
        return date_of(value) <= datetime.now()
    pattern = table.patterns[rule.kind]
    if pattern.check:
        return identifiers.is_valid_nhs_number(value)
    if pattern.date:
        return len(value) == 10 and date_of(value) is not None and any(("/" in value) == ("/" in way) for way in pattern.dates)
    assert pattern.matches
    for mark, ignored in (("spaces", " "), ("dashes", "-")):
        value = value.replace(ignored, "") if mark in pattern.ignoring else value
    return bool(re.fullmatch(pattern.matches, value))


def date_of(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y" if "/" in text else "%Y-%m-%d")


def test_every_row_that_no_fault_touches_keeps_its_contract(made: Path) -> None:
    planted = {(fault["feed"], fault["folder"], fault["file"], fault["line"]) for fault in key(made, "faults")}
    broken: Counter[str] = Counter()
    for total in key(made, "totals"):
        if total["expected"] == "rejected":
            continue
        feed = contracts.load().feed(total["feed"])
        version = feed.version(feed.period(total["period"]))
        table = feed.format.tables[total["table"]]
        folder = f"{total['feed']}/{total['folder']}"
        others = defaultdict(set)
        for other in feed.format.tables:
            if (made / "outbox" / folder / f"{other}.csv").exists():
                for row in rows(made, folder, other):
                    for header, value in row.items():
                        others[f"{other}.{header}"].add(str(value))
        seen = set()
        for line, row in enumerate(rows(made, folder, table.name), 2):
            if (total["feed"], total["folder"], total["file"], str(line)) in planted:
                continue
            for rule in table.rules(version, feed.file.exceptions):
                expected_by_chance = rule.kind in ("nhs_number", "refers_to")  # errors of people; rows that faults took away
                if rule.kind == "conditions":
                    continue  # rules on several columns or rows: tests/formats/test_ssda903_rules.py
                if rule.kind == "unique":
                    if (name := tuple(row[header] for header in rule.argument)) in seen:
                        broken[rule.id] += 1
                    seen.add(name)
                elif not expected_by_chance and not keeps(rule, table, version, row, others):
                    broken[rule.id] += 1
    assert not broken


def test_every_planted_fault_is_where_the_answer_key_says_and_breaks_the_rule_that_it_names(made: Path) -> None:
    found = 0
    for fault in key(made, "faults"):
        if not fault["rule"] or not fault["folder"].startswith(fault["period"]):
            continue
        feed = contracts.load().feed(fault["feed"])
        version = feed.version(feed.period(fault["period"]))
        table = feed.format.tables[fault["file"].removesuffix(".csv")]
        rule = next(rule for rule in table.rules(version, feed.file.exceptions) if rule.id == fault["rule"])
        path = made / "outbox" / fault["feed"] / fault["folder"] / fault["file"]
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            continue  # the delivery in another encoding
        if rule.header not in next(csv.reader([lines[0]])):
            continue  # the delivery without a mandatory column
        row = next(csv.DictReader([lines[0], lines[int(fault["line"]) - 1]]))
        assert fault["expected"] == rule.if_broken
        try:
            assert not keeps(rule, table, version, row, defaultdict(set))
        except ValueError:
            pass  # not a date at all
        found += 1
    assert found > 5


def test_a_few_months_meet_two_rejected_deliveries_one_duplicate_and_one_correction(made: Path) -> None:
    states = Counter({(total["feed"], total["folder"]): total["expected"] for total in key(made, "totals")}.values())
    assert states["rejected"] == 2
    assert states["duplicate"] == 1
    assert states["accepted"] >= 10
    kinds = {fault["fault"] for fault in key(made, "faults") if not fault["rule"]}
    assert kinds >= {
        "one comma too many",
        "text after a closing quotation mark",
        "a quotation mark within a value",
        "a byte-order mark",
        "written in cp1252",
        "a mandatory column is missing",
        "a row is corrected",
        "a row is left out",
    }


def test_a_delivery_in_another_encoding_is_not_utf_8_and_one_sent_twice_is_the_same(made: Path) -> None:
    wrong = next(fault for fault in key(made, "faults") if fault["fault"] == "written in cp1252")
    content = b"".join(path.read_bytes() for path in (made / "outbox" / wrong["feed"] / wrong["folder"]).iterdir())
    with pytest.raises(UnicodeDecodeError):
        content.decode()
    assert "’" in content.decode("cp1252")
    twice = next(fault for fault in key(made, "faults") if fault["fault"] == "delivered twice")
    first, second = (made / "outbox" / twice["feed"] / folder for folder in (twice["period"], twice["folder"]))
    assert digest(first) == digest(second)


# --- the answer key is complete


LOCAL_IDS = {
    "council/adult_social_care": ("cld", "events", "LA Person Unique Identifier"),
    "council/childrens_person_file": ("person_file", "people", "Local Person ID"),
    "sthk/admitted_patient_care": ("apc", "episodes", "Local Patient Identifier"),
    "torus/tenancies": ("housing", "household_members", "Person Reference"),
}


def test_the_answer_key_names_the_person_of_every_row(made: Path) -> None:
    known = {(row["source"], row["local_person_id"]) for row in key(made, "persons")}
    sent = set()
    unreadable = {(f["feed"], f["folder"], f["line"]) for f in key(made, "faults") if f["expected"] == "line set aside"}
    for total in key(made, "totals"):
        source, table, header = LOCAL_IDS.get(total["feed"], (None, None, ""))
        if total["table"] != table or total["expected"] != "accepted":
            continue
        for line, row in enumerate(rows(made, f"{total['feed']}/{total['folder']}", total["table"]), 2):
            if (total["feed"], total["folder"], str(line)) not in unreadable and row[header]:
                sent.add((source, row[header]))
    assert sent <= known
    assert len(known - sent) < 20  # those of rejected deliveries and unreadable lines only


def test_the_return_names_only_children_whom_the_person_file_knows(made: Path) -> None:
    known = {row["local_person_id"] for row in key(made, "persons") if row["source"] == "person_file"}
    for path in (made / "outbox/council/looked_after_children/2018-19").glob("*.csv"):
        assert {row["CHILD"] for row in rows(made, "council/looked_after_children/2018-19", path.stem)} - {""} <= known


def test_totals_count_the_lines_that_were_written(made: Path) -> None:
    for total in key(made, "totals"):
        content = (made / "outbox" / total["feed"] / total["folder"] / total["file"]).read_bytes()
        assert len(content.splitlines()) - 1 == int(total["rows_written"])


# --- lives hold together


def test_the_episodes_of_a_child_follow_from_one_another(borough: Simulation) -> None:
    followed = 0
    for _, episodes in borough.story.looked_after.episodes.groupby("person"):
        chain = episodes.to_dict("records")
        assert chain[0]["rne"] == "S"
        assert chain[-1]["rec"] not in ("", "X1")
        for before, after in zip(chain, chain[1:], strict=False):
            followed += 1
            assert before["rec"] == "X1"
            assert after["decom"] == before["dec"] > before["decom"]
            if after["rne"] == "L":
                assert (after["place"], before["reason"]) == (before["place"], "")
                assert after["ls"] != before["ls"]
            else:
                assert after["rne"] == "P"
                assert before["reason"]
                assert after["ls"] == before["ls"]
    assert followed > 20


def test_a_return_shows_nothing_that_was_not_known_at_the_end_of_its_year(made: Path) -> None:
    episodes = rows(made, "council/looked_after_children/2018-19", "episodes")
    assert any(not episode["DEC"] for episode in episodes)
    for episode in episodes:
        assert bool(episode["DEC"]) == bool(episode["REC"])
        if re.fullmatch(r"\d\d/(?!02)\d\d/\d{4}", episode["DEC"]):
            assert date_of(episode["DEC"]) <= datetime(2019, 3, 31)


def test_a_year_has_the_tables_that_its_version_has(made: Path) -> None:
    names = {path.stem for path in (made / "outbox/council/looked_after_children/2018-19").iterdir()}
    assert {"header", "episodes", "reviews", "oc2"} <= names
    assert not names & {"dolo", "sw_episodes"}


def test_reablement_begins_on_the_day_on_which_somebody_comes_home_from_hospital(borough: Simulation) -> None:
    events = borough.story.social_care
    stays = borough.story.stays
    came_home = set(zip(stays["person"], stays["discharged"], strict=True))
    asked = events[(events["kind"] == "Request") & (events["route"] == "Discharge from Hospital")]
    helped = events[(events["component"] == "Reablement") & events["person"].isin(asked["person"])]
    assert len(helped) > 10
    assert all(place in came_home for place in zip(helped["person"], helped["starts"], strict=True))


def test_winter_brings_respiratory_illness_and_nobody_is_in_two_beds_at_once() -> None:
    stays = Simulation(8000, 3, "2019-01", "2019-12").story.stays
    ill = stays[stays["reason"] == "respiratory infection"]
    month = (ill["admitted"] % 365.25 / 30.44).astype(int)
    assert month.isin([0, 1, 11]).sum() > 2 * month.isin([5, 6, 7]).sum()
    one_after_another = stays.sort_values(["person", "admitted"])
    same = one_after_another["person"].eq(one_after_another["person"].shift())
    assert (one_after_another["admitted"] > one_after_another["discharged"].shift())[same].all()
    assert (stays["discharged"] >= stays["admitted"]).all()


def test_nothing_happens_to_people_before_their_birth_or_after_their_death(borough: Simulation) -> None:
    people = borough.story.borough.people
    for table, start in ((borough.story.social_care, "starts"), (borough.story.stays, "admitted")):
        assert (table[start].to_numpy() >= people["born"].to_numpy()[table["person"]]).all()
        assert (table[start].to_numpy() <= people["died"].to_numpy()[table["person"]]).all()
