"""Erasure: one person of three senders is gone from every table and every file, and old files do not bring them back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds, contracts, deliveries, erasing, settings, tombstones
from cares import warehouse as cares_warehouse
from cares.cli import typer_app
from cares.governance import agreements, holds
from end_to_end.receiving import EXTRACTS
from fresh_warehouse import FreshWarehouse
from privacy.reading import text_below, text_of

DESK, FORMER_DESK = "council/contact_cares", "council/isah"
HOUSING, HOSPITAL, COMMUNITY = "torus/tenancies", "sthk/admitted_patient_care", "bridgewater/community_services"
NUMBER = "9990094748"
# What the hospital took for their number in an earlier row.
FORMER_NUMBER = "9990094837"
# Whatever tells of the person: numbers, names, where they live, and what they were in care for.
VALUES = {
    NUMBER, FORMER_NUMBER, "999 009 4748", "QZ94710", "MZ9471", "HZ94710", "BWZ94710", "TZ9471", "SZ94710", "RZ94710", "CZ94710", "AZ94710", "PKZ94710",
    "Zerubbabel", "Quillfeather", "94 Quillfeather Lane", "WA10 9ZQ", "WA109ZQ",
}  # fmt: skip
NEIGHBOUR = "Nuñez"


def is_valid(number: str) -> bool:
    return (11 - sum(int(one) * (10 - place) for place, one in enumerate(number[:9])) % 11) % 11 == int(number[9])


assert is_valid(NUMBER) and is_valid(FORMER_NUMBER)


def write_files(folder: Path) -> dict[str, Path]:
    """What three organisations send, with the person among others in each table; the folder of each feed."""
    folders = {}
    for feed, extract in {
        HOUSING: "torus_tenancies/as_promised",
        HOSPITAL: "apc/sus_plus",
        COMMUNITY: "csds/intermediate_database",
    }.items():
        folders[feed] = folder / feed.replace("/", "_")
        shutil.copytree(EXTRACTS / extract, folders[feed])
    home = '"94 Quillfeather Lane, St Helens",WA10 9ZQ'
    _append(folders[HOUSING] / "tenancies.csv", f"TZ9471,PZ9471,38000000999,{home},Assured,N,02/04/2015,,MZ9471")
    _append(
        folders[HOUSING] / "household_members.csv",
        f"MZ9471,TZ9471,{NUMBER},Zerubbabel,Quillfeather,11/02/1941,M,Main Tenant,,02/04/2015,",
        # Set aside, so that the index does not know this record; its number says whose it is.
        f"QZ94710,,{NUMBER},Zerubbabel,Quillfeather,11/02/1941,M,Main Tenant,,02/04/2015,",
        # A line that cannot be read tells of them too.
        f"MZ9471,TZ9471,{NUMBER},Zerubbabel,Quillfeather,11/02/1941,M,Main Tenant,,02/04/2015,,,one value too many",
    )
    for path in folders[HOSPITAL].iterdir():
        header, *lines = path.read_text().splitlines()
        changed = [
            line.replace("70001", "PKZ94710").replace("H1001", "HZ94710").replace("9990000018", NUMBER)
            .replace("S900001", "SZ94710").replace("WA10 1HP", "WA10 9ZQ").replace("1936-05-02", "1941-02-11")
            for line in lines
        ]  # fmt: skip
        path.write_text("\n".join([header, *lines, *changed]).replace(f"HZ94710,{NUMBER}", f"HZ94710,{FORMER_NUMBER}", 1) + "\n")
    for path in folders[COMMUNITY].iterdir():
        text = path.read_text()
        for before, after in {
            "BW1001": "BWZ94710", "9990004110": NUMBER, "WA9 1AA": "WA10 9ZQ", "1941-05-17": "1941-02-11",
        }.items():  # fmt: skip
            text = text.replace(before, after)
        text = re.sub(r"\bR1\b", "RZ94710", text)
        text = re.sub(r"\b([CA])1\b", r"\1Z94710", text) if "Care" in path.name else text
        path.write_text(text)
    return folders


def _append(path: Path, *lines: str) -> None:
    path.write_text(path.read_text().rstrip("\n") + "\n" + "".join(f"{line}\n" for line in lines))


PERIODS = {HOUSING: "2019-03", HOSPITAL: "2019-01", COMMUNITY: "2023-01"}


def receive(folders: dict[str, Path]) -> list[int]:
    numbers = []
    for feed, folder in folders.items():
        decision = deliveries.receive(feed, sorted(folder.iterdir()), PERIODS[feed])
        if decision.state == "held":
            deliveries.act("release", decision.delivery_id, "a small example")
        numbers.append(decision.delivery_id)
    return numbers


def found_in_tables(warehouse: FreshWarehouse) -> dict[str, set[str]]:
    """The values of the person that stand in any table of the database, statistics of the server included."""
    found = {}
    with cares_warehouse.connect_as_administrator(warehouse.database) as administrator:
        schemas = [
            name
            for (name,) in administrator.execute("select nspname from pg_namespace where nspname !~ '^pg_|^information_schema'")
        ]
        for schema in [*schemas, "the server's statistics"]:
            text = text_of(administrator, (schema,))
            if schema not in schemas:
                text = "".join(str(row) for row in administrator.execute("select * from pg_stats"))
            if values := {value for value in VALUES if value in text}:
                found[schema] = values
    return found


def found_in_files() -> set[str]:
    """The values of the person that stand in any file of the run-time state, but for the server's own."""
    text = text_below(settings.VAR, without={settings.VAR / "server"})
    return {value for value in VALUES if value in text}


@dataclass
class Story:
    warehouse: FreshWarehouse
    tables: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    files: dict[str, set[str]] = field(default_factory=dict)
    persons: dict[str, int] = field(default_factory=dict)
    ledger: dict[str, list[tuple]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    cases: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def look(self, moment: str) -> None:
        self.tables[moment] = found_in_tables(self.warehouse)
        self.files[moment] = found_in_files()
        self.cases[moment] = self.warehouse.rows("select feed, surname from governance.contact_cares_case order by 1, 2")
        self.persons[moment] = self.warehouse.rows("select count(*) from linked_care.persons")[0][0]
        self.ledger[moment] = self.warehouse.rows(
            """select feed, table_name, received_rows, unreadable_rows, landed_rows, accepted_rows, set_aside_rows, erased_rows
               from ledger.delivery_file join ledger.delivery using (delivery_id)
               where landed_rows is not null and not_needed_rows is null order by delivery_id, file_id"""
        )


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Received and built twice; then erased, replayed, sent again and built anew."""
    purposes = ("direct care", "planning", "board reporting")
    started = date(2018, 1, 1)
    agreements.sign(*(agreements.Agreement("TEST", feed, purposes, started, started) for feed in PERIODS))
    folders = write_files(tmp_path_factory.mktemp("sent"))
    numbers = receive(folders)
    for feed, surname, number in ((DESK, "Quillfeather", NUMBER), (FORMER_DESK, NEIGHBOUR, "")):
        # Two services that number their contacts alike; neither knows the person's number in a system of its own.
        deliver(warehouse_of_module, feed, ("2019-05", date(2019, 5, 1), date(2019, 5, 31)), "key", {
            "contacts": [{"contact_id": "CC-1", "nhs_number": number, "surname": surname, "received_date": "05/05/2019"}],
        })  # fmt: skip
    told = Story(warehouse_of_module)
    builds.build()
    builds.build()
    told.look("before")
    (person,) = {
        person
        for (person,) in warehouse_of_module.rows(
            "select person_id from person_index.membership where person_record_id in (%s, %s, %s) and valid_to is null",
            "torus/housing/MZ9471", "sthk/apc/HZ94710", "bridgewater/community_services/BWZ94710",
        )
    }  # fmt: skip
    hold = holds.add("torus/housing/MZ9471", "the coroner asks for it")
    whom = f"person/{person}\n"
    told.told["held"] = str(CliRunner().invoke(typer_app, ["erase", "--ground", "a test", "--yes"], input=whom).exception)
    holds.remove(hold, "the inquest is over")
    run = CliRunner().invoke(
        typer_app, ["erase", "--ground", "recorded without any basis, Article 17(1)(d)", "--yes"], input=whom
    )
    told.told["erased"] = run.output + str(run.exception or "")
    told.look("erased")
    for number in numbers:
        decision = deliveries.replay(number, "to see who comes back")
        if decision.state == "held":
            deliveries.act("release", decision.delivery_id, "a small example")
    told.look("replayed")
    for folder in folders.values():
        for path in folder.iterdir():
            # Another file to the ledger, the same to anybody who reads it.
            path.write_text(path.read_text().replace("\n", "\r\n"), newline="")
    receive(folders)
    told.look("sent again")
    builds.build(rebuild_staging=True)
    told.look("built anew")
    yield told


def test_before_the_person_stands_in_every_schema_and_file(story: Story) -> None:
    assert {"landing", "staging", "intermediate", "person_index", "linked_care"} <= story.tables["before"].keys()
    assert any(schema.startswith("linked_care__b") for schema in story.tables["before"])
    everywhere = set().union(*story.tables["before"].values())
    assert everywhere >= VALUES - {"999 009 4748", "WA109ZQ"}
    assert story.files["before"] >= {NUMBER, "Quillfeather", "MZ9471"}


def test_a_legal_hold_stops_an_erasure(story: Story) -> None:
    assert "Legal hold" in story.told["held"]
    assert "cares hold remove" in story.told["held"]


@pytest.mark.parametrize("moment", ["erased", "replayed", "sent again", "built anew"])
def test_no_table_of_the_database_tells_of_the_person(story: Story, moment: str) -> None:
    assert story.tables[moment] == {}


@pytest.mark.parametrize("moment", ["erased", "replayed", "sent again", "built anew"])
def test_no_file_tells_of_the_person(story: Story, moment: str) -> None:
    assert story.files[moment] == set()


def test_the_others_stay(story: Story) -> None:
    assert story.persons["erased"] == story.persons["before"] - 1
    assert story.persons["built anew"] == story.persons["before"] - 1
    assert story.warehouse.rows("select count(*) from linked_care.persons where surname = %s", NEIGHBOUR) == [(1,)]


@pytest.mark.parametrize("moment", ["erased", "replayed", "sent again", "built anew"])
def test_the_ledger_adds_up(story: Story, moment: str) -> None:
    for _, _, received, unreadable, landed, accepted, aside, erased in story.ledger[moment]:
        assert received == landed + unreadable
        assert landed == accepted + aside + erased
    assert sum(row[-1] for row in story.ledger["before"]) == 0
    assert sum(row[-1] for row in story.ledger["erased"]) > 10


def test_what_was_sent_again_is_counted_as_erased(story: Story) -> None:
    erased = {moment: sum(row[-1] for row in rows if row[0] in PERIODS) for moment, rows in story.ledger.items()}
    assert erased["sent again"] == 2 * erased["erased"]


def test_the_certificate_counts_and_names_nobody(story: Story) -> None:
    act, ground, counts, text = story.warehouse.rows("select act, ground, counts, text from governance.certificate")[0]
    # Three that the index knows, and one that was set aside.
    assert (act, counts["person records"], counts["persons taken out of the index"]) == ("erasure", 4, 1)
    assert counts["landed rows"] == sum(row[-1] for row in story.ledger["erased"])
    assert "Article 17(1)(d)" in ground and ground in text
    assert not {value for value in VALUES if value in text}
    assert "Certificate 1" in story.told["erased"]


def test_every_number_and_record_of_the_person_has_a_tombstone(story: Story) -> None:
    macs = {mac for (mac,) in story.warehouse.rows("select mac from governance.tombstone")}
    key = (settings.VAR / "secrets" / tombstones.KEY).read_text().strip().encode()
    assert tombstones.mac(key, "nhs number", FORMER_NUMBER) in macs
    assert tombstones.mac(key, "person record", "torus/housing/QZ94710") in macs


def test_a_case_of_contact_cares_goes_that_names_the_person_by_no_record_and_another_service_keeps_its_own(story: Story) -> None:
    assert story.cases["before"] == [(DESK, "Quillfeather"), (FORMER_DESK, NEIGHBOUR)]
    assert story.cases["erased"] == story.cases["built anew"] == [(FORMER_DESK, NEIGHBOUR)]


def test_the_person_index_goes_on(story: Story) -> None:
    assert story.warehouse.rows("select count(*) from person_index.update where finished_at is not null")[0][0] >= 2


def test_nobody_is_erased_without_a_ground(story: Story) -> None:
    with pytest.raises(erasing.ErasingError, match="ground"):
        erasing.erase("torus/housing/M001", " ")


def test_somebody_unknown_cannot_be_erased(story: Story) -> None:
    with pytest.raises(erasing.ErasingError, match="Nothing came under that name"):
        erasing.look("torus/housing/nobody")


def test_a_tombstone_cannot_be_read_back(story: Story) -> None:
    macs = {mac for (mac,) in story.warehouse.rows("select mac from governance.tombstone")}
    key = (settings.VAR / "secrets" / tombstones.KEY).read_text().strip().encode()
    assert tombstones.mac(key, "nhs number", NUMBER) in macs
    assert tombstones.mac(b"another key", "nhs number", NUMBER) not in macs


def test_every_staged_table_of_people_says_in_the_register_whose_rows_it_has() -> None:
    folder = settings.DBT_PROJECT / "models" / "staging"
    staged = {
        path.stem.removeprefix("stg_") for path in folder.glob("*/*.sql") if re.search(r"as local_person_id\b", path.read_text())
    }
    assert staged <= tombstones.people().persons.keys()


def test_the_register_names_records_as_the_index_does() -> None:
    rows = (settings.DBT_PROJECT / "models" / "intermediate" / "person_index" / "int_person_rows.sql").read_text()
    for table, source, options in re.findall(
        r"person_rows\(ref\('(?:stg|int)_(\w+)'\), '(\w+)', \{(.*?)\) \}\}", rows, re.DOTALL
    ):
        person = tombstones.people().persons["housing__household_members" if table == "household_members" else table]
        assert person.numbered_by == ("feed" if "numbered_by_feed=true" in options else source)


def test_every_format_with_people_is_in_the_register() -> None:
    with_numbers = {table.landing_name for table in contracts.load().tables() if tombstones.nhs_number_columns(table)} - {
        "record_accesses__accesses",
        "national_data_opt_outs__numbers",
    }
    assert with_numbers <= tombstones.people().persons.keys()
