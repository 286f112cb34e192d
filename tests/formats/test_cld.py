"""Client Level Data: submissions of twelve months that overlap, in the words of two releases, give each event once.

The rules are those by which the Department of Health and Social Care joins submissions. Halton sends the first submission in
the words of Release 1 and the second, three months later, in those of Release 2.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cares import builds, contracts, deliveries
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse

FEED = "halton/adult_social_care"
FIRST, SECOND = "2025-Q3", "2025-Q4"  # October 2024 to September 2025, and January to December 2025
Row = dict[str, str]

R1_HOME_CARE = {
    "Client Type": "Service User", "Service Type": "Long Term Support: Community", "Service Component": "Home Support",
}  # fmt: skip
HOME_CARE = {
    "Client Type": "Service user", "Service Type": "Long term support: Community",
    "Service Component": "Home support or domiciliary care",
}  # fmt: skip


def event(person: str, kind: str, start: str, end: str = "", **more: str) -> Row:
    return {
        "LA Code": "318", "LA Person Unique Identifier": person, "First Name": f"Name{person}", "Last Name": "Elm",
        "Date of Birth": "04/03/1950", "Event Type": kind, "Event Start Date": start, "Event End Date": end,
    } | more  # fmt: skip


def service(person: str, start: str, end: str = "", **more: str) -> Row:
    return event(person, "Service", start, end, **HOME_CARE | more)


def request(person: str, start: str, end: str, **more: str) -> Row:
    route = {"Client Type": "Service user", "Request: Route of Access": "Community / Other route"}
    return event(person, "Request", start, end, **route | more)


def assessment(person: str, start: str, end: str, **more: str) -> Row:
    return event(
        person, "Assessment", start, end, **{"Client Type": "Service user", "Assessment Type": "Long term assessment"} | more
    )


# In the words of Release 1, and the same in those of Release 2. Both stay in force, or the first speaks of the time before.
IN_BOTH_RELEASES = {
    "home care": (
        event("BOTH-1", "Service", "04/11/2024", **R1_HOME_CARE),
        service("BOTH-1", "04/11/2024"),
    ),
    "low level support": (
        event("BOTH-2", "Service", "04/11/2024", **{"Client Type": "Service User",
              "Service Type": "Short Term Support: Ongoing Low Level", "Service Component": "Day Support"}),
        service("BOTH-2", "04/11/2024", **{"Service Type": "Short term support: Ongoing low level",
                "Service Component": "Day support"}),
    ),
    "support to an unpaid carer": (
        event("BOTH-3", "Service", "04/11/2024", **{"Client Type": "Carer",
              "Service Type": "Carer Support: Direct to Carer", "Service Component": "Carer Respite"}),
        service("BOTH-3", "04/11/2024", **{"Client Type": "Unpaid carer",
                "Service Type": "Unpaid carer support: Direct to unpaid carer", "Service Component": "Unpaid carer respite"}),
    ),
    "a request": (
        request("BOTH-4", "04/11/2024", "05/11/2024", **{"Client Type": "Service User",
                "Event Outcome": "NFA - Information & Advice / Signposting only"}),
        request("BOTH-4", "04/11/2024", "05/11/2024", **{"Event Outcome": "NFA: Information and advice or signposting"}),
    ),
    "an assessment": (
        assessment("BOTH-5", "04/11/2024", "20/11/2024", **{"Client Type": "Carer known by association"}),
        assessment("BOTH-5", "04/11/2024", "20/11/2024", **{"Client Type": "Unpaid carer known by association"}),
    ),
}  # fmt: skip

# Two rows of one submission that differ in one thing: two events.
TOLD_APART_BY = {
    "the start": (service("APART-1", "01/02/2025"), service("APART-1", "02/02/2025")),
    "the end of a request": (request("APART-2", "01/02/2025", "02/02/2025"), request("APART-2", "01/02/2025", "03/02/2025")),
    "the end of a review": (
        event("APART-3", "Review", "01/02/2025", "02/02/2025", **{"Client Type": "Service user"}),
        event("APART-3", "Review", "01/02/2025", "03/02/2025", **{"Client Type": "Service user"}),
    ),
    "the client type": (service("APART-4", "01/02/2025"), service("APART-4", "01/02/2025", **{"Client Type": "Unpaid carer"})),
    "the route of access": (
        request("APART-5", "01/02/2025", "02/02/2025"),
        request("APART-5", "01/02/2025", "02/02/2025", **{"Request: Route of Access": "Discharge from Hospital"}),
    ),
    "the assessment type": (
        assessment("APART-6", "01/02/2025", "02/02/2025"),
        assessment("APART-6", "01/02/2025", "02/02/2025", **{"Assessment Type": "Short term assessment"}),
    ),
    "the service type": (
        service("APART-7", "01/02/2025"),
        service("APART-7", "01/02/2025", **{"Service Type": "Short term support: ST-Max"}),
    ),
    "the service component": (
        service("APART-8", "01/02/2025"),
        service("APART-8", "01/02/2025", **{"Service Component": "Day support"}),
    ),
}  # fmt: skip

# A service of one submission in two packages: both are kept.
PACKAGE = {
    "Delivery Mechanism": "CASSR commissioned support", "Unit Cost": "20.00", "Cost Frequency (Unit Type)": "Hourly",
    "Planned units per week": "7",
}  # fmt: skip
PACKAGES_DIFFER_IN = {
    "Delivery Mechanism": "Direct payment", "Unit Cost": "21.50", "Cost Frequency (Unit Type)": "Weekly",
    "Planned units per week": "14",
}  # fmt: skip

# Two rows of one submission that tell one event, in the order in which they are written: the first one counts.
ONE_EVENT = {
    "an open service before one that ended": (
        service("TIE-1", "01/02/2025"),
        service("TIE-1", "01/02/2025", "01/06/2025"),
    ),
    "the latest end": (
        service("TIE-2", "01/02/2025", "02/06/2025"),
        service("TIE-2", "01/02/2025", "01/06/2025"),
    ),
    "the outcome that is higher in the hierarchy": (
        request("TIE-3", "01/02/2025", "02/02/2025", **{"Event Outcome": "Admitted to hospital"}),
        request("TIE-3", "01/02/2025", "02/02/2025", **{"Event Outcome": "NFA: Other"}),
    ),
    "any outcome before none": (
        request("TIE-4", "01/02/2025", "02/02/2025", **{"Event Outcome": "NFA: Other"}),
        request("TIE-4", "01/02/2025", "02/02/2025"),
    ),
    "the end before the outcome": (
        service("TIE-5", "01/02/2025", "02/06/2025", **{"Event Outcome": "NFA: Other"}),
        service("TIE-5", "01/02/2025", "01/06/2025", **{"Event Outcome": "Progress to reablement/ST-Max"}),
    ),
}  # fmt: skip

FIRST_SUBMISSION = (
    *(first for first, _ in IN_BOTH_RELEASES.values()),
    assessment("LATEST-1", "01/02/2025", "02/02/2025", **{"Client Type": "Service User", "Event Outcome": "NFA - Support declined"}),
    assessment("LATEST-2", "01/02/2025", "02/02/2025", **{"Client Type": "Service User"}),
    assessment("LATEST-3", "01/11/2024", "02/11/2024", **{"Client Type": "Service User"}),
    event("ENDED", "Service", "04/11/2024", **R1_HOME_CARE),
    event("VANISHED", "Service", "04/11/2023", **R1_HOME_CARE),
    event("VANISHED-AND-DEAD", "Service", "04/11/2023", **R1_HOME_CARE | {"Date of Death": "24/12/2024"}),
    event("NEVER-WAS", "Service", "02/01/2025", **R1_HOME_CARE),
    event("DEARER", "Service", "04/11/2024", **R1_HOME_CARE | PACKAGE),
)  # fmt: skip
SECOND_SUBMISSION = (
    *(second for _, second in IN_BOTH_RELEASES.values()),
    *(row for pair in (*TOLD_APART_BY.values(), *ONE_EVENT.values()) for row in pair),
    assessment("LATEST-1", "01/02/2025", "02/02/2025", **{"Event Outcome": "Admitted to hospital"}),
    service("ENDED", "04/11/2024", "09/02/2025"),
    service("DEARER", "04/11/2024", **PACKAGE | {"Unit Cost": "22.00"}),
    *(row for column, value in PACKAGES_DIFFER_IN.items() for row in (
        service(f"PACKAGE {column}"[:30], "01/02/2025", **PACKAGE),
        service(f"PACKAGE {column}"[:30], "01/02/2025", **PACKAGE | {column: value}),
    )),
    request("STRAY", "01/02/2025", "02/02/2025"),
    request("STRAY", "01/02/2025", "02/02/2025", **HOME_CARE | PACKAGE | {"Assessment Type": "Long term assessment"}),
    service("OPEN", "01/02/2025"),
    service("DIED-1", "01/02/2025", **{"Date of Death": "01/05/2025"}),
    service("DIED-2", "01/02/2025", "01/06/2025", **{"Date of Death": "01/05/2025"}),
    service("DIED-3", "01/02/2025", "01/04/2025", **{"Date of Death": "01/05/2025"}),
    service("DIED-4", "04/05/2025", **{"Date of Death": "01/05/2025"}),
    event("LOOSELY", " SERVICE", "01/02/2025", **HOME_CARE),
    service("REFERENCE", "01/02/2025", **{"Event Reference": "E1"}),
    service("REFERENCE", "01/02/2025", **{"Event Reference": "E2"}),
    service("REFERENCE", "01/03/2025", **{"Event Reference": "E1"}),
    service("", "01/02/2025", **{"NHS Number": "9990000026", "Last Name": "Nobody"}),
    service("SAME-1", "01/02/2025", **{"NHS Number": "9990000018", "First Name": "Ada"}),
    service("SAME-2", "01/02/2025", **{"NHS Number": "9990000018", "First Name": "Ada"}),
    request("CLUSTER", "03/02/2025", "07/02/2025"),
    request("CLUSTER", "04/02/2025", "05/02/2025"),
    request("CLUSTER", "11/02/2025", "12/02/2025"),
    request("CLUSTER", "17/02/2025", "18/02/2025"),
    event("OLD-WORDS", "Service", "01/02/2025", **R1_HOME_CARE),
)  # fmt: skip


def submit(folder: Path, period: str, rows: tuple[Row, ...]) -> None:
    headers = list(contracts.load().feed(FEED).format.tables["events"].file.columns)
    with (folder / "cld.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, headers, restval="")
        writer.writeheader()
        writer.writerows(rows)
    decision = deliveries.receive(FEED, [folder / "cld.csv"], period)
    assert decision.state == "accepted", decision


@pytest.fixture(scope="module")
def halton(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> FreshWarehouse:
    sign_agreement(FEED)
    submit(tmp_path_factory.mktemp("first"), FIRST, FIRST_SUBMISSION)
    submit(tmp_path_factory.mktemp("second"), SECOND, SECOND_SUBMISSION)
    builds.build()
    return warehouse_of_module


def events(warehouse: FreshWarehouse, person: str, *columns: str) -> list[tuple[str | None, ...]]:
    """These columns of the person's events, as text and in order."""
    selected = ", ".join(f"{column}::text" for column in columns or ("social_care_event_id",))
    return sorted(
        warehouse.rows(f"select {selected} from intermediate.int_social_care_events where local_person_id = %s", person),
        key=str,
    )


@pytest.mark.parametrize("what", IN_BOTH_RELEASES)
def test_an_event_told_in_the_words_of_both_releases_is_one_event_in_the_words_of_the_later(
    halton: FreshWarehouse, what: str
) -> None:
    _, later = IN_BOTH_RELEASES[what]
    ((client_type, service_type, component, outcome),) = events(
        halton, later["LA Person Unique Identifier"], "client_type", "service_type", "service_component", "outcome"
    )
    assert client_type == later["Client Type"]
    assert service_type == later.get("Service Type")
    assert component == later.get("Service Component")
    assert outcome == later.get("Event Outcome")


def test_of_the_months_that_overlap_the_latest_submission_counts(halton: FreshWarehouse) -> None:
    assert events(halton, "LATEST-1", "outcome") == [("Admitted to hospital",)]
    assert events(halton, "LATEST-2") == [], "an assessment that it does not tell again is left behind"


def test_of_the_months_before_the_latest_submission_the_earlier_one_counts(halton: FreshWarehouse) -> None:
    assert events(halton, "LATEST-3", "ended_on") == [("2024-11-02",)]


def test_a_service_that_the_latest_submission_no_longer_tells_ended_before_its_twelve_months(halton: FreshWarehouse) -> None:
    assert events(halton, "VANISHED", "started_on", "ended_on", "source_rows") == [("2023-11-04", "2024-12-31", "0")]
    assert events(halton, "VANISHED-AND-DEAD", "ended_on") == [("2024-12-24",)]
    assert events(halton, "NEVER-WAS") == [], "one that began within them is left behind"


def test_a_service_without_an_end_is_open(halton: FreshWarehouse) -> None:
    assert events(halton, "OPEN", "ended_on") == [(None,)]


def test_a_service_that_was_given_its_end_is_the_same_service(halton: FreshWarehouse) -> None:
    assert events(halton, "ENDED", "ended_on") == [("2025-02-09",)]


@pytest.mark.parametrize("what", TOLD_APART_BY)
def test_two_events_are_told_apart_by(halton: FreshWarehouse, what: str) -> None:
    assert len(events(halton, TOLD_APART_BY[what][0]["LA Person Unique Identifier"])) == 2


def test_an_event_is_not_told_apart_by_what_belongs_to_another_kind(halton: FreshWarehouse) -> None:
    assert len(events(halton, "STRAY")) == 1


@pytest.mark.parametrize("column", PACKAGES_DIFFER_IN)
def test_packages_of_a_service_in_one_submission_are_kept_apart_by(halton: FreshWarehouse, column: str) -> None:
    assert len(events(halton, f"PACKAGE {column}"[:30])) == 2


def test_a_price_that_rose_between_submissions_makes_no_second_service(halton: FreshWarehouse) -> None:
    assert events(halton, "DEARER", "unit_cost_gbp") == [("22.00",)]


@pytest.mark.parametrize("what", ONE_EVENT)
def test_of_two_rows_that_tell_one_event_what_counts_is(halton: FreshWarehouse, what: str) -> None:
    counts, _ = ONE_EVENT[what]
    ((ended_on, outcome),) = events(halton, counts["LA Person Unique Identifier"], "to_char(ended_on, 'DD/MM/YYYY')", "outcome")
    assert (ended_on or "", outcome or "") == (counts["Event End Date"], counts.get("Event Outcome", ""))


@pytest.mark.parametrize(
    ("person", "ended_on"),
    [("DIED-1", "2025-05-01"), ("DIED-2", "2025-05-01"), ("DIED-3", "2025-04-01"), ("DIED-4", "2025-05-04")],
    ids=["an open service", "a service that ended after it", "a service that ended before it", "a service begun after it"],
)
def test_an_event_ends_at_the_latest_with_the_person(halton: FreshWarehouse, person: str, ended_on: str) -> None:
    assert events(halton, person, "ended_on") == [(ended_on,)]


def test_an_event_type_is_matched_loosely(halton: FreshWarehouse) -> None:
    assert events(halton, "LOOSELY", "kind") == [("service",)]


def test_the_event_reference_is_no_key(halton: FreshWarehouse) -> None:
    assert events(halton, "REFERENCE", "started_on") == [("2025-02-01",), ("2025-03-01",)]


def test_a_row_without_the_council_s_number_of_the_person_is_set_aside(halton: FreshWarehouse) -> None:
    assert halton.rows("select count(*) from staging.stg_cld__events where surname = 'Nobody'") == [(0,)]


def test_a_person_with_two_numbers_of_the_council_has_two_events_and_is_one_person(halton: FreshWarehouse) -> None:
    assert len(events(halton, "SAME-1") + events(halton, "SAME-2")) == 2
    assert halton.rows("select count(*) from linked_care.persons where nhs_number = '9990000018'") == [(1,)]


def test_requests_with_at_most_four_days_between_them_count_as_one(halton: FreshWarehouse) -> None:
    assert events_began(halton, "CLUSTER") == [
        ("2025-02-03", "2025-02-03"), ("2025-02-04", "2025-02-03"), ("2025-02-11", "2025-02-03"), ("2025-02-17", "2025-02-17"),
    ]  # fmt: skip


def events_began(warehouse: FreshWarehouse, person: str) -> list[tuple[str, str]]:
    """When each request of a person began, and when those that count as one with it did."""
    return warehouse.rows(
        """select mart.started_on::text, mart.request_began_on::text from linked_care.social_care_events as mart
           join intermediate.int_social_care_events as event using (social_care_event_id)
           where event.local_person_id = %s order by 1""",
        person,
    )


def test_a_word_of_release_1_in_a_submission_of_release_2_is_found_and_understood(halton: FreshWarehouse) -> None:
    found = halton.rows(
        """select finding.rule from ledger.finding join ledger.delivery using (delivery_id)
           join staging.stg_cld__events as event using (file_id, line_number)
           where event.local_person_id = 'OLD-WORDS' and delivery.format_version = 'R2' order by 1"""
    )
    words = ("Client Type", "Service Component", "Service Type")
    assert found == [(f"events.{column}.one_of",) for column in words]
    assert events(halton, "OLD-WORDS", "client_type", "service_type") == [("Service user", "Long term support: Community")]
