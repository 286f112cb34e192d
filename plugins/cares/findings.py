"""Findings: which row breaks which rule. Delivery, file, line and rule; never a value."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from cares import warehouse
from cares.contracts import Rule
from cares.predicates import Surroundings, identifier, kept, literal, repeated

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

    One scan for all rules that look at a row; one more for each `unique` rule.
    """
    file_id = around.file_of_table[around.table.name]
    source = f"landing.{identifier(around.table.landing_name)}"
    scans = []
    by_row = [(number, rule) for number, rule in enumerate(broken) if rule.kind != "unique"]
    if by_row:
        tests = [(number, kept(rule, around)) for number, rule in by_row]
        # Nearly every row keeps all rules: only the others are asked which.
        scans.append(
            f"select line_number, tested.number from {source} cross join lateral "
            f"(values {', '.join(f'({number}, {test})' for number, test in tests)}) as tested (number, kept) "
            f"where file_id = {file_id} and not ({' and '.join(test for _, test in tests)}) and not tested.kept"
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
