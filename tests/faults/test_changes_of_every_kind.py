"""Whatever happens to deliveries (D3, D4), what is worked out again and what is worked out anew are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cares import builds
from corrected_deliveries import (
    APRIL,
    EVENTS,
    FEBRUARY,
    FIRST_QUARTER,
    FIRST_WINDOW,
    JANUARY,
    LAST_QUARTER,
    LAST_WINDOW,
    MARCH,
    YEAR,
    YEAR_BEFORE,
    Borough,
    children,
    end_the_release,
    events,
    home,
    hospital,
    housing,
    let_a_row_break_a_rule,
    member,
    placement,
    release_row,
    service,
    social_care,
    stay,
)
from fresh_warehouse import FreshWarehouse


def test_events_worked_out_where_something_changed_are_those_of_a_whole_rebuild(
    warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    borough = Borough(warehouse)
    # Two layers at once, and of staging only what events are made from: this test builds often.
    staged = "stg_apc__episodes stg_cld__events stg_ssda903__episodes stg_housing__tenancies stg_housing__household_members"
    monkeypatch.setitem(builds.LAYERS, "staging of events", staged)
    monkeypatch.setitem(builds.LAYERS, "staging and events", f"{staged} {builds.LAYERS['care_events']}")
    corrections: list[int] = []
    april: list[int] = []

    def a_first_load() -> None:
        borough.accept(
            hospital(JANUARY, stay("P1", "S1", "2019-01-05"), stay("P2", "S2", "2019-01-07", "2019-01-08")),
            hospital(MARCH, stay("P1", "S1", "2019-01-05", "2019-03-09"), stay("P3", "S3", "2019-03-10")),
            social_care(
                FIRST_QUARTER,
                FIRST_WINDOW,
                service("A1", "01/05/2018", "01/06/2018"),
                service("A1", "01/02/2019"),
                service("A7", "01/02/2018"),
            ),
            children(YEAR, placement("C1", "01/02/2019"), placement("C2", "01/03/2019", "05/03/2019")),
            housing(FEBRUARY, [home("T1", "H1"), home("T2", "H2")], [member("H1", "T1"), member("H2", "T2"), member("H3", "T2")]),
        )

    def periods_that_come_late() -> None:
        borough.accept(
            hospital(FEBRUARY, stay("P1", "S1", "2019-01-05", episode="2"), stay("P4", "S4", "2019-02-10")),
            social_care(
                LAST_QUARTER,
                LAST_WINDOW,
                service("A1", "01/05/2018", "01/06/2018"),
                service("A3", "01/02/2018", "09/02/2018"),
                service("A7", "01/02/2018"),
            ),
            children(YEAR_BEFORE, placement("C1", "01/02/2019", "03/02/2019"), placement("C3", "01/02/2018")),
            housing(JANUARY, [home("T1", "H9")], [member("H9", "T1")]),
        )

    def corrections_with_rows_added_changed_and_left_out() -> None:
        corrections.extend(borough.accept(
            hospital(JANUARY, stay("P9", "S1", "2019-01-06"), stay("P5", "S5", "2019-01-09")),
            social_care(FIRST_QUARTER, FIRST_WINDOW, service("A2", "01/02/2019", component="Day care")),
            children(YEAR, placement("C2", "01/03/2019", "07/03/2019", place="K2")),
            housing(FEBRUARY, [home("T1", "H1", "2 Low Road")], [member("H1", "T1"), member("H3", "T2")]),
            housing(MARCH, [home("T1", "H3", "3 Low Road"), home("T2", "H3")], []),
        ))  # fmt: skip

    def the_corrections_withdrawn() -> None:
        borough.set_state("withdrawn", corrections)

    def the_corrections_accepted_again_and_a_row_set_aside() -> None:
        borough.set_state("accepted", corrections)
        told_again = stay("P1", "S1", "2019-01-05", "2019-04-02")
        april.extend(borough.accept(hospital(APRIL, stay("P6", "S6", "2019-04-01"), told_again)))
        let_a_row_break_a_rule(borough.warehouse, april[0], 3)

    def the_row_released() -> None:
        release_row(borough.warehouse, april[0], 3)

    def an_earlier_window_sent_again_without_the_service_that_the_later_one_left_out() -> None:
        borough.accept(social_care(
            LAST_QUARTER, LAST_WINDOW, service("A1", "01/05/2018", "01/06/2018"), service("A3", "01/02/2018", "09/02/2018")
        ))  # fmt: skip

    def the_row_set_aside_again_and_a_month_sent_as_it_was_otherwise_and_as_it_was() -> None:
        end_the_release(borough.warehouse, april[0])
        borough.accept(
            *(hospital(MARCH, stay("P1", "S1", "2019-01-05", day)) for day in ("2019-03-20", "2019-03-21", "2019-03-20"))
        )

    def changes_among_which_one_build_fails_and_one_shows_an_earlier_day() -> None:
        borough.set_state("withdrawn", april)
        borough.accept(hospital(FEBRUARY, stay("P7", "S7", "2019-02-01")))
        borough.run_layers("staging of events")
        borough.set_state("accepted", april)
        borough.set_state("withdrawn", corrections[1:])
        with borough.warehouse.connect() as connection:
            connection.execute("insert into ledger.build (state, rewound_to) values ('dropped', now())")
            connection.execute(
                """insert into ledger.model_outcome (build_id, layer, model, kind, outcome)
                   select max(build_id), 'care_events', unnest(%s::text[]), 'model', 'success' from ledger.build""",
                (list(EVENTS),),
            )

    def what_only_a_killed_build_had_seen_withdrawn() -> None:
        only_there = borough.accept(hospital(APRIL, stay("P8", "S8", "2019-04-08")))

        def kill(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as before_it_says_what_it_did, pytest.raises(KeyboardInterrupt):
            before_it_says_what_it_did.setattr(builds, "_record", kill)
            borough.run_layers("staging and events")
        borough.give_up()
        borough.set_state("withdrawn", only_there)
        borough.accept(hospital(MARCH, stay("P1", "S1", "2019-01-05", "2019-03-22")))

    def staging_made_anew_by_a_build_that_fails() -> None:
        with borough.warehouse.connect() as connection:
            connection.execute("update landing.apc__episodes set hospital_provider_spell_number = 'S7X'"
                               " where hospital_provider_spell_number = 'S7'")  # fmt: skip
        borough.run_layers("staging of events", full_refresh=True)

    def everything_withdrawn() -> None:
        borough.withdraw_everything()

    changes: tuple[Callable[[], None], ...] = (
        a_first_load, periods_that_come_late, corrections_with_rows_added_changed_and_left_out,
        the_corrections_withdrawn, the_corrections_accepted_again_and_a_row_set_aside, the_row_released,
        an_earlier_window_sent_again_without_the_service_that_the_later_one_left_out,
        the_row_set_aside_again_and_a_month_sent_as_it_was_otherwise_and_as_it_was, changes_among_which_one_build_fails_and_one_shows_an_earlier_day,
        what_only_a_killed_build_had_seen_withdrawn, staging_made_anew_by_a_build_that_fails,
        everything_withdrawn,
    )  # fmt: skip
    # Referrals and contacts, which no change here is about, ask for the records of the people.
    builds.run_layer(builds.start_build(), "person_records")
    borough.give_up()
    before: dict[str, list[dict[str, object]]] = {}
    for change in changes:
        change()
        build_id = builds.start_build()
        builds.run_layer(build_id, "staging and events")
        worked_out_again = events(borough.warehouse)
        builds.run_layer(build_id, "care_events", full_refresh=True)
        borough.give_up()
        assert worked_out_again == events(borough.warehouse), change.__name__
        assert worked_out_again != before, f"{change.__name__} changed nothing"
        before = worked_out_again
    assert not any(before.values())
