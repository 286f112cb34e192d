"""The made-up borough: it repeats, it keeps the contracts, its lives hold together, and its answer key is complete."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from cares import contracts
from cares.contracts import Feed, Rule, Table
from cares.deliveries.sent_files import sent_files
from cares.simulator import Simulation, SimulationError, identifiers, outbox, records, residents
from cares.simulator.days import age, day
from cares.simulator.lives import hospital, looked_after
from cares.simulator.records import Records
from cares.simulator.residents import Borough

FIRST, LAST = "2018-12", "2019-03"


@pytest.fixture(scope="module")
def borough() -> Simulation:
    return Simulation(4000, 3, FIRST, LAST)


@pytest.fixture(scope="module")
def made(borough: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("borough") / "made"
    list(borough.write(out))
    return out


@pytest.fixture(scope="module")
def town() -> Borough:
    """More people, of whose lives only those of looked-after children are told, for what is rare."""
    town = residents.build(4, 8000, day(date(2018, 1, 1)), day(date(2019, 12, 31)))
    town.adopted = looked_after.adoptions(4, town, looked_after.lives(4, town))
    return town


@pytest.fixture(scope="module")
def made_later(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Smaller boroughs: one around the transfer of December 2019, one after the mergers and in the newest versions."""
    out = [tmp_path_factory.mktemp("borough") / "made" for _ in range(2)]
    list(Simulation(1000, 4, "2019-11", "2019-12").write(out[0]))
    list(Simulation(600, 5, "2023-11", "2023-12").write(out[1]))
    return out


def key(made: Path, name: str) -> list[dict[str, str]]:
    with (made / "answer_key" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def rows(made: Path, folder: str, table: str) -> list[dict[str, str]]:
    """The rows of a table of a delivery, however it is packed; without those that are longer or shorter than the header."""
    return [row for _, row in numbered_rows(made, folder, table)]


def numbered_rows(made: Path, folder: str, table: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row that is as long as its header, with the number of the line on which it begins."""
    feed = contracts.load().feed(folder.rsplit("/", 1)[0])
    lines = list(lines_of(made / "outbox" / folder, feed, table))
    version = feed.version(feed.period(folder.rsplit("/", 1)[1].split("__")[0]))
    header = lines.pop(0)[1] if feed.files.has_header else list(feed.format.tables[table].columns(version))
    for line, values in lines:
        if len(values) == len(header):
            yield line, dict(zip(header, values, strict=True))


def lines_of(folder: Path, feed: Feed, table: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table, those of its header first, each with its number."""
    for path in folder.iterdir():
        if path.suffix == ".xlsx":
            book = openpyxl.load_workbook(path)
            sheet = next(sheet for sheet in book if feed.format.table_of_stem[contracts.normalised(sheet.title)] == table)
            for line, values in enumerate(sheet.iter_rows(values_only=True), 1):
                yield line, [str(value or "") for value in values]
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                yield from lines_of_text(archive.read(f"{table}.csv"), feed)
        elif path.name == f"{table}.csv.gz":
            yield from lines_of_text(gzip.decompress(path.read_bytes()), feed)
        elif path.name == f"{table}.csv":
            yield from lines_of_text(path.read_bytes(), feed)


def lines_of_text(content: bytes, feed: Feed) -> Iterator[tuple[int, list[str]]]:
    text = io.StringIO(content.decode("utf-8-sig" if feed.files.encoding == "utf-8" else feed.files.encoding), newline="")
    reader = csv.reader(text, delimiter=feed.files.delimiter, quotechar=feed.files.quote)
    before = 0
    for values in reader:
        yield before + 1, values
        before = reader.line_num


# --- it repeats


def digest(out: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(out)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def simulated_by_another_process(hash_seed: str, *boroughs: tuple[Path, int]) -> list[str]:
    """Simulates boroughs, each into a folder from a seed, one after the other in a new process."""
    program = "from pathlib import Path; from cares.simulator import Simulation\n" + "\n".join(
        f"list(Simulation(300, {seed}, '2019-03', '2019-03').write(Path({str(out)!r})))" for out, seed in boroughs
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed})
    return [digest(out) for out, _ in boroughs]


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    first, other = simulated_by_another_process("1", (tmp_path / "a", 5), (tmp_path / "c", 6))
    (in_place_of_the_other,) = simulated_by_another_process("2", (tmp_path / "c", 5))
    assert in_place_of_the_other == first
    assert other != first


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
        (2_000_000, FIRST, LAST, "at most 500,000"),
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


def test_there_are_twins_namesakes_and_women_who_change_their_name_on_marriage(town: Borough) -> None:
    people = town.people
    children = people[people["parent"] >= 0]
    assert children.duplicated(["household", "born"]).sum() >= 5
    twins = children[children.duplicated(["household", "born"], keep=False)]
    assert not twins.duplicated(["household", "born", "forename"]).any()
    surnames = town.surnames.on(town.everybody, town.ends)
    assert people.assign(surname=surnames).duplicated(["forename", "surname"]).sum() > 50
    assert (town.surnames.on(town.everybody, town.begins) != surnames).sum() >= 5


def test_the_people_of_the_borough_are_of_the_published_ages_and_sexes(town: Borough) -> None:
    people = town.people[town.live_in("st_helens")]
    on = (town.begins + town.ends) // 2
    alive = people[(people["born"] <= on) & (people["died"] > on)]
    years = age(alive["born"].to_numpy(), on)
    bounds = [*residents.BROAD_AGES, 200]
    for start, end in zip(bounds, bounds[1:], strict=False):
        assert ((years >= start) & (years < end)).mean() == pytest.approx(residents.BROAD_AGES[start], abs=0.02)
    assert (alive["sex"] == "F").mean() == pytest.approx(residents.FEMALE_SHARE, abs=0.02)


def test_some_have_no_fixed_abode_and_some_live_beyond_the_border(borough: Simulation) -> None:
    told = borough.story.borough
    homes = told.homes.iloc[told.residences.values]
    assert (homes["postcode"] == "ZZ99 3VZ").any()
    for council, outward in {"halton": ("WA7 ", "WA8 "), "knowsley": ("L34 ", "L35 ", "L36 ")}.items():
        lived_in = told.homes.iloc[told.residences.on(np.flatnonzero(told.live_in(council)), told.begins)]
        assert lived_in["postcode"].str.startswith((*outward, "ZZ99")).all()


def test_frailty_grows_and_only_that_of_older_people(borough: Simulation) -> None:
    told = borough.story.borough
    years = age(told.people["born"].to_numpy(), told.begins)
    before, after = (told.frailty(told.everybody, on) for on in (told.begins, told.ends))
    assert (after >= before).all()
    assert (after > before)[years >= 65].mean() > 0.95
    assert not (after > before)[years < 65].any()


def test_a_baby_is_registered_before_it_has_a_name_and_keeps_its_number(borough: Simulation) -> None:
    patients = next(register for register in borough.story.registers if register.source == "apc")
    first = np.flatnonzero(patients.forename == "Baby")
    later = patients.of(patients.person[first], borough.story.borough.ends)
    named = patients.person[first] == patients.person[later]
    assert named.sum() > 5
    assert (patients.local_id[first] == patients.local_id[later])[named].all()
    assert (patients.forename[later] != "Baby")[named].any()
    assert (patients.nhs_number[first] == "").all()


@pytest.mark.parametrize("kind", ["hospital", "housing"])
def test_nothing_goes_wrong_in_a_clean_borough_and_more_than_usual_in_a_hostile_one(town: Borough, kind: str) -> None:
    nobody_adopted = np.setdiff1d(town.everybody, adoptions(town)["person"])[:3000]
    wrong = {}
    for profile in ("clean", "realistic", "hostile"):
        register = Records(3, profile, "s", kind, "o", "{:d}", town, nobody_adopted)
        born_on_another_day = register.born != town.people["born"].to_numpy()[register.person]
        wrong[profile] = int(born_on_another_day.sum()) + len(register.person)
    assert wrong["clean"] == len(nobody_adopted) < wrong["realistic"] < wrong["hostile"]


def test_each_rate_is_given_for_each_kind_of_register_and_says_where_it_was_found() -> None:
    rates = {name: rate for name, rate in records.rates().items() if name not in ("sources", "profiles")}
    kinds = {kind for rate in rates.values() for kind in rate} - {"found_in"}
    for rate in rates.values():
        assert rate.keys() - {"found_in"} == kinds
        assert set(rate.get("found_in", {})) <= kinds
        assert set(rate.get("found_in", {}).values()) <= set(records.rates()["sources"])


def test_names_that_careless_software_loses_are_written_as_they_are(made: Path) -> None:
    written = {row["Surname"] for row in rows(made, f"torus/tenancies/{FIRST}", "household_members") if None not in row}
    assert written & {"Null", "NA", "None", "True", "Nan"}
    assert any("'" in surname or "’" in surname for surname in written)


# --- what they send keeps the contracts, but for what the answer key says


def keeps(rule: Rule, feed: Feed, table: Table, version: str, value: str, beside: str, others: dict[str, set[str]]) -> bool:
    """Whether a value keeps a rule, said anew here in plain Python; `beside` is the other column that the rule names."""
    if rule.kind == "filled":
        return bool(value)
    if rule.kind == "filled_when":
        return bool(value) or beside not in rule.argument.is_one_of
    if not value:
        return True
    if rule.kind == "one_of":
        return value in table.codes(rule.argument, version) or value in feed.file.local_codes.get(rule.argument, {})
    if rule.kind == "at_most_characters":
        return len(value) <= rule.argument
    if rule.kind == "between":
        return rule.argument[0] <= float(value) <= rule.argument[1]
    if rule.kind == "refers_to":
        return value in others[rule.argument]
    if rule.kind == "not_before":
        return not beside or date_of(beside) <= date_of(value)
    if rule.kind == "not_in_future":
        return date_of(value) <= datetime.now()
    pattern = table.patterns[rule.kind]
    if pattern.check:
        return identifiers.is_valid_nhs_number(value)
    if pattern.date:
        return any(is_date(value, way) for way in pattern.dates)
    assert pattern.matches
    for mark, ignored in (("spaces", " "), ("dashes", "-")):
        value = value.replace(ignored, "") if mark in pattern.ignoring else value
    return bool(re.fullmatch(pattern.matches, value.upper() if "case" in pattern.ignoring else value))


WRITTEN = {"DD/MM/YYYY": "%d/%m/%Y", "YYYY-MM-DD": "%Y-%m-%d", "YYYYMMDD": "%Y%m%d"}


def date_of(text: str) -> datetime:
    return datetime.strptime(text, next(style for way, style in WRITTEN.items() if same_shape(text, way)))


def is_date(text: str, way: str) -> bool:
    try:
        return same_shape(text, way) and bool(datetime.strptime(text, WRITTEN[way]))
    except ValueError:
        return False


def same_shape(text: str, way: str) -> bool:
    return re.sub("[0-9]", "0", text) == re.sub("[YMD]", "0", way)


def beside(rule: Rule) -> str | None:
    """The other column that a rule on two columns names."""
    return rule.argument.column if rule.kind == "filled_when" else rule.argument if rule.kind == "not_before" else None


def accepted_totals(made: Path) -> Iterator[tuple[dict[str, str], Feed, Table, str, list[tuple[int, dict[str, str]]]]]:
    """What was sent of each table in deliveries that are not rejected: its total, feed, table, version and rows."""
    for total in key(made, "totals"):
        if total["expected"] == "accepted":
            feed = contracts.load().feed(total["feed"])
            folder = f"{total['feed']}/{total['folder']}"
            version = feed.version(feed.period(total["period"]))
            yield total, feed, feed.format.tables[total["table"]], version, list(numbered_rows(made, folder, total["table"]))


def test_the_boroughs_of_these_tests_send_every_feed_in_files_that_the_receiver_knows(made: Path, made_later: list[Path]) -> None:
    sent = set()
    for each in (made, *made_later):
        written: dict[tuple[str, str], set[str]] = defaultdict(set)
        for total in key(each, "totals"):
            if total["expected"] == "accepted":
                written[total["feed"], total["folder"]].add(total["table"])
        for (slug, folder), tables in written.items():
            feed = contracts.load().feed(slug)
            version = feed.version(feed.period(folder.split("__")[0]))
            files = sorted(path for path in (each / "outbox" / slug / folder).iterdir())
            parts = {part for file in sent_files(feed, version, files) for part in file.parts}
            assert all(part.table for part in parts)
            assert {part.table for part in parts} - set(feed.format.file.counted_only) == tables
            sent.add(slug)
    assert sent == set(contracts.load().feeds)


@pytest.mark.parametrize("when", ["at first", "around the transfer", "after the mergers"])
def test_every_row_that_no_fault_touches_keeps_its_contract(made: Path, made_later: list[Path], when: str) -> None:
    here = [made, *made_later][["at first", "around the transfer", "after the mergers"].index(when)]
    planted = {(fault["feed"], fault["folder"], fault["table"], fault["line"]) for fault in key(here, "faults")}
    lost = {
        (fault["feed"], fault["folder"], fault["table"])
        for fault in key(here, "faults")
        if fault["expected"] == "line set aside" or fault["fault"] == "a row is left out"
    }
    sent: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    everything = list(accepted_totals(here))
    for total, _, table, _, numbered in everything:
        for header in numbered[0][1] if numbered else ():
            sent[f"{total['feed']}/{total['folder']}"][f"{table.name}.{header}"] = {row[header] for _, row in numbered}
    broken: Counter[str] = Counter()
    for total, feed, table, version, numbered in everything:
        kept = [row for line, row in numbered if (feed.slug, total["folder"], table.name, str(line)) not in planted]
        for rule in table.rules(version, feed.file.exceptions):
            # Errors of people, and lines that faults took away; rules on several columns or rows: test_ssda903_rules.py.
            if rule.kind in ("nhs_number", "conditions"):
                continue
            if rule.kind == "refers_to" and (feed.slug, total["folder"], rule.argument.partition(".")[0]) in lost:
                continue
            if rule.kind == "filled" and any(
                one.expect in ("nhs_number", "postcode") for one in table.file.columns[rule.header or ""].we_expect
            ):
                continue
            if rule.kind == "unique":
                headers = rule.argument if rule.header is None else (rule.header,)
                names = Counter(
                    tuple(row[header] for header in headers) for row in kept if all(row[header] for header in headers)
                )
                broken[f"{feed.slug} {rule.id}"] += sum(count - 1 for count in names.values())
                continue
            header, other = rule.header or "", beside(rule)
            for pair, count in Counter((row[header], row[other] if other else "") for row in kept).items():
                if not keeps(rule, feed, table, version, *pair, sent[f"{feed.slug}/{total['folder']}"]):
                    broken[f"{feed.slug} {rule.id}"] += count
    assert dict(+broken) == {}


def test_every_planted_fault_is_where_the_answer_key_says_and_breaks_the_rule_that_it_names(made: Path) -> None:
    found = Counter[str]()
    numbered = {
        (total["feed"], total["folder"], table.name): (feed, table, version, dict(rows))
        for total, feed, table, version, rows in accepted_totals(made)
    }
    for fault in key(made, "faults"):
        if not fault["rule"] or (where := (fault["feed"], fault["folder"], fault["table"])) not in numbered:
            continue
        feed, table, version, at = numbered[where]
        rule = next(rule for rule in table.rules(version, feed.file.exceptions) if rule.id == fault["rule"])
        row, other = at[int(fault["line"])], beside(rule)
        assert fault["expected"] == rule.if_broken
        assert not keeps(rule, feed, table, version, row[fault["column"]], row[other] if other else "", defaultdict(set))
        found[feed.slug] += 1
    assert len(found) > 5


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


# Of each format that names people: the source of their person records (none: the feed's name), the table, and the columns
# that together are the id.
LOCAL_IDS: dict[str, tuple[str | None, str, tuple[str, ...]]] = {
    "annex_a": ("person_file", "contacts", ("child_unique_id",)),
    "apc": ("apc", "episodes", ("local_patient_identifier",)),
    "cld": ("cld", "events", ("la_person_unique_identifier",)),
    "contact_cares": ("contact_cares", "contacts", ("local_person_id",)),
    "csds": (None, "mpi", ("localpatientid",)),
    "ecds": (None, "attendances", ("local_patient_identifier_extended",)),
    "fire_visits": ("fire_visits", "visits", ("local_person_id",)),
    "gp_summary": ("gp_summary", "registrations", ("practice_code", "patient_id")),
    "housing": ("housing", "household_members", ("person_reference",)),
    "mhsds": ("mhsds", "mpi", ("localpatientid",)),
    "outpatients": ("apc", "attendances", ("local_patient_identifier",)),
    "person_file": ("person_file", "people", ("local_person_id",)),
    "police_incidents": ("police_incidents", "people", ("person_reference",)),
    "record_permissions": ("record_permissions", "decisions", ("person_reference",)),
    "ssda903": ("person_file", "header", ("child",)),
    "vcse_referrals": ("vcse_referrals", "referrals", ("local_person_id",)),
}


def test_the_answer_key_names_the_person_of_every_row(made: Path) -> None:
    known = {(row["organisation"], row["source"], row["local_person_id"]) for row in key(made, "persons")}
    sent = set()
    faulty = {(f["feed"], f["folder"], f["table"], f["line"]) for f in key(made, "faults") if f["expected"] != "warn"}
    for total, feed, table, _, numbered in accepted_totals(made):
        source, its_table, columns = LOCAL_IDS.get(feed.format.name, (None, "", ()))
        headers = [header for header, column in table.column_names.items() if column in columns]
        for line, row in numbered if table.name == its_table else ():
            if (feed.slug, total["folder"], table.name, str(line)) not in faulty and all(row[header] for header in headers):
                local_id = "/".join(row[header] for header in headers)
                sent.add((feed.organisation, source or feed.slug.partition("/")[2], local_id))
    assert not sent - known
    assert len(known - sent) < 40  # those of rejected deliveries and faulty lines only


def adoptions(town: Borough) -> pd.DataFrame:
    assert town.adopted is not None
    return town.adopted


def test_an_adopted_child_is_another_person_from_then_on_and_only_the_answer_key_knows(town: Borough) -> None:
    adopted = adoptions(town)
    assert len(adopted) >= 2
    assert not set(adopted["nhs_number"]) & set(town.people["nhs_number"])
    children = adopted["person"].to_numpy()
    hospital_knows, council_knows = (
        Records(4, "realistic", "s", kind, "o", "{:d}", town, children) for kind in ("hospital", "childrens_social_care")
    )
    before, after = (hospital_knows.of(children, adopted["on"].to_numpy() - less) for less in (1, 0))
    assert (hospital_knows.person[before] == children).all()
    assert (hospital_knows.person[after] == adopted["identity"]).all()
    assert (hospital_knows.life[after] == children).all()
    assert (hospital_knows.local_id[before] != hospital_knows.local_id[after]).all()
    written = hospital_knows.nhs_number
    assert not ((written[before] == written[after]) & (written[after] != "")).any()
    assert (council_knows.person[council_knows.of(children, town.ends)] == children).all()


def test_the_return_names_only_children_whom_the_person_file_knows(made: Path) -> None:
    known = {row["local_person_id"] for row in key(made, "persons") if row["source"] == "person_file"}
    for path in (made / "outbox/council/looked_after_children/2018-19").glob("*.csv"):
        assert {row["CHILD"] for row in rows(made, "council/looked_after_children/2018-19", path.stem)} - {""} <= known


def test_totals_count_the_lines_that_were_written(made: Path) -> None:
    for total in key(made, "totals"):
        if total["expected"] != "rejected":
            feed = contracts.load().feed(total["feed"])
            lines = list(lines_of(made / "outbox" / total["feed"] / total["folder"], feed, total["table"]))
            assert len(lines) - feed.files.has_header == int(total["rows_written"])


def test_the_answer_key_says_how_much_really_happened_each_month(borough: Simulation, made: Path) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    homeless = 0
    for row in key(made, "truth"):
        counted[row["what"], row["month"]] += int(row["number"])
        homeless += int(row["number"]) if (row["month"], row["kind"]) == ("2019-01", "no fixed abode") else 0
    people = borough.story.borough.people
    january = (day(date(2019, 1, 1)), day(date(2019, 1, 31)))
    assert counted["births", "2019-01"] == people["born"].between(*january).sum() > 0
    assert counted["stays in hospital that ended", "2019-01"] == borough.story.stays["discharged"].between(*january).sum() > 0
    here = (people["born"] <= january[1]) & (people["died"] > january[1])
    here &= ~borough.story.general_practice.is_away(len(people), january[1])
    assert counted["people at the end of the month", "2019-01"] == here.sum() + homeless
    assert {month for _, month in counted} == {"2018-12", "2019-01", "2019-02", "2019-03"}


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
    stays = hospital.stays(3, residents.build(3, 8000, day(date(2018, 1, 1)), day(date(2019, 12, 31))))
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
