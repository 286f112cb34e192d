"""Generalisation: analysts find nobody in a group that is smaller than the purpose allows, and no such table is published."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from accepted_deliveries import Row, deliver
from cares import builds
from cares.governance import generalisation, protections, purposes
from cares.person_index import withholding
from fresh_warehouse import FreshWarehouse

JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
SMALLEST_GROUP = 5
# Birth year and sex -> how many were born then.
BORN = {(1935, "1"): 5, (1945, "1"): 4, (1955, "1"): 3, (1965, "2"): 2, (1975, "2"): 6, (1985, "9"): 1}


def stays() -> list[Row]:
    return [
        {
            "local_patient_identifier": f"P{year}-{number}", "hospital_provider_spell_number": f"S{year}-{number}",
            "date_of_birth": f"{year}-06-15", "episode_number": "1", "sex": sex, "start_date_hospital_provider_spell": "2019-01-05",
            "admission_method_hospital_provider_spell": "21", "start_date_consultant_episode": "2019-01-05",
        }
        for (year, sex), count in BORN.items() for number in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def groups_of_five(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> FreshWarehouse:
    register = tmp_path_factory.mktemp("register") / "purposes.yml"
    text = purposes.REGISTER.read_text("utf-8")
    register.write_text(text.replace("smallest_group: 1", f"smallest_group: {SMALLEST_GROUP}"))
    with pytest.MonkeyPatch.context() as ours:
        ours.setattr(purposes, "REGISTER", register)
        deliver(warehouse_of_module, "sthk/admitted_patient_care", JANUARY, "period", {"episodes": stays()})
        builds.build()
    return warehouse_of_module


def people(warehouse: FreshWarehouse) -> Counter[tuple[str, str, bool]]:
    rows = warehouse.rows("select age_band, sex_code, has_died from insight.persons", role="analyst")
    return Counter(rows)


def test_a_group_that_is_large_enough_is_shown(groups_of_five: FreshWarehouse) -> None:
    shown = people(groups_of_five)
    assert sorted(count for (age, sex, _), count in shown.items() if "not shown" not in (age, sex)) == [5, 6]


def test_people_of_small_groups_have_no_age_band_if_they_are_enough_without_it(groups_of_five: FreshWarehouse) -> None:
    """4 men of one band and 3 of another are 7 men."""
    assert people(groups_of_five)["not shown", "M", False] == 7


def test_people_who_are_too_few_without_their_ages_have_nothing_that_tells_them_apart(groups_of_five: FreshWarehouse) -> None:
    assert people(groups_of_five)["not shown", "not shown", None] == 3


def test_nobody_is_in_a_group_that_is_too_small(groups_of_five: FreshWarehouse) -> None:
    told_apart = {group: count for group, count in people(groups_of_five).items() if group != ("not shown", "not shown", None)}
    assert min(told_apart.values()) >= SMALLEST_GROUP
    assert sum(people(groups_of_five).values()) == sum(BORN.values())


def test_an_age_band_that_is_not_shown_stands_in_no_other_table(groups_of_five: FreshWarehouse) -> None:
    assert groups_of_five.rows(
        """select count(*), count(*) filter (where stays.age_band = 'not shown') from insight.hospital_stays as stays
           join insight.persons using (pseudonym) where persons.age_band = 'not shown'""",
        role="analyst",
    ) == [(10, 10)]


def test_a_table_that_tells_too_few_people_apart_is_not_published_and_the_error_says_which(
    groups_of_five: FreshWarehouse,
) -> None:
    (build_id,) = groups_of_five.rows("select build_id from ledger.build where state = 'published'")[0]
    schemas = {"insight": f"insight__b{build_id:06d}"}
    with groups_of_five.connect() as connection:
        judged = generalisation.check(connection, build_id, schemas)
        assert [(one.table, one.smallest, one.allowed, one.people_widened) for one in judged] == [("insight.persons", 5, 5, 3)]
        connection.execute(
            f"update {schemas['insight']}.persons set age_band = '0 to 4' where age_band = 'not shown' and sex_code = 'not shown'"
        )
        with pytest.raises(generalisation.SmallGroupError) as refused:
            generalisation.check(connection, build_id, schemas)
        connection.rollback()
    assert "insight.persons: 1 of its groups by age_band, sex_code, has_died hold fewer than 5 people" in str(refused.value)


def test_whom_too_few_are_like_since_others_vanished_nothing_tells_apart_any_more(groups_of_five: FreshWarehouse) -> None:
    ((eighties, _),) = [(group, count) for group, count in people(groups_of_five).items() if count == 5]
    vanished = ("sthk/apc/P1935-0", "sthk/apc/P1935-1")
    withholding.withhold(*vanished, "of this test")
    assert people(groups_of_five)[eighties] == 3
    assert generalisation.widen() == 3
    assert (people(groups_of_five)[eighties], people(groups_of_five)["not shown", "not shown", None]) == (0, 6)
    stays = "select count(*) from insight.hospital_stays where age_band = '80 to 84'"
    assert groups_of_five.rows(stays, role="analyst") == [(0,)]
    assert generalisation.widen() == 0
    withholding.release(*vanished, "of this test")
    assert generalisation.widen() == 2


def test_a_build_with_such_a_table_fails_and_readers_see_the_one_before(groups_of_five: FreshWarehouse) -> None:
    before = builds.published_build()
    with groups_of_five.connect("pipeline") as connection:
        # A rule of the register that was made stricter after the tables were made.
        build_id = builds.start_build()
        for layer in builds.LAYERS:
            builds.run_layer(build_id, layer)
            if layer == "person_records":
                builds.update_person_index(build_id)
        connection.execute("update governance.purpose set smallest_group = 6 where purpose = 'planning'")
    with pytest.raises(generalisation.SmallGroupError, match="hold fewer than 6 people"):
        builds.publish(build_id)
    assert groups_of_five.rows("select state from ledger.build where build_id = %s", build_id) == [("failed",)]
    assert builds.published_build() == before


def test_what_tells_people_apart_is_said_by_the_model() -> None:
    assert generalisation.quasi_identifiers()["insight"]["persons"] == ["age_band", "sex_code", "has_died"]
    assert protections.TELLS_APART == {"age_band", "sex_code", "has_died"}
