"""What a delivery mends: the findings of earlier deliveries whose tables, or whose rows by key, it brings anew."""

from __future__ import annotations

import psycopg

from cares import findings
from cares.deliveries.events import record


def refresh_cleared(connection: psycopg.Connection, because_of: int) -> None:
    """Write down for the deliveries of a delivery's feed which of their findings are cleared since that delivery changed.

    Findings are cleared while the delivery that brings their rows anew is accepted, and open again when it is not: see
    `ledger.finding_status`. Here the rows are matched for that, and each delivery concerned is given its event.
    """
    findings.match_mended_rows(connection, because_of)
    for delivery_id, found, cleared, by, told in connection.execute(_CLEARED, (because_of,)).fetchall():
        if cleared:
            reason = f"{cleared:,} of {found:,}, by {' and '.join(f'delivery {number}' for number in by)}"
            if reason != told:
                record(connection, delivery_id, "findings cleared", reason)
        elif told is not None:
            record(connection, delivery_id, "findings open again", f"all {found:,}, after delivery {because_of} changed")


# For each delivery with findings: how many it has, how many of them are cleared and by whom, and what was last said of it.
_CLEARED = """
    with found as (
        select result.delivery_id, result.table_name, sum(result.rows_broken)::bigint as findings
        from ledger.check_result as result join ledger.delivery using (delivery_id)
        where delivery.feed = (select feed from ledger.delivery where delivery_id = %s)
          and delivery.state <> 'withdrawn' and result.rows_broken > 0
        group by 1, 2),
    cleared as (
        select delivery_id, found.findings as cleared, cleared_by_delivery_id
        from found join ledger.cleared_table using (delivery_id, table_name)
        union all
        select delivery_id, count(*), cleared_row.cleared_by_delivery_id
        from found join ledger.finding using (delivery_id, table_name)
        join ledger.cleared_row using (file_id, line_number)
        where not exists (select from ledger.cleared_table
                          where cleared_table.delivery_id = found.delivery_id and cleared_table.table_name = found.table_name)
        group by 1, 3),
    last_told as (
        select distinct on (delivery_id) delivery_id, case when event = 'findings cleared' then reason end as told
        from ledger.delivery_event
        where event in ('findings cleared', 'findings open again') and delivery_id in (select delivery_id from found)
        order by delivery_id, event_id desc)
    select of_delivery.delivery_id, of_delivery.findings, coalesce(by_later.cleared, 0), by_later.by, last_told.told
    from (select delivery_id, sum(findings)::bigint as findings from found group by 1) as of_delivery
    left join (select delivery_id, sum(cleared)::bigint as cleared,
                      array_agg(distinct cleared_by_delivery_id order by cleared_by_delivery_id) as by
               from cleared group by 1) as by_later using (delivery_id)
    left join last_told using (delivery_id)
    order by of_delivery.delivery_id
"""
