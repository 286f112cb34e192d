"""The checks: each delivery's suite, derived from its contract, run by Great Expectations in PostgreSQL.

Great Expectations decides which rules are kept; for those that are not, `findings` names the rows.
Importing this module imports Great Expectations, which takes seconds: once for a run, not for a file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import sqlalchemy as sa
from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)

from cares import contracts, findings, predicates, warehouse
from cares.contracts import Rule
from cares.predicates import Surroundings

logging.getLogger("great_expectations").setLevel(logging.ERROR)

_ONLY_WHETHER = {"result_format": "BOOLEAN_ONLY"}
_ASKED_TOGETHER = 6


class CheckError(Exception):
    """A rule that could not be evaluated at all; names the rule, never a value."""


class _ColumnValuesKeepRule(ColumnMapMetricProvider):
    condition_metric_name = "column_values.keep_rule"
    condition_value_keys = ("kept",)
    filter_column_isnull = False

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column, kept, **kwargs):  # type: ignore[no-untyped-def]
        return sa.literal_column(f"({kept})", sa.Boolean)


class ExpectColumnValuesToKeepRule(ColumnMapExpectation):
    """Expect every row to keep one rule of the contract; `kept` is the rule as an SQL expression."""

    kept: str
    map_metric = "column_values.keep_rule"
    success_keys = ("kept", "mostly")

    _configuration: ExpectationConfiguration | None = PrivateAttr(None)

    @property
    def configuration(self) -> ExpectationConfiguration:
        """What Great Expectations asks for dozens of times while it judges one rule, and would make anew each time."""
        if self._configuration is None:
            self._configuration = super().configuration
        return self._configuration


class Checker:
    """One connection of Great Expectations to the warehouse, for as many deliveries as a run has."""

    def __init__(self) -> None:
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        # Nothing of it outlives the process, and writing all of it down for each file takes a third of the time.
        self._context.variables.save = lambda: None
        url = warehouse.url("pipeline").replace("postgresql://", "postgresql+psycopg://", 1)
        # PostgreSQL takes a file that came after it last looked at the table for a file of one row, and would work out its
        # other rows anew for each of them: a nested loop over a return of 5,000 rows took longer than anybody waited.
        settings = {"connect_args": {"options": "-c enable_nestloop=off"}}
        self._source = self._context.data_sources.add_postgres("warehouse", connection_string=url, kwargs=settings)

    def broken_rules(self, rules: list[Rule], around: Surroundings, file_id: int) -> list[Rule]:
        """Those of `rules` that a landed file breaks, as Great Expectations sees it.

        Most rules are kept, and each that is asked costs as much as hundreds of rows: some are asked together first, and one
        by one where these are not all kept. Raises CheckError when a rule cannot be evaluated.
        """
        together = [rule for rule in rules if rule.kind != "unique"]
        groups = [together[start : start + _ASKED_TOGETHER] for start in range(0, len(together), _ASKED_TOGETHER)]
        asked = [_all_kept(str(number), group, around) for number, group in enumerate(groups)]
        results = self._results(asked, rules, around, file_id, _ONLY_WHETHER)
        kept = {rule.id for number, group in enumerate(groups) if results[str(number)].success for rule in group}
        alone = self.validate([rule for rule in rules if rule.id not in kept], around, file_id, _ONLY_WHETHER)
        broken = {result.expectation_config.meta["rule"] for result in alone if not result.success}
        return [rule for rule in rules if rule.id in broken]

    def validate(self, rules: list[Rule], around: Surroundings, file_id: int, result_format: dict) -> list:
        """The suite's results for a landed file, in the order of `rules`; for the format see GX's result_format.

        Raises CheckError when a rule cannot be evaluated.
        """
        results = self._results([_expectation(rule, around) for rule in rules], rules, around, file_id, result_format)
        for rule in rules:
            if _raised(results[rule.id]):
                raise CheckError(
                    f"{around.feed.slug}/{around.table.name}: the rule {rule.id} could not be evaluated; "
                    "look at its contract and at predicates.py"
                )
        return [results[rule.id] for rule in rules]

    def _results(
        self, asked: list[gxe.Expectation], rules: list[Rule], around: Surroundings, file_id: int, result_format: dict
    ) -> dict[str, Any]:
        """The results of expectations about some rules of a landed file, by what their `meta` calls the rule."""
        if not asked:
            return {}
        table = around.table.landing_name
        # GX labels every column of the query, SQLAlchemy shortens a label beyond this length, and then nobody finds it.
        named = [name for name in ("file_id", "line_number", *around.table.column_names.values()) if len(name) <= 57]
        columns = ", ".join(predicates.identifier(name) for name in named)
        asset = self._source.add_query_asset(f"{table} {file_id}", predicates.rows_to_judge(rules, around, columns))
        suite = gx.ExpectationSuite(name=f"{table} {file_id}", expectations=asked)
        batch = asset.add_batch_definition_whole_table("rows").get_batch()
        outcome = batch.validate(suite, result_format=result_format)
        self._source.delete_asset(asset.name)
        return {result.expectation_config.meta["rule"]: result for result in outcome.results}


def check(delivery_ids: Iterable[int], progress: Callable[[int], None] | None = None) -> None:
    """Check landed deliveries and write `ledger.check_result` and `ledger.finding`; doing it again gives the same.

    Deliveries that are decided already, or whose files could not be taken in, are passed over. `progress`
    is told the rows checked since its last call. Raises CheckError when a rule cannot be evaluated.
    """
    checker = None
    for delivery_id in delivery_ids:
        files = files_to_check(delivery_id)
        if not files:
            continue
        checker = checker or Checker()
        outcomes = []
        for file_id, around, rows in files:
            rules = [
                rule
                for rule in around.table.rules(around.version, around.feed.file.exceptions)
                if predicates.can_be_judged(rule, around)
            ]
            # Where there is no row, there is none that breaks a rule.
            broken = checker.broken_rules(rules, around, file_id) if rows else []
            outcomes.append((file_id, around, rows, rules, broken))
            if progress:
                progress(rows)
        findings.write(delivery_id, outcomes)


def files_to_check(delivery_id: int) -> list[tuple[int, Surroundings, int]]:
    """The landed files of a delivery that was not checked or waits for its decision: (file id, surroundings, rows)."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """select file.file_id, file.table_name, file.landed_rows, delivery.feed, delivery.format_version,
                      delivery.received_at::date, delivery.period
               from ledger.delivery join ledger.delivery_file as file using (delivery_id)
               where delivery.delivery_id = %s and file.landed_rows is not null and file.not_needed_rows is null
                 and (delivery.state = 'received' or not exists (
                   select from ledger.check_result as result where result.delivery_id = delivery.delivery_id))
                 and not exists (select from ledger.delivery_file as other
                                 where other.delivery_id = delivery.delivery_id and other.problem is not null)
               order by file.file_id""",
            (delivery_id,),
        ).fetchall()
    file_of_table = {table_name: file_id for file_id, table_name, *_ in rows}
    files = []
    for file_id, table_name, landed_rows, slug, version, received_on, period in rows:
        feed = contracts.load().feed(slug)
        table = feed.format.tables[table_name]
        files.append((file_id, Surroundings(table, feed, version, file_of_table, feed.period(period), received_on), landed_rows))
    return files


def _all_kept(name: str, rules: list[Rule], around: Surroundings) -> gxe.Expectation:
    """That every row keeps every one of some rules."""
    kept = " and ".join(f"({predicates.kept(rule, around)})" for rule in rules)
    return ExpectColumnValuesToKeepRule(column="line_number", kept=kept, meta={"rule": name}, severity="critical")


def _expectation(rule: Rule, around: Surroundings) -> gxe.Expectation:
    described = {"meta": {"rule": rule.id}, "severity": "critical" if rule.if_broken != "warn" else "warning"}
    if rule.kind == "unique":
        columns = list(predicates.repeated(rule, around))
        if len(columns) == 1:
            return gxe.ExpectColumnValuesToBeUnique(column=columns[0], **described)
        return gxe.ExpectCompoundColumnsToBeUnique(column_list=columns, ignore_row_if="any_value_is_missing", **described)
    return ExpectColumnValuesToKeepRule(column=rule.column or "line_number", kept=predicates.kept(rule, around), **described)


def _raised(result) -> bool:  # type: ignore[no-untyped-def]
    exceptions = result.exception_info or {}
    nested = [info for info in exceptions.values() if isinstance(info, dict)] or [exceptions]
    return any(info.get("raised_exception") for info in nested)
