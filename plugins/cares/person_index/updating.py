"""An update of the index: what changed since the last one is compared and judged, and the warehouse brought in line.

On an ordinary night only new and changed person records are compared with the others, and only what hangs together with
them is judged anew; the result is that of comparing everything with everything. All is done in one transaction of the
warehouse: stopped at any point, it leaves the index as it was, and the next update makes its working copy anew.
"""

from __future__ import annotations

import time
from dataclasses import replace

import duckdb
import psycopg

from cares import warehouse
from cares.person_index import clustering, decisions, identities, index, models, withholding
from cares.person_index.descriptions import CLEANING
from cares.person_index.identities import IndexSummary
from cares.person_index.model import Model
from cares.person_index.store import Store, open_store, safe_errors

# Everything is compared anew once there are so many times the descriptions whose values were counted.
GROWN = 1.5


def update() -> IndexSummary:
    """Bring the index in line with `intermediate.int_person_descriptions` and with what people decided.

    Everything is compared anew after another model came into force, where the working copy is not there, and when the
    index has grown by half. Raises `WarehouseError` (condition only, no values) if the database refuses; nothing is
    changed then.
    """
    started, began_to_compute = time.monotonic(), time.process_time()
    with safe_errors(), warehouse.connect("pipeline") as connection:
        model = models.in_force(connection)
        # How descriptions are cleaned and how DuckDB hashes them is part of what the working copy holds.
        with open_store(connection, f"{model.version}, cleaning {CLEANING}, DuckDB {duckdb.__version__}") as store:
            decided = decisions.decisions_in_force(connection)
            is_full = not store.is_current or _has_grown(store.duck)
            store.begin("full" if is_full else "increment")
            store.changes(everything=is_full, again=decided.touched)
            if is_full:
                _judge_everything(store, model, decided)
            else:
                _judge_changes(store, model, decided)
            summary = identities.keep(connection, started)
            decisions.raise_pairs(connection, _refused(store.duck))
            withholding.end_where_split(connection)
            store.finish(
                **_figures(store.duck, connection), seconds=summary.seconds, cpu_seconds=time.process_time() - began_to_compute
            )
            connection.commit()
            store.seal()
    return summary


def _judge_everything(store: Store, model: Model, decided: decisions.InForce) -> None:
    duck = store.duck
    store.read_descriptions("as_described")
    index.take_in(duck, "as_described", decided.must_not_link)
    duck.execute("create or replace table counted as select count(*) as descriptions from description")
    index.compare_all(duck, _fitted(duck, model))
    index.judge(duck, _fitted(duck, model), decided.must_link, decided.must_not_link)
    duck.execute("create or replace temporary table touched_record as select record_id from person_cluster")
    duck.execute("create or replace temporary table new_description as select description_id from description")
    duck.execute("create or replace temporary table weighed as from edge")
    store.write_descriptions("select record_id, description_id, is_current from record_description")
    store.write_edges(_kept_edges("edge", model), are_all=True)
    store.write_clusters("select record_id, cluster, rule from person_cluster")


def _judge_changes(store: Store, model: Model, decided: decisions.InForce) -> None:
    duck = store.duck
    store.read_changed_descriptions("as_described")
    store.read_gone_records("gone_record")
    fitted = _fitted(duck, model)
    index.take_in_changes(duck, "as_described", "gone_record", fitted, decided.must_not_link)
    index.spread_touch(duck)
    index.judge(duck, fitted, decided.must_link, decided.must_not_link, only_reached=True)
    store.write_descriptions("select record_id, description_id, is_current from arriving.record_description")
    store.end_edges("from lost_edge")
    store.write_edges(_kept_edges("weighed", model), are_all=False)
    store.write_clusters("select record_id, cluster, rule from person_cluster semi join touched_record using (record_id)")


def _has_grown(duck: duckdb.DuckDBPyConnection) -> bool:
    now, counted = duck.execute("select (select count(*) from description), (select descriptions from counted)").fetchall()[0]
    return now > GROWN * counted


def _fitted(duck: duckdb.DuckDBPyConnection, model: Model) -> Model:
    """The model with the chance that any two records are one person, as there are so many."""
    return replace(model, prior=model.prior_among(duck.execute("select descriptions from counted").fetchall()[0][0]))


def _kept_edges(table: str, model: Model) -> str:
    """The pairs that may be one person, with all that is known, the numbers included."""
    differ, agree = model.number_weights()
    weight = f"weight + case numbers when 1 then {agree} when 0 then {differ} else 0 end"
    return f"""
        select description_l, description_r, {weight} as weight from {table}
        where {index.COULD_LINK} or numbers = 1 and {weight} >= {clustering.GREY_FROM}
    """


def _refused(duck: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, float]]:
    """The links that were not made, between the first record of either description: record, record, guard, weight."""
    return duck.execute(
        """
        with first as (
            select description_id, min(record_id) as record_id from record_description
            where description_id in (select description_l from refused union select description_r from refused)
            group by description_id
        )
        select l.record_id, r.record_id, guard, weight
        from refused
        join first as l on l.description_id = description_l
        join first as r on r.description_id = description_r
        order by all
        """
    ).fetchall()


def _figures(duck: duckdb.DuckDBPyConnection, connection: psycopg.Connection) -> dict[str, int]:
    new, scored, touched = duck.execute(
        "select (select count(*) from new_description), (select count(*) from weighed), (select count(*) from touched_record)"
    ).fetchall()[0]
    clusters = connection.execute(
        "select count(distinct person_id) from person_index.membership where valid_to is null"
    ).fetchone()[0]
    return {"new_descriptions": new, "scored_pairs": scored, "touched_records": touched, "clusters": clusters}
