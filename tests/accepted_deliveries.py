"""Accepted deliveries put straight into the ledger and landing, for tests of what dbt makes of them."""

from __future__ import annotations

from datetime import date

from psycopg import sql

from fresh_warehouse import FreshWarehouse

Row = dict[str, str]
FORMAT_OF_FEED = {
    "council/adult_social_care": ("cld", "R1"),
    "council/looked_after_children": ("ssda903", "2019"),
    "council/childrens_person_file": ("person_file", "1"),
    "sthk/admitted_patient_care": ("apc", "1"),
    "torus/tenancies": ("housing", "1"),
    "council/record_permissions": ("record_permissions", "1"),
    "council/contact_cares": ("contact_cares", "1"),
    "council/isah": ("contact_cares", "1"),
    "gp_practices/summary": ("gp_summary", "1"),
    "ccg/partnership_money": ("partnership_money", "1"),
    "council/unit_costs": ("unit_costs", "1"),
    "sthk/delayed_transfers": ("delayed_transfers", "1.09"),
    "nhs_england/national_data_opt_outs": ("national_data_opt_outs", "1"),
}


def deliver(
    warehouse: FreshWarehouse,
    feed: str,
    period: tuple[str, date, date],
    replaces: str,
    tables: dict[str, list[Row]],
    window: tuple[date, date] | None = None,
    accepted_at: str = "2020-07-01",
) -> int:
    """Accept a delivery of `tables` (name -> rows of the contract's column names); returns its number."""
    table_format, version = FORMAT_OF_FEED[feed]
    label, start, end = period
    with warehouse.connect() as connection:
        connection.execute(
            """insert into governance.sharing_agreement (agreement, feed, purposes, signed_on, in_force_from, on_ending)
               values ('of the tests', %(feed)s, '{direct care,planning,board reporting}', %(start)s, %(start)s, 'stop')
               on conflict (agreement, feed) do update
               set in_force_from = least(sharing_agreement.in_force_from, excluded.in_force_from)""",
            {"feed": feed, "start": start},
        )
        delivery_id = connection.execute(
            """insert into ledger.delivery (organisation, feed, format, format_version, period, period_start, period_end,
                 state, received_at, accepted_at, fingerprint)
               values (%s, %s, %s, %s, %s, %s, %s, 'accepted', %s, %s, '') returning delivery_id""",
            (feed.split("/")[0], feed, table_format, version, label, start, end, accepted_at, accepted_at),
        ).fetchone()[0]
        for table, rows in tables.items():
            file_id = connection.execute(
                """insert into ledger.delivery_file (delivery_id, table_name, file_name, sha256, bytes, stored_as,
                     received_rows, landed_rows, unreadable_rows, accepted_rows, set_aside_rows)
                   values (%s, %s, %s, '', 0, '', %s, %s, 0, %s, 0) returning file_id""",
                (delivery_id, table, f"{table}.csv", len(rows), len(rows), len(rows)),
            ).fetchone()[0]
            connection.execute(
                "insert into ledger.delivery_table values (%s, %s, %s, %s, %s)",
                (delivery_id, table, replaces, *(window or (None, None))),
            )
            for line_number, row in enumerate(rows, 2):
                connection.execute(
                    sql.SQL("insert into landing.{} (file_id, line_number, {}) values (%s, %s, {})").format(
                        sql.Identifier(f"{table_format}__{table}"),
                        sql.SQL(", ").join(map(sql.Identifier, row)),
                        sql.SQL(", ").join([sql.Placeholder()] * len(row)),
                    ),
                    (file_id, line_number, *row.values()),
                )
    return delivery_id


def columns(warehouse: FreshWarehouse, view: str) -> list[str]:
    """The contract's columns of a view in `accepted`."""
    ledger = "delivery_id revision organisation feed format_version period_start period_end accepted_at file_id line_number"
    found = warehouse.rows(
        "select column_name from information_schema.columns where table_schema = 'accepted' and table_name = %s", view
    )
    return [name for (name,) in found if name not in ledger.split()]
