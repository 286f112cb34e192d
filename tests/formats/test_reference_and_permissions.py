"""Reference files come as deliveries of their publishers; until they do, small defaults with their source take their place.

And who may see the Shared Care Record, and who saw it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from cares import builds
from end_to_end.receiving import sign_agreement
from formats.examples import accept_or_release, broken_rules, stage
from fresh_warehouse import FreshWarehouse

# Files of the organisation register as they are published: 27 values, quoted, without a header.
TRUSTS = [
    {1: "RBN", 2: "ST HELENS AND KNOWSLEY TEACHING HOSPITALS NHS TRUST", 4: "QYG", 10: "L35 5DR", 11: "19910401", 24: "B"},
    {1: "RTV", 2: "NORTH WEST BOROUGHS HEALTHCARE NHS FOUNDATION TRUST", 4: "QYG", 11: "20020401", 12: "20210531", 24: "B"},
    {1: "XXX", 2: "A TRUST THAT OPENED ON NO DAY", 11: "20190230"},
]
PRACTICES = [
    {1: "N83001", 2: "RAINBOW MEDICAL CENTRE", 10: "WA9 3PN", 11: "19740401", 13: "A", 15: "01X", 26: "4"},
    {1: "N83638", 2: "ST HELENS UTC", 10: "WA10 1DH", 11: "20010401", 13: "A", 15: "01X", 26: "12"},
    {1: "N83996", 2: "A PRACTICE THAT THE DEFAULT DOES NOT KNOW", 10: "WA9 1LN", 11: "20230401", 13: "A", 15: "01X", 26: "4"},
]
SUCCESSIONS = '"RTV","RW4","R","20210601","P"\n'

# Three districts that lie in several councils, with the headers of 2018 and with those of 2025.
POSTCODES_2018 = """\
pcd,pcd2,pcds,dointr,doterm,oslaua,osward,oseast1m,osnrth1m,lsoa11
L35 4LP,L35  4LP,L35 4LP,198001,,E08000013,E05000001,349000,391000,E01006800
L35 5DR,L35  5DR,L35 5DR,198001,,E08000011,E05000002,348000,392000,E01006400
WA8 6TR,WA8  6TR,WA8 6TR,198001,,E06000006,E05000003,351000,385000,E01012300
WN5 7LY,WN5  7LY,WN5 7LY,198001,,E08000013,E05000004,352000,400000,E01006900
WN5 9XX,WN5  9XX,WN5 9XX,198001,201501,E08000010,E05000005,354000,404000,E01006200
"""
POSTCODES_2025 = """\
pcd7,pcd8,pcds,dointr,doterm,lad25cd,wd25cd,east1m,north1m,lsoa11cd,lsoa21cd
L35 4LP,L35  4LP,L35 4LP,198001,,E08000013,E05000001,349000,391000,E01006800,E01006800
WA8 9ZZ,WA8  9ZZ,WA8 9ZZ,200001,,E08000013,E05000001,350000,388000,E01006801,E01006801
"""
AREAS = """\
Area Code,Area Name,Kind,Council Code,Edition,Deprivation Decile,Deprivation Rank
E01006800,St Helens 001A,LSOA11,E08000013,IMD 2019,1,312
E01006801,St Helens 001B,LSOA11,E08000013,IMD 2019,11,
"""
POPULATIONS = """\
Area Code,Council Code,Year,Sex,Age From,Age To,Persons,Source
E08000013,E08000013,2019,A,0,17,38000,made up for this test
E08000013,E08000013,2019,A,18,,142000,made up for this test
"""
UNIT_COSTS = """\
Activity,Unit,Cost,Borne By,Source,Price Year,Valid From,Valid Until
home care,hour,18.50,council,made up for this test,2018-19,,
home care,hour,a lot,council,hearsay,2018-19,,
"""

# One person permits and later withdraws, one objects to one organisation, one is shown in an emergency; then what is wrong.
DECISIONS = """\
Decision Reference,Person Reference,NHS Number,Forename,Surname,Date of Birth,Sex,Postcode,State,Decided On,Decided At,Decided By,\
Capacity,Scope,Contributing Organisation,Emergency Reason,Ends On,Recorded By Organisation
D1,P1,999 000 0018,Ann,Ash,01/02/1950,F,WA10 1HP,permitted,01/03/2019,10:15,person,has capacity,whole record,,,,01X
D2,P1,999 000 0018,Ann,Ash,01/02/1950,F,WA10 1HP,Withdrawn,20/03/2019,09:30,person,has capacity,whole record,,,,01X
D3,P2,999 000 0026,Bob,Birch,03/04/2008,M,WA9 1LN,declined,05/03/2019,,parent,child,one organisation,RTV,,,01X
D4,P3,999 000 0034,Cat,Cole,05/06/1970,F,WA11 8AZ,emergency,07/03/2019,23:50,professional,lacks capacity,whole record,,Unconscious,08/03/2019,RBN
D5,P4,999 000 0042,Dan,Dean,07/08/1980,M,WA12 9ED,maybe,09/03/2019,,person,has capacity,whole record,,,,01X
D6,P5,999 000 0050,Eve,Elm,09/10/1990,F,WA12 9ED,declined,09/03/2019,,person,has capacity,one organisation,,,,01X
D7,P6,999 000 0077,Flo,Fern,11/12/1940,F,WA12 9ED,emergency,09/03/2019,01:00,professional,lacks capacity,whole record,,,08/03/2019,RBN
"""
ACCESSES = """\
Access Reference,Opened On,Opened At,NHS Number,Staff Number,Staff Organisation,Role,Purpose,Outcome,Referral,Emergency Reason
A1,05/03/2019,10:20,999 000 0018,S7,RBN,doctor,direct care,shown,Y,
A2,05/03/2019,10:21,999 000 0026,S7,RBN,doctor,direct care,refused,Y,
A3,06/03/2019,02:10,999 000 0034,S9,RBN,nurse,emergency,shown,N,unconscious
A4,06/03/2019,02:11,,S9,RBN,nurse,direct care,empty,N,
A5,06/03/2019,02:12,999 000 0018,S9,RBN,nurse,curiosity,shown,N,
A6,06/03/2019,02:13,999 000 0018,S9,RBN,nurse,direct care,opened,N,
"""


@pytest.fixture(scope="module")
def warehouse(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    return warehouse_of_module


@pytest.fixture(scope="module")
def defaults(warehouse: FreshWarehouse) -> dict[str, list[tuple[Any, ...]]]:
    """What is known before anything has come. The views stay, and show what is staged later."""
    builds.run_layer(builds.start_build(), "reference")
    with warehouse.connect("pipeline") as connection:
        connection.execute("update ledger.build set state = 'failed'")
    return {
        name: warehouse.rows(f"select * from intermediate.{name} order by 1, 2")
        for name in ("int_organisations", "int_organisation_successions", "int_gp_practices", "int_postcodes", "default_councils")
    }


@pytest.fixture(scope="module")
def delivered(
    defaults: dict[str, list[tuple[Any, ...]]], warehouse: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> FreshWarehouse:
    """Each publisher's files came, of postcodes two editions; and who may see the record, and who saw it."""
    arrivals = (
        ("nhs_england/organisations", "2019-Q1", {"etr": as_published(TRUSTS), "epraccur": as_published(PRACTICES), "succ": SUCCESSIONS}),
        ("ons/postcodes", "2018-Q4", {"ONSPD_NOV_2018_UK": POSTCODES_2018}),
        ("ons/postcodes", "2025-Q2", {"ONSPD_MAY_2025_UK": POSTCODES_2025}),
        ("ons/areas", "2018-19", {"areas": AREAS, "populations": POPULATIONS}),
        ("council/unit_costs", "2018-19", {"unit_costs": UNIT_COSTS}),
        ("council/record_permissions", "2019-03-31", {"decisions": DECISIONS}),
        ("ccg/record_accesses", "2019-03", {"accesses": ACCESSES}),
    )  # fmt: skip
    sign_agreement(*{feed for feed, _, _ in arrivals})
    for feed, period, files in arrivals:
        folder = tmp_path_factory.mktemp("sent")
        for name, text in files.items():
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        accept_or_release(feed, folder, period)
    stage()
    return warehouse


def as_published(rows: list[dict[int, str]]) -> str:
    """Rows by the number of each value, as lines of 27 quoted values."""
    return "".join(",".join(f'"{row.get(number, "")}"' for number in range(1, 28)) + "\n" for row in rows)


def test_before_any_file_came_the_organisations_of_the_place_are_known_with_their_succession(
    defaults: dict[str, list[tuple[Any, ...]]],
) -> None:
    names = {(code, until): name for code, name, _, until, _ in defaults["int_organisations"]}
    assert names["RTV", date(2021, 5, 31)] == "North West Boroughs Healthcare NHS Foundation Trust"
    assert names["RBN", date(2023, 6, 30)] == "St Helens and Knowsley Teaching Hospitals NHS Trust"
    assert names["RBN", None] == "Mersey and West Lancashire Teaching Hospitals NHS Trust"
    successions = {(code, to): day for code, to, day, _ in defaults["int_organisation_successions"]}
    assert successions["RTV", "RW4"] == date(2021, 6, 1)
    assert successions["01X", "QYG"] == date(2022, 7, 1)
    assert successions["RVY", "RBN"] == date(2023, 7, 1)
    assert {row[-1] for row in defaults["int_organisations"]} == {"default"}


def test_services_moved_on_the_days_that_are_public(
    defaults: dict[str, list[tuple[Any, ...]]], warehouse: FreshWarehouse
) -> None:
    moves = warehouse.rows("select service, to_organisation_code, moved_on, is_day_known from intermediate.default_service_moves")
    assert ("IV therapy", "RBN", date(2019, 12, 1), True) in moves
    assert ("looked after children's health", "RTV", date(2019, 12, 1), True) in moves
    assert ("adult community nursing", "RBN", date(2017, 1, 1), False) in moves


def test_cumbria_is_one_council_until_march_2023_and_two_from_april(defaults: dict[str, list[tuple[Any, ...]]]) -> None:
    def on(day: date) -> set[str]:
        return {name for _, name, first, last, _ in defaults["default_councils"] if (first or day) <= day <= (last or day)}

    assert len(on(date(2023, 3, 31))) == 23
    assert len(on(date(2023, 4, 1))) == 24
    assert on(date(2023, 4, 1)) - on(date(2023, 3, 31)) == {"Cumberland", "Westmorland and Furness"}


def test_every_default_names_its_source(defaults: dict[str, list[tuple[Any, ...]]], warehouse: FreshWarehouse) -> None:
    tables = [
        name
        for (name,) in warehouse.rows(
            "select table_name from information_schema.tables where table_schema = 'intermediate' and table_name like 'default%'"
        )
    ]
    assert len(tables) == 11
    for table in tables:
        assert warehouse.rows(f"select count(*) from intermediate.{table} where coalesce(source, '') = ''") == [(0,)], table


def test_there_is_no_default_for_postcodes(defaults: dict[str, list[tuple[Any, ...]]]) -> None:
    assert defaults["int_postcodes"] == []


def test_a_register_without_a_header_is_read_by_the_place_of_each_value(delivered: FreshWarehouse) -> None:
    assert delivered.rows(
        "select organisation_code, care_board_code, postcode, opened_on, closed_on from staging.stg_ods__organisations order by 1"
    ) == [
        ("RBN", "QYG", "L35 5DR", date(1991, 4, 1), None),
        ("RTV", "QYG", None, date(2002, 4, 1), date(2021, 5, 31)),
        ("XXX", None, None, None, None),
    ]


def test_what_was_delivered_is_preferred_and_the_default_fills_in(delivered: FreshWarehouse) -> None:
    organisations = delivered.rows("select organisation_code, comes_from from intermediate.int_organisations")
    assert ("RBN", "delivery") in organisations and ("RBN", "default") not in organisations
    assert ("RY2", "default") in organisations
    practices = dict(delivered.rows("select practice_code, comes_from from intermediate.int_gp_practices"))
    assert practices["N83001"] == "delivery"
    assert practices["N83996"] == "delivery"
    assert practices["N83002"] == "default"


def test_other_prescribers_are_no_general_practices(delivered: FreshWarehouse) -> None:
    assert delivered.rows("select count(*) from staging.stg_ods__gp_practices where organisation_code = 'N83638'") == [(1,)]
    assert delivered.rows("select count(*) from intermediate.int_gp_practices where practice_code = 'N83638'") == [(0,)]


@pytest.mark.parametrize("district", ["L35", "WN5"])
def test_one_district_lies_in_several_councils(delivered: FreshWarehouse, district: str) -> None:
    councils = delivered.rows(
        "select distinct council_code from staging.stg_onspd__postcodes where postcode like %s", f"{district} %"
    )
    assert len(councils) == 2


def test_a_later_edition_with_other_headers_replaces_the_earlier_one(delivered: FreshWarehouse) -> None:
    assert delivered.rows("select count(*) from staging.stg_onspd__postcodes where superseded_at is not null") == [(5,)]
    assert delivered.rows("select postcode, council_code, easting_metres, lsoa21_code from intermediate.int_postcodes order by 1") == [
        ("L35 4LP", "E08000013", 349000, "E01006800"),
        ("WA8 9ZZ", "E08000013", 350000, "E01006801"),
    ]  # fmt: skip


def test_reference_outlives_staging_tables_that_are_made_anew(delivered: FreshWarehouse) -> None:
    before = delivered.rows("select * from intermediate.int_organisations order by 1, 2")

    with delivered.connect() as connection:
        connection.execute("update ledger.build set state = 'failed'")
    build_id = builds.start_build()
    builds.run_layer(build_id, "staging", full_refresh=True)
    builds.run_layer(build_id, "reference")

    assert delivered.rows("select * from intermediate.int_organisations order by 1, 2") == before


def test_deprivation_and_populations_by_age_can_be_loaded(delivered: FreshWarehouse) -> None:
    assert delivered.rows("select area_code, edition, deprivation_decile from staging.stg_areas__areas order by 1") == [
        ("E01006800", "IMD 2019", 1),
        ("E01006801", "IMD 2019", None),
    ]
    adults = "select persons from staging.stg_areas__populations where age_from_years = 18 and age_to_years is null"
    assert delivered.rows(adults) == [(142_000,)]


def test_a_cost_has_its_source_and_price_year_and_what_is_no_amount_is_set_aside(delivered: FreshWarehouse) -> None:
    assert delivered.rows("select activity, unit, unit_cost_gbp, published_in, price_year from staging.stg_unit_costs__unit_costs") == [
        ("home care", "hour", 18.50, "made up for this test", "2018-19")
    ]  # fmt: skip


def test_a_permission_and_its_withdrawal_both_stay_each_with_its_moment(delivered: FreshWarehouse) -> None:
    assert delivered.rows(
        """select state_code, decided_on, decided_at at time zone 'Europe/London' from staging.stg_record_permissions__decisions
           where local_person_id = 'P1' order by decided_on"""
    ) == [
        ("permitted", date(2019, 3, 1), datetime(2019, 3, 1, 10, 15)),
        ("withdrawn", date(2019, 3, 20), datetime(2019, 3, 20, 9, 30)),
    ]


def test_an_objection_may_name_one_organisation_and_says_who_decided_for_whom(delivered: FreshWarehouse) -> None:
    assert delivered.rows(
        """select state_code, scope_code, contributing_organisation_code, decided_by_code, capacity_code
           from staging.stg_record_permissions__decisions where local_person_id = 'P2'"""
    ) == [("declined", "one organisation", "RTV", "parent", "child")]


def test_an_emergency_has_its_reason_and_its_end(delivered: FreshWarehouse) -> None:
    assert delivered.rows(
        "select emergency_reason_code, ends_on from staging.stg_record_permissions__decisions where state_code = 'emergency'"
    ) == [("unconscious", date(2019, 3, 8))]


def test_a_decision_in_other_words_about_nobody_s_data_or_without_a_true_end_is_set_aside(delivered: FreshWarehouse) -> None:
    assert broken_rules(delivered, "council/record_permissions") == [
        ("decisions.State.one_of", 6, "set the row aside"),
        ("decisions.Contributing Organisation.filled_when", 7, "set the row aside"),
        ("decisions.Emergency Reason.filled_when", 8, "warn"),
        ("decisions.Ends On.not_before", 8, "set the row aside"),
    ]


def test_every_opening_is_kept_also_what_was_refused_or_showed_nothing(delivered: FreshWarehouse) -> None:
    assert delivered.rows(
        "select access_id, purpose_code, outcome_code, nhs_number is not null from staging.stg_record_accesses__accesses order by 1"
    ) == [
        ("A1", "direct care", "shown", True),
        ("A2", "direct care", "refused", True),
        ("A3", "emergency", "shown", True),
        ("A4", "direct care", "empty", False),
        ("A5", "curiosity", "shown", True),
    ]
    assert broken_rules(delivered, "ccg/record_accesses") == [
        ("accesses.NHS Number.filled", 5, "warn"),
        ("accesses.Purpose.one_of", 6, "warn"),
        ("accesses.Outcome.one_of", 7, "set the row aside"),
    ]
