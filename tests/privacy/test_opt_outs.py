"""The national data opt-out: who is shown beyond their own care, by NHS England's answer to our numbers.

Ada opted out, and has died. The hospital knows her by one number, the council by another besides. Ben did not opt out, Cal has
no NHS number, Eve's was not verified, and Fay's was never asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds
from cares.cli import typer_app
from cares.governance import opt_outs, purposes
from cares.reports import quality
from fresh_warehouse import OUR_REGISTER, FreshWarehouse

ADA, ADAS_OTHER, BEN, EVE, FAY = "9990000018", "9990000026", "9990000034", "9990000042", "9990000069"
JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
# Periods of which an answer is young enough today, and one that it is not.
LAST_MONTH = ("the last", date.today() - timedelta(days=39), date.today() - timedelta(days=10))
THIS_MONTH = ("this", date.today() - timedelta(days=9), date.today() + timedelta(days=20))
LONG_AGO = ("long ago", date.today() - timedelta(days=80), date.today() - timedelta(days=50))
QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))
FEED = "nhs_england/national_data_opt_outs"

RECORDS = {"Ada": "sthk/apc/P1", "Ben": "sthk/apc/P2", "Cal": "sthk/apc/P3", "Eve": "sthk/apc/P4", "Fay": "sthk/apc/P5"}
SHOWN = """
select person_record_id from insight.persons
inner join governance.pseudonym using (pseudonym)
inner join person_index.membership using (person_id)
where valid_to is null
"""


def episode(number: int, name: str, nhs_number: str, born: str, **also: str) -> dict[str, str]:
    return {
        "nhs_number": nhs_number, "local_patient_identifier": f"P{number}", "hospital_provider_spell_number": f"S{number}",
        "episode_number": "1", "start_date_hospital_provider_spell": "2019-01-05", "start_date_consultant_episode": "2019-01-05",
        "person_given_name": name, "person_family_name": f"{name}son", "date_of_birth": born, "sex": "2",
        "postcode": f"WA{number} 1AB", "nhs_number_trace_status": "01", **also,
    }  # fmt: skip


def answer(warehouse: FreshWarehouse, period: tuple[str, date, date], numbers: list[str]) -> int:
    """An answer of NHS England, received now."""
    rows = [{"nhs_number": number} for number in numbers]
    delivery_id = deliver(warehouse, FEED, period, "snapshot", {"numbers": rows})
    with warehouse.connect() as connection:
        connection.execute("update ledger.delivery set received_at = now() where delivery_id = %s", (delivery_id,))
    return delivery_id


@dataclass
class Story:
    """Who of the five is shown to analysts at each stage, and what was said."""

    warehouse: FreshWarehouse
    shown: dict[str, set[str]] = field(default_factory=dict)
    remark: dict[str, str] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    others: dict[str, dict[str, int]] = field(default_factory=dict)

    def look(self, stage: str) -> None:
        found = {record for (record,) in self.warehouse.rows(SHOWN)}
        self.shown[stage] = {name for name, record in RECORDS.items() if record in found}
        self.remark[stage] = self.warehouse.rows("select obj_description('insight.persons'::regclass)")[0][0]
        self.status[stage] = CliRunner().invoke(typer_app, ["opt-out", "status"]).output
        self.others[stage] = {
            table: self.warehouse.rows(f"select count(*) from {table}")[0][0]
            for table in ("linked_care.persons", "board.care_by_month")
        }


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse) -> Iterator[Story]:
    """Nothing was answered; an answer comes; it grows old; a new one comes, which is withdrawn."""
    register, purposes.REGISTER = purposes.REGISTER, OUR_REGISTER
    try:
        yield _told(warehouse_of_module)
    finally:
        purposes.REGISTER = register


def _told(warehouse: FreshWarehouse) -> Story:
    deliver(warehouse, "sthk/admitted_patient_care", JANUARY, "period", {
        "episodes": [
            episode(1, "Ada", ADA, "1935-02-28", discharge_method_hospital_provider_spell="4", discharge_date_from_hospital_provider_spell="2019-01-09"),
            episode(2, "Ben", BEN, "1950-05-05"),
            episode(3, "Cal", "", "1961-06-06"),
            episode(4, "Eve", EVE, "1972-07-07", nhs_number_trace_status="02"),
            episode(5, "Fay", FAY, "1983-08-08"),
        ],
    })  # fmt: skip
    deliver(warehouse, "council/adult_social_care", QUARTER, "window", {
        "events": [
            {
                "nhs_number": number, "la_person_unique_identifier": person, "first_name": "Ada", "last_name": "Adason",
                "date_of_birth": "28/02/1935", "postcode": "WA1 1AB", "event_type": "Service",
                "event_start_date": "10/01/2019", "service_component": "Reablement",
            }
            for person, number in (("A1", ADAS_OTHER), ("A1", ADA))
        ],
    }, window=(date(2018, 4, 1), date(2019, 3, 31)))  # fmt: skip
    told = Story(warehouse)
    builds.build()
    told.look("never answered")
    # Ada opted out under the number by which only one row of the council's knows her.
    first = answer(warehouse, LAST_MONTH, [ADA, BEN, EVE])
    builds.build()
    told.look("answered")
    with warehouse.connect() as connection:
        connection.execute("update ledger.delivery set received_at = now() - interval '41 days' where delivery_id = %s", (first,))
    told.look("grown old")
    with warehouse.connect() as connection:
        connection.execute(
            "update ledger.delivery set received_at = now(), period_start = %s, period_end = %s where delivery_id = %s",
            (*LONG_AGO[1:], first),
        )
    told.look("old and sent again")
    second = answer(warehouse, THIS_MONTH, [ADA, ADAS_OTHER, EVE, FAY])
    builds.build()
    told.look("answered anew")
    builds.back()
    told.look("a step back")
    with warehouse.connect() as connection:
        connection.execute("update ledger.delivery set state = 'withdrawn' where delivery_id = %s", (second,))
    told.look("withdrawn")
    return told


def test_where_nothing_was_answered_nobody_is_shown(story: Story) -> None:
    assert story.shown["never answered"] == set()
    assert "Nobody is shown for planning: no list of national data opt-outs is there." in story.remark["never answered"]
    assert "Nobody is shown for planning" in story.status["never answered"]


def test_who_opted_out_is_not_shown_whichever_of_their_numbers_the_list_lacks(story: Story) -> None:
    numbers = story.warehouse.rows(
        "select count(distinct nhs_number) from intermediate.int_person_rows where nhs_number = any(%s)", [ADA, ADAS_OTHER]
    )
    assert numbers == [(2,)]
    assert "Ada" not in story.shown["answered"]


def test_who_did_not_opt_out_is_shown(story: Story) -> None:
    assert story.shown["answered"] == {"Ben"}
    assert f"Opt-outs for planning as told until {LAST_MONTH[2] + timedelta(days=1)}." in story.remark["answered"]


def test_without_a_verified_number_nobody_can_be_looked_up_and_nobody_is_shown(story: Story) -> None:
    assert not {"Cal", "Eve"} & (story.shown["answered"] | story.shown["answered anew"])
    assert "have no verified one" in story.status["answered"]


def test_a_number_that_was_never_asked_about_is_not_used(story: Story) -> None:
    assert "Fay" not in story.shown["answered"]
    assert "Fay" in story.shown["answered anew"]


def test_a_list_older_than_its_limit_stops_everything_at_once(story: Story) -> None:
    assert story.shown["grown old"] == set()
    assert "and may be 40 days old" in story.status["grown old"]


def test_an_old_list_that_is_sent_again_today_is_no_younger(story: Story) -> None:
    assert story.shown["old and sent again"] == set()
    assert f"tells of them until {LONG_AGO[2] + timedelta(days=1)} and may be 40 days old" in story.status["old and sent again"]


def test_a_simulated_list_of_a_made_up_month_is_as_old_as_its_receipt(story: Story) -> None:
    fresh = "select is_fresh from governance.purpose_opt_outs where purpose = 'planning'"
    with story.warehouse.connect() as connection:
        connection.execute(
            """update ledger.delivery set state = 'accepted', period_start = %s, period_end = %s
               where delivery_id = (select delivery_id from governance.opt_out_list)""",
            LONG_AGO[1:],
        )
        assert connection.execute(fresh).fetchall() == [(False,)]
        connection.execute("update governance.sharing_agreement set agreement = 'SIMULATED' where feed = %s", (FEED,))
        assert connection.execute(fresh).fetchall() == [(True,)]
        connection.rollback()


def test_the_opt_out_lasts_after_death_and_can_be_taken_back_before(story: Story) -> None:
    assert story.warehouse.rows("select died_on from intermediate.int_person_records where person_record_id = 'sthk/apc/P1'") == [
        (date(2019, 1, 9),)
    ]
    assert "Ada" not in story.shown["answered"]
    assert "Ada" in story.shown["answered anew"]


def test_a_later_answer_takes_the_place_of_the_one_before(story: Story) -> None:
    assert story.shown["answered anew"] == {"Ada", "Fay"}


def test_an_earlier_build_obeys_todays_answer(story: Story) -> None:
    assert story.shown["a step back"] == story.shown["answered anew"]


def test_a_withdrawn_answer_counts_no_more(story: Story) -> None:
    assert story.shown["withdrawn"] == set()


def test_direct_care_and_the_boards_figures_know_no_opt_outs(story: Story) -> None:
    first = story.others["never answered"]
    assert first["linked_care.persons"] == 5 and first["board.care_by_month"]
    assert all(counts == first for counts in story.others.values())
    assert story.warehouse.rows("select count(*) from governance.secondary_use_person where purpose = 'direct care'") == [(5,)]


def test_the_quality_report_says_how_old_the_list_is_and_how_many_could_not_be_looked_up(story: Story) -> None:
    """The answer was withdrawn by now: the first page says that nobody is shown, and small numbers are hidden."""
    page = re.sub(r"\s+", " ", quality.quality_report().read_text("utf-8"))
    assert "NHS England&#39;s list of who has not opted out has never come, so nobody is shown for planning." in page
    assert 'no verified NHS number, by which an opt-out could be looked up</th><td class="n">*</td>' in page


def test_nobodys_opt_out_is_written_down(story: Story) -> None:
    columns = story.warehouse.rows(
        """select table_name, column_name from information_schema.columns
           where table_schema in ('governance', 'person_index', 'linked_care', 'intermediate') and column_name like '%opt_out%'
               and table_name not in ('purpose', 'purpose_opt_outs') and column_name not like 'type_1%'"""
    )
    assert columns == []


def test_the_request_is_one_number_a_line_with_a_comma_and_named_as_nhs_england_asks(story: Story, tmp_path: Path) -> None:
    run = CliRunner().invoke(typer_app, ["opt-out", "request", str(tmp_path)])
    assert run.exit_code == 0, run.output
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == b"".join(f"{number},\n".encode() for number in (ADA, ADAS_OTHER, BEN, EVE, FAY))
    assert file.name == f"STHELENSCARES-{date.today():%d%m%y}-0001.dat"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any(number in run.output for number in (ADA, BEN))
    asked: list[tuple[Any, ...]] = story.warehouse.rows("select file_name, numbers, sent_by from governance.opt_out_request")
    assert asked == [(file.name, 5, "hand")]
    assert opt_outs.request()[0].endswith("-0002.dat")
