"""A build after one late month against a build of everything anew, in the same warehouse, one after the other.

Two years of a borough, a month of it late. The seconds of each layer and the ratio are printed. Run with `make bench`.
"""

from __future__ import annotations

import time
from datetime import date, timedelta

from cares import builds
from fresh_warehouse import FreshWarehouse

MONTHS = 24
LATE = 12
STAYS_A_MONTH = 20_000
EVENTS_A_QUARTER = 10_000
HOUSEHOLD_MEMBERS = 10_000
PATIENTS = 30_000

# A tenth of the stays go on into the month after and are told again there.
_STAYS = f"""
insert into landing.apc__episodes (
    file_id, line_number, local_patient_identifier, hospital_provider_spell_number, episode_number, person_given_name,
    person_family_name, date_of_birth, sex, start_date_hospital_provider_spell, discharge_date_from_hospital_provider_spell,
    start_date_consultant_episode, admission_method_hospital_provider_spell, primary_diagnosis_icd)
select
    %(file)s, n + 1, 'P' || person, 'S' || spell, '1', initcap(left(md5(person::text), 6)), initcap(right(md5(person::text), 8)),
    to_char(date '1930-01-01' + person %% 30000, 'YYYY-MM-DD'), '2', to_char(%(start)s::date + n %% 28, 'YYYY-MM-DD'),
    to_char(%(start)s::date + n %% 28 + 3, 'YYYY-MM-DD'), to_char(%(start)s::date + n %% 28, 'YYYY-MM-DD'), '21', 'J440'
from generate_series(1, {STAYS_A_MONTH}) as n
cross join lateral (select %(number)s * {STAYS_A_MONTH * 9 // 10} + n as spell) as spells
cross join lateral (select spell %% {PATIENTS} as person) as persons
"""
_SERVICES = f"""
insert into landing.cld__events (
    file_id, line_number, la_person_unique_identifier, first_name, last_name, date_of_birth, event_type, event_start_date,
    event_end_date, service_component)
select
    %(file)s, n + 1, 'A' || n %% 5000, initcap(left(md5('A' || n %% 5000), 6)), initcap(right(md5('A' || n %% 5000), 8)),
    to_char(date '1930-01-01' + n %% 5000, 'DD/MM/YYYY'), 'Service', to_char(%(start)s::date - n %% 270, 'DD/MM/YYYY'),
    to_char(%(start)s::date + n %% 90, 'DD/MM/YYYY'), 'Reablement'
from generate_series(1, {EVENTS_A_QUARTER}) as n
"""
_HOMES = f"""
insert into landing.housing__tenancies (file_id, line_number, tenancy_reference, tenancy_start_date, main_tenant_reference)
select %(file)s, n + 1, 'T' || n, '01/01/2000', 'H' || n from generate_series(1, {HOUSEHOLD_MEMBERS}) as n
"""
_MEMBERS = f"""
insert into landing.housing__household_members (
    file_id, line_number, person_reference, tenancy_reference, forename, surname, date_of_birth)
select
    %(file)s, n + 1, 'H' || n, 'T' || n, initcap(left(md5('H' || n), 6)), initcap(right(md5('H' || n), 8)),
    to_char(date '1950-01-01' + n, 'DD/MM/YYYY')
from generate_series(1, {HOUSEHOLD_MEMBERS}) as n
"""


def first_of_month(number: int) -> date:
    return date(2017 + number // 12, number % 12 + 1, 1)


def deliver(
    warehouse: FreshWarehouse, feed: str, format: str, replaces: str, first: int, months: int, tables: dict[str, str]
) -> None:
    """Accept a delivery of the months from `first` on, whose rows the statements of `tables` make inside the database."""
    start, end = first_of_month(first), first_of_month(first + months) - timedelta(days=1)
    window = (end - timedelta(days=365), end) if replaces == "window" else (None, None)
    with warehouse.connect() as connection:
        (delivery_id,) = connection.execute(
            """insert into ledger.delivery (organisation, feed, format, format_version, period, period_start, period_end, state,
                 accepted_at, fingerprint)
               values (%s, %s, %s, '1', %s, %s, %s, 'accepted', now(), '') returning delivery_id""",
            (feed.split("/")[0], feed, format, f"{start:%Y-%m}", start, end),
        ).fetchone()
        for table, insert in tables.items():
            (file_id,) = connection.execute(
                """insert into ledger.delivery_file (delivery_id, table_name, file_name, sha256, bytes, stored_as)
                   values (%s, %s, 'bench', '', 0, '') returning file_id""",
                (delivery_id, table),
            ).fetchone()
            rows = connection.execute(insert, {"file": file_id, "start": start, "number": first}).rowcount
            connection.execute(
                """update ledger.delivery_file set received_rows = %(rows)s, landed_rows = %(rows)s, unreadable_rows = 0,
                     accepted_rows = %(rows)s, set_aside_rows = 0 where file_id = %(file)s""",
                {"rows": rows, "file": file_id},
            )
            connection.execute(
                "insert into ledger.delivery_table values (%s, %s, %s, %s, %s)", (delivery_id, table, replaces, *window)
            )


def deliver_month(warehouse: FreshWarehouse, number: int) -> None:
    deliver(warehouse, "sthk/admitted_patient_care", "apc", "period", number, 1, {"episodes": _STAYS})


def seconds_of(build: int, warehouse: FreshWarehouse) -> dict[str, float]:
    """How long the models of each layer took, without the tests of them."""
    return {
        layer: float(seconds)
        for layer, seconds in warehouse.rows(
            "select layer, sum(seconds) from ledger.model_outcome where build_id = %s and kind = 'model' group by layer", build
        )
    }


def test_a_late_month_costs_a_fraction_of_a_build_of_everything(warehouse: FreshWarehouse) -> None:
    for number in range(MONTHS):
        if number != LATE:
            deliver_month(warehouse, number)
    for number in range(2, MONTHS, 3):
        deliver(warehouse, "council/adult_social_care", "cld", "window", number - 2, 3, {"events": _SERVICES})
    deliver(warehouse, "torus/tenancies", "housing", "snapshot", 0, 1, {"tenancies": _HOMES, "household_members": _MEMBERS})
    with warehouse.connect(autocommit=True) as connection:
        connection.execute("analyze landing.apc__episodes")
    builds.build()

    deliver_month(warehouse, LATE)
    began = time.perf_counter()
    late = builds.build()
    late_seconds = time.perf_counter() - began
    began = time.perf_counter()
    anew = builds.build(rebuild_staging=True)
    anew_seconds = time.perf_counter() - began

    late_layers, anew_layers = seconds_of(late, warehouse), seconds_of(anew, warehouse)
    for layer in ("staging", "care_events"):
        ratio = late_layers[layer] / anew_layers[layer]
        print(f"\n{layer}: {late_layers[layer]:.1f} s after a late month, {anew_layers[layer]:.1f} s anew, ratio {ratio:.2f}")
    print(
        f"whole build, {MONTHS} months of {STAYS_A_MONTH:,} hospital rows: {late_seconds:.1f} s after a late month, "
        f"{anew_seconds:.1f} s anew, ratio {late_seconds / anew_seconds:.2f}"
    )
    print({layer: (late_layers[layer], anew_layers[layer]) for layer in late_layers})
