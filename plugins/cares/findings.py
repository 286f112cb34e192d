"""Findings: which row breaks which rule. Delivery, file, line and rule; never a value."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from cares import contracts, warehouse
from cares.contracts import Rule
from cares.predicates import Surroundings, identifier, kept, literal, repeated, rows_to_judge

Outcome = tuple[int, Surroundings, int, list[Rule], list[Rule]]


def write(delivery_id: int, outcomes: Iterable[Outcome]) -> None:
    """Write the check results of a delivery, and a finding for each row that breaks a broken rule.

    An outcome is (file id, surroundings, rows checked, rules, the rules that are broken). What an earlier
    run wrote for this delivery is replaced.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute("select from ledger.delivery where delivery_id = %s for update", (delivery_id,))
        connection.execute("delete from ledger.finding where delivery_id = %s", (delivery_id,))
        connection.execute("delete from ledger.check_result where delivery_id = %s", (delivery_id,))
        for file_id, around, rows, rules, broken in outcomes:
            counts = _write_findings(connection, delivery_id, file_id, around, broken) if broken else {}
            with connection.cursor() as cursor:
                cursor.executemany(
                    """insert into ledger.check_result
                         (delivery_id, table_name, column_name, rule, sentence, if_broken, rows_checked, rows_broken)
                       values (%s, %s, %s, %s, %s, %s, %s, %s)""",
                    [
                        (
                            delivery_id,
                            rule.table,
                            rule.column,
                            rule.id,
                            rule.sentence,
                            rule.if_broken,
                            rows,
                            counts.get(rule.id, 0),
                        )
                        for rule in rules
                    ],
                )


def _write_findings(
    connection: psycopg.Connection, delivery_id: int, file_id: int, around: Surroundings, broken: list[Rule]
) -> dict[str, int]:
    statement = sql.SQL(
        """with named (number, column_name, rule, if_broken) as (values {named}),
                broken (line_number, number) as materialized ({lines}),
                written as (
                  insert into ledger.finding (delivery_id, file_id, line_number, table_name, column_name, rule, if_broken)
                  select %(delivery)s, %(file)s, broken.line_number, %(table)s, named.column_name, named.rule, named.if_broken
                  from broken join named using (number)
                  returning rule)
           select rule, count(*) from written group by rule"""
    ).format(
        named=sql.SQL(
            ", ".join(
                f"({number}, {literal(rule.column) if rule.column else 'null::text'}, "
                f"{literal(rule.id)}, {literal(rule.if_broken)})"
                for number, rule in enumerate(broken)
            )
        ),
        lines=sql.SQL(broken_lines(broken, around).replace("%", "%%")),
    )
    parameters = {"delivery": delivery_id, "file": file_id, "table": around.table.name}
    return dict(connection.execute(statement, parameters).fetchall())


def broken_lines(broken: list[Rule], around: Surroundings) -> str:
    """The SQL that gives (line number, position in `broken`) for each row that breaks each of the rules.

    One scan for all rules but `unique`, and one more for each of those.
    """
    file_id = around.file_of_table[around.table.name]
    source = f"landing.{identifier(around.table.landing_name)}"
    scans = []
    by_row = [(number, rule) for number, rule in enumerate(broken) if rule.kind != "unique"]
    if by_row:
        tests = [(number, kept(rule, around)) for number, rule in by_row]
        # Nearly every row keeps all rules: only the others are asked which.
        scans.append(
            f'select line_number, tested."which rule" from ({rows_to_judge(broken, around)}) as judged cross join lateral '
            f"(values {', '.join(f'({number}, {test})' for number, test in tests)}) "
            'as tested ("which rule", "is kept") '  # no column of a table has a blank in its name
            f'where not ({" and ".join(test for _, test in tests)}) and not tested."is kept"'
        )
    for number, rule in enumerate(broken):
        if rule.kind == "unique":
            columns = [identifier(column) for column in repeated(rule, around)]
            filled = " and ".join(f"{column} is not null" for column in columns)
            scans.append(
                f"select line_number, {number} from (select line_number, count(*) over (partition by {', '.join(columns)}) "
                f"as copies from {source} where file_id = {file_id} and {filled}) as counted where copies > 1"
            )
    return " union all ".join(scans)


def match_mended_rows(connection: psycopg.Connection, delivery_id: int) -> None:
    """Match the rows of a delivery by their key with earlier rows that have findings, and its own with later ones.

    Only in tables whose rows are replaced by key; spaces around a value do not count, and a row whose key has a gap is
    no other's. The values never leave the database.
    """
    tables = connection.execute(
        """select delivery.feed, table_name from ledger.delivery join ledger.delivery_table using (delivery_id)
           where delivery_id = %s and replaces = 'key' order by 2""",
        (delivery_id,),
    ).fetchall()
    for feed, name in tables:
        table = contracts.load().feed(feed).format.tables[name]
        landed = f"landing.{identifier(table.landing_name)}"
        keys = [identifier(table.column_names[header]) for header in table.file.key]
        same_key = " and ".join(f"nullif(btrim(own.{key}), '') = btrim(later.{key})" for key in keys)
        connection.execute(
            f"""with file as (
                  select file_id, delivery_id, state in ('accepted', 'superseded') as counts,
                         row_number() over (order by period_end, received_at, delivery_id) as place
                  from ledger.delivery join ledger.delivery_file using (delivery_id)
                  where feed = %(feed)s and table_name = %(table)s),
                pair as materialized (
                  select earlier.file_id, later.file_id as later_file_id
                  from file as earlier join file as later on later.place > earlier.place and later.counts
                  where %(delivery)s in (earlier.delivery_id, later.delivery_id)),
                faulty as materialized (
                  select distinct file_id, line_number from ledger.finding where file_id in (select file_id from pair))
                insert into ledger.mended_row (file_id, line_number, mended_file_id, mended_line_number)
                select own.file_id, own.line_number, later.file_id, later.line_number
                from faulty join pair using (file_id)
                join {landed} as own on own.file_id = faulty.file_id and own.line_number = faulty.line_number
                join {landed} as later on later.file_id = pair.later_file_id and {same_key}
                on conflict do nothing""",
            {"feed": feed, "table": name, "delivery": delivery_id},
        )
