"""Builds: from accepted rows to published tables, one layer at a time.

A build makes the marts in schemas of its own and tests them there; only then are the published views
repointed, all in one transaction. dbt runs inside this process and says nothing itself: what became of
each model and test is written to the ledger, without values.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from cares import landing, promises, simulated, warehouse
from cares.governance import (
    audit,
    contact_cares,
    disclosure,
    door,
    generalisation,
    minimisation,
    opt_outs,
    partnership,
    permissions,
    protections,
    pseudonyms,
    purposes,
    readiness,
    rectification,
    restricted_codes,
    sign_off,
    who_told,
)
from cares.person_index import IndexSummary
from cares.person_index import update as update_index
from cares.reports import returns
from cares.settings import DBT_PROJECT, var_folder

if TYPE_CHECKING:
    from dbt.artifacts.schemas.results import NodeResult
    from dbt.contracts.graph.manifest import Manifest

# In the order of the build; the person index is updated between its records and the care events.
LAYERS = {
    "staging": "path:models/staging",
    "reference": "path:seeds path:models/intermediate/reference",
    "person_records": "path:models/intermediate/person_index",
    "care_events": "path:models/intermediate/care_events",
    "marts": "path:models/marts",
}
# Their tables stay from build to build, and only what changed is worked out again.
KEPT_LAYERS = ("staging", "care_events")
PUBLISHED_SCHEMAS = tuple(protections.USES)
# Kinds of dbt's nodes that no build runs: unit tests are about made-up rows.
LEFT_OUT: tuple[str, ...] = ("unit_test",)
# A build of an earlier day is made in schemas of its own, and readers find it under names of its own.
REWOUND_SCHEMAS = ("staging__rewound", "intermediate__rewound")

_log = logging.getLogger(__name__)
_GOOD = ("success", "pass", "warn", "no-op")
# A build made step by step whose next step does not begin for so long was left.
_MINUTES_BETWEEN_STEPS = 15
_TRIES_TO_BUILD = 3
# Whoever reads a published view holds the new one up; whoever comes after waits behind it, so each try is short.
_TRIES_TO_PUBLISH, _SECONDS_A_TRY, _SECONDS_BETWEEN_TRIES = 20, 2, 10

# What PostgreSQL and dbt say about our own SQL, never about values.
_SAFE_MESSAGES = re.compile(
    r'relation "[\w.]+" does not exist|column "?[\w.]+"? does not exist|schema "\w+" does not exist'
    r"|permission denied for \w+ \w+|canceling statement due to \w+(?: \w+)?(?: timeout)?|deadlock detected"
    r"|syntax error at or near|No space left on device|out of memory|too many connections|server closed the connection"
    r"|This model has an enforced contract that failed|The source and target schemas on this incremental model are out of sync"
)

_manifests: dict[str, Manifest] = {}
_is_our_turn: ContextVar[bool] = ContextVar("_is_our_turn", default=False)


class BuildError(Exception):
    """A build that cannot go on: says which model or state and what to do, never a value."""


class BuildOvertaken(BuildError):
    """A delivery that a build sees was changed before the build had taken it in: another build can begin at once."""


def has_work() -> bool:
    """Is there anything that the last build that came to its end has not seen: a change of the accepted deliveries, or a
    period that has become late or missing since?
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return connection.execute(
            """
            with accepted as (
                select delivery_id, revision from ledger.delivery where state in ('accepted', 'superseded')
            ),
            last_build as (
                select build_id, cast(as_at as date) as day from ledger.build
                where state in ('tested', 'published', 'superseded', 'dropped') and rewound_to is null
                order by build_id desc limit 1
            ),
            seen as (
                select delivery_id, revision from ledger.build_delivery join last_build using (build_id)
            )
            select exists (select * from accepted except select * from seen)
                or exists (select * from seen except select * from accepted)
                or exists (
                    select from ledger.promise cross join last_build
                    where first_arrived_on is null
                        and (due_on >= day and due_on < current_date or missing_after >= day and missing_after < current_date)
                )
            """
        ).fetchone()[0]


def build(rebuild_staging: bool = False, say: Callable[[str], None] = lambda step: None) -> int:
    """Build, test and publish the linked dataset; returns the build's number.

    Waits while another process builds. `rebuild_staging` cleans every accepted row and works out every care
    event anew, for when the models themselves were changed. `say` is told each step as it begins. Raises BuildError or
    `WarehouseError`; what was published before stays. A build that was overtaken is begun again, a few times.
    """
    with _one_at_a_time():
        for tries_left in reversed(range(_TRIES_TO_BUILD)):
            try:
                return _build_once(rebuild_staging, say)
            except BuildOvertaken:
                if not tries_left:
                    raise
                say("beginning again")
    raise AssertionError("the last try either returns or raises")


def _build_once(rebuild_staging: bool, say: Callable[[str], None]) -> int:
    build_id = start_build()
    for layer in LAYERS:
        say(layer.replace("_", " "))
        run_layer(build_id, layer, full_refresh=rebuild_staging and layer in KEPT_LAYERS)
        if layer == "person_records":
            say("person index")
            update_person_index(build_id)
    say("publish")
    publish(build_id)
    return build_id


def rebuild(moment: datetime, say: Callable[[str], None] = lambda step: None) -> int:
    """Build and test the linked dataset as it was at an earlier moment; returns the build's number.

    Deliveries, released rows and identities are those of that moment; code lists are today's, and so is every
    protection. It stands in schemas of its own (`insight_as_at` and so on), in place of the one that was rebuilt
    before; what is published stays. What misses a bar of quality shows no row before a sign-off (`what_waits`). Raises
    BuildError where the moment lies ahead, or `WarehouseError`.
    """
    if moment > datetime.now(UTC):
        raise BuildError(f"{moment:%Y-%m-%d %H:%M} has not come yet. Name a day that has begun.")
    with _one_at_a_time():
        build_id = start_build(moment)
        for layer in LAYERS:
            say(layer.replace("_", " "))
            run_layer(build_id, layer, full_refresh=True)
        say("putting it in its place")
        with _step(build_id):
            opt_outs.judge()
            _put_in_its_place(build_id)
            generalisation.widen()
    return build_id


def _put_in_its_place(build_id: int) -> None:
    """Give the tables of a rewound build the names under which readers find them, and drop those of the one before."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        _finish(connection, build_id, tuple(LAYERS))
        before = connection.execute(
            """update ledger.build set state = 'dropped'
               where rewound_to is not null and state = 'tested' and build_id <> %s returning build_id""",
            (build_id,),
        ).fetchall()
        sign_off.judge(connection, build_id, {schema: _schema_of(schema, build_id) for schema in PUBLISHED_SCHEMAS})
        for schema in PUBLISHED_SCHEMAS:
            for name in (f"{schema}_as_at", *(_schema_of(schema, dropped) for (dropped,) in before)):
                connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(name)))
            connection.execute(sql.SQL("create schema {}").format(sql.Identifier(f"{schema}_as_at")))
            for table, columns in sorted(_columns(connection, _schema_of(schema, build_id)).items()):
                view, built = sql.Identifier(f"{schema}_as_at", table), sql.Identifier(_schema_of(schema, build_id), table)
                connection.execute(protections.view(view, built, schema, build_id, {}, columns))
            _let_read(connection, schema, f"{schema}_as_at")
        _tell_of_earlier_day(connection, build_id)
        for schema in REWOUND_SCHEMAS:
            connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))


def tell_of_earlier_day(build_id: int) -> None:
    """Let the tables of a rewound build, if it stands still, say anew what readers must know of them, as after a sign-off."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if _state(connection, build_id) == "tested":
            _tell_of_earlier_day(connection, build_id)


def _tell_of_earlier_day(connection: psycopg.Connection, build_id: int) -> None:
    waiting = sign_off.unaccepted(connection, build_id)
    for schema in PUBLISHED_SCHEMAS:
        remark = " ".join((_remark(connection, build_id), *_banner(build_id, schema, waiting)))
        remark += _said_of_use(connection, schema, build_id)
        for table in sorted(_columns(connection, f"{schema}_as_at")):
            _copy_comments(connection, f"{schema}_as_at", table, sql.Identifier(_schema_of(schema, build_id), table), remark)


def start_build(rewind_to: datetime | None = None) -> int:
    """Begin a build of the deliveries that are accepted now, or were at the moment `rewind_to`, and return its number.

    Waits for a step of another build that is running. A build that was left unfinished is given up; one that waits for
    its next step is not: BuildError then, and also where a row that was received is not accounted for.
    """
    landing.prepare()
    promises.check()
    purposes.take_up()
    door.take_up()
    partnership.take_up()
    readiness.take_up()
    with _one_at_a_time(), warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        _refuse_to_disturb(connection)
        _refuse_what_does_not_add_up(connection)
        for schema in (*map(_next, PUBLISHED_SCHEMAS), *REWOUND_SCHEMAS):
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
        build_id = connection.execute(
            """insert into ledger.build (waiting_since, as_at, rewound_to)
               values (clock_timestamp(), coalesce(%(moment)s, now()), %(moment)s) returning build_id""",
            {"moment": rewind_to},
        ).fetchone()[0]
        connection.execute(
            """
            update ledger.build set state = 'failed', finished_at = now(), message = %s
            where state = 'building' and build_id <> %s
            """,
            (f"given up: build {build_id} began", build_id),
        )
        connection.execute(
            """
            insert into ledger.build_delivery (build_id, delivery_id, revision, accepted_at)
            select %s, delivery_id, revision, accepted_at from ledger.counted_delivery
            """,
            (build_id,),
        )
    return build_id


def run_layer(build_id: int, layer: str, full_refresh: bool = False) -> None:
    """Build one of `LAYERS` with dbt and test it; the outcome of each model and test goes to the ledger.

    Of staging, only the formats whose deliveries changed are run, and reference only when its own text changed;
    `full_refresh` runs all. Raises BuildError naming the models and tests that failed, or BuildOvertaken; the build is
    failed then.
    """
    with _step(build_id):
        everything = full_refresh or is_rewound(build_id)
        if layer == "staging":
            _stage(build_id, everything, full_refresh)
        elif layer == "reference":
            _load_reference(build_id, everything)
        else:
            _run_models(build_id, layer, [LAYERS[layer]], full_refresh)
        if layer == "care_events":
            restricted_codes.take_up("intermediate__rewound" if is_rewound(build_id) else "intermediate")


def _stage(build_id: int, every_format: bool, full_refresh: bool) -> None:
    formats = _formats_to_stage(build_id, every_format)
    if not formats:
        _record(build_id, "staging", [("staging", "model", "success", 0, 0, "no delivery has changed")])
        return
    keeps_count = not is_rewound(build_id)
    if keeps_count:
        _remember_staging(build_id, formats, is_complete=False)
        if full_refresh:
            _forget_reference()
    _run_models(build_id, "staging", [f"{LAYERS['staging']}/{format}" for format in formats], full_refresh)
    if keeps_count:
        _remember_staging(build_id, formats, is_complete=True)


def _forget_reference() -> None:
    """Have reference loaded again: its views go with the staging tables that they read."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute("delete from ledger.reference_loaded")


def _load_reference(build_id: int, whatever_changed: bool) -> None:
    text = _text_of(DBT_PROJECT / "seeds", DBT_PROJECT / "models" / "intermediate" / "reference")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        loaded = connection.execute("select text from ledger.reference_loaded").fetchone()
    if loaded == (text,) and not whatever_changed:
        _record(build_id, "reference", [("reference", "model", "success", 0, 0, "nothing has changed")])
        return
    # A seed is filled again without its columns being looked at, unless it is made anew.
    _run_models(build_id, "reference", [LAYERS["reference"]], full_refresh=True)
    if is_rewound(build_id):
        return
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute(
            """insert into ledger.reference_loaded (text) values (%s)
               on conflict (only_row) do update set text = excluded.text""",
            (text,),
        )


def _run_models(build_id: int, layer: str, selection: list[str], full_refresh: bool) -> None:
    without = [word for kind in LEFT_OUT for word in ("--exclude-resource-type", kind)]
    refresh = ["--full-refresh"] if full_refresh else []
    results = _run_dbt("build", "--select", *selection, *without, *refresh, rewound=is_rewound(build_id))
    outcomes = [_outcome(result) for result in results]
    _record(build_id, layer, outcomes)
    failed = [f"{kind} {name}: {message}" for name, kind, outcome, _, _, message in outcomes if outcome not in _GOOD]
    if failed:
        _say_if_overtaken(build_id)
        raise BuildError(f"{layer}: {len(failed)} of {len(outcomes)} failed. {'; '.join(failed[:5])}")


def _formats_to_stage(build_id: int, every_format: bool) -> list[str]:
    """The formats of which staging does not hold just the deliveries that a build sees, or whose models were written anew
    since; or every one that ever came.
    """
    texts = _texts_of_staging()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """
            with seen as (
                select format, delivery_id, build_delivery.revision
                from ledger.build_delivery join ledger.delivery using (delivery_id)
                where build_id = %(build)s
            ),
            staged as (
                select delivery.format, delivery_id, build_delivery.revision
                from ledger.staged_format
                join ledger.build_delivery using (build_id)
                join ledger.delivery using (delivery_id)
                where staged_format.format = delivery.format and staged_format.is_complete
            )
            select format from (select * from seen except select * from staged) as is_new
            union select format from (select * from staged except select * from seen) as is_gone
            union select format from ledger.staged_format
            where not is_complete or text <> cast(%(texts)s as jsonb) ->> format
            union select format from ledger.delivery where %(every)s
            order by format
            """,
            {"build": build_id, "every": every_format, "texts": json.dumps(texts)},
        ).fetchall()
    return [format for (format,) in rows if format in texts]


def _texts_of_staging() -> dict[str, str]:
    folder = DBT_PROJECT / "models" / "staging"
    return {inner.name: _text_of(inner) for inner in folder.iterdir() if inner.is_dir()}


def _text_of(*folders: Path) -> str:
    """What some folders of the dbt project hold, as a SHA-256."""
    files = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def _remember_staging(build_id: int, formats: list[str], is_complete: bool) -> None:
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute(
            """
            insert into ledger.staged_format (format, build_id, is_complete, text)
            select format, %s, %s, cast(%s as jsonb) ->> format from unnest(%s::text[]) as format
            on conflict (format) do update
            set build_id = excluded.build_id, is_complete = excluded.is_complete, text = excluded.text
            """,
            (build_id, is_complete, json.dumps(_texts_of_staging()), formats),
        )


def _say_if_overtaken(build_id: int) -> None:
    """Raise BuildOvertaken if a delivery that the build sees is not as it was when the build began."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        changed = connection.execute(
            "select delivery_id from ledger.delivery_in_build where not is_unchanged order by delivery_id"
        ).fetchall()
    if changed:
        raise BuildOvertaken(
            f"Delivery {', '.join(str(number) for (number,) in changed)} was changed by somebody while build {build_id} was "
            "taking it in. Nothing is lost: begin another, with cares build run"
        )


def run_unit_tests() -> list[NodeResult]:
    """Run dbt's unit tests, on made-up rows; the tables of the next build must be there. Returns dbt's results."""
    with _one_at_a_time():
        return _run_dbt("test", "--select", "test_type:unit")


def update_person_index(build_id: int) -> IndexSummary:
    """Recognise the people in `int_person_records`, and give new ones their pseudonyms.

    Raises `WarehouseError` or `PseudonymKeyError`; the build is failed then and the index as it was.
    """
    with _step(build_id):
        summary = update_index()
        for use in protections.USES.values():
            if use and use.is_pseudonymised:
                pseudonyms.pseudonymise(use.purpose)
        contact_cares.take_up()
        permissions.take_up()
        who_told.keep()
        opt_outs.judge()
        generalisation.widen()
        for delivery_id in rectification.settle():
            returns.write(delivery_id)
        with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
            connection.execute("update ledger.build set identified_at = clock_timestamp() where build_id = %s", (build_id,))
        seconds = round(summary.seconds, 3)
        _record(build_id, "person_index", [("person_index", "model", "success", seconds, summary.person_records, None)])
        return summary


def publish(build_id: int) -> None:
    """Let readers see a build whose layers all came to a good end, then drop builds that are no longer needed.

    What misses a bar of quality waits for a sign-off: readers of that use see the build before, and are told so
    (`what_waits`). A build that was published or tested before can be published again. Raises BuildError if a layer is
    missing or failed, if a published table would lose a column or change a type, or if somebody who reads
    a published table does not come to an end.
    """
    with _one_at_a_time(), warehouse.safe_errors():
        with _failing_where_groups_are_small(build_id), warehouse.connect("pipeline") as connection:
            state = _state(connection, build_id)
            if state not in ("building", "tested", "superseded") and not (state == "published" and _may_be_shown_anew(build_id)):
                raise BuildError(f"Build {build_id} is {state} and cannot be published.")
            if is_rewound(build_id):
                raise BuildError(f"Build {build_id} shows an earlier day; it stands in insight_as_at and is never published.")
            if state == "building":
                _finish(connection, build_id, (*LAYERS, "person_index"))
        _repoint(build_id, may_lose_columns=False, judge_anew=True)
        generalisation.widen()
    drop_old()
    audit.anchor()


def back() -> int:
    """Publish the build before the published one again, and return its number.

    Columns that it does not have yet are empty. It was held against the bars of quality when it was published, and is not
    held against them anew. Raises BuildError if there is none, or if somebody who reads a published table does not come
    to an end.
    """
    with _one_at_a_time(), warehouse.safe_errors():
        with warehouse.connect("pipeline") as connection:
            earlier = connection.execute(
                """
                select build_id, published_at is not null from ledger.build
                where state in ('tested', 'superseded') and rewound_to is null
                    and build_id < (select build_id from ledger.build where state = 'published')
                order by build_id desc limit 1
                """
            ).fetchone()
        if not earlier:
            raise BuildError("There is no earlier build to go back to.")
        build_id, was_published = earlier
        _repoint(build_id, may_lose_columns=True, judge_anew=not was_published)
        generalisation.widen()
        return build_id


def published_build() -> int | None:
    """The number of the build that readers see; None before the first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        row = connection.execute("select build_id from ledger.build where state = 'published'").fetchone()
    return row[0] if row else None


def drop_old() -> list[int]:
    """Drop the tables of all builds but the published one and the one before it; returns the builds dropped.

    A build that somebody is still reading is left for the next time.
    """
    dropped = []
    with _one_at_a_time(), warehouse.safe_errors(), warehouse.connect("pipeline", autocommit=True) as connection:
        connection.execute("set lock_timeout = '5s'")
        old = connection.execute(
            """
            select build_id from ledger.build
            where state in ('tested', 'superseded') and rewound_to is null
            and build_id not in (select build_id from ledger.shown_build) and build_id <> (
                select coalesce(max(earlier.build_id), 0) from ledger.build as earlier
                where earlier.state in ('tested', 'superseded') and earlier.rewound_to is null
                    and earlier.build_id < (select build_id from ledger.build where state = 'published')
            ) and exists (select from ledger.build where state = 'published')
            order by build_id
            """
        ).fetchall()
        for (build_id,) in old:
            try:
                with connection.transaction():
                    for schema in PUBLISHED_SCHEMAS:
                        _drop_schema(connection, _schema_of(schema, build_id))
                    connection.execute("update ledger.build set state = 'dropped' where build_id = %s", (build_id,))
            except psycopg.errors.LockNotAvailable:
                continue
            dropped.append(build_id)
    return dropped


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the lock of all builds, which is on a table that only the pipeline may lock; other processes wait."""
    if _is_our_turn.get():
        yield
        return
    settings = "-c idle_in_transaction_session_timeout=0 -c lock_timeout=0 -c statement_timeout=0"
    with warehouse.safe_errors(), warehouse.connect("pipeline", options=settings) as guard:
        # Keeps out nobody but others who ask for the same: builds are still read and written meanwhile.
        guard.execute("lock table ledger.build in share update exclusive mode")
        before = _is_our_turn.set(True)
        try:
            yield
        finally:
            _is_our_turn.reset(before)


def _refuse_to_disturb(connection: psycopg.Connection) -> None:
    """Raise BuildError if a build waits for its next step; nobody else holds the lock, so that no step is running."""
    waiting = connection.execute(
        """
        select build_id from ledger.build
        where state = 'building' and waiting_since > clock_timestamp() - make_interval(mins => %s)
        """,
        (_MINUTES_BETWEEN_STEPS,),
    ).fetchone()
    if waiting:
        raise BuildError(
            f"Build {waiting[0]} is being made, step by step. Wait until it is published (cares build list); "
            f"if it was left, another can begin {_MINUTES_BETWEEN_STEPS} minutes after its last step."
        )


def _refuse_what_does_not_add_up(connection: psycopg.Connection) -> None:
    """Raise BuildError if a row of a delivery in force is not accounted for."""
    wrong = connection.execute(
        """
        select distinct delivery_id from ledger.delivery_file join ledger.counted_delivery using (delivery_id)
        where received_rows <> landed_rows + unreadable_rows + coalesce(not_needed_rows, 0) or landed_rows <> accepted_rows + set_aside_rows + erased_rows
        order by delivery_id
        """
    ).fetchall()
    if wrong:
        first = wrong[0][0]
        raise BuildError(
            f"The rows of delivery {', '.join(str(number) for (number,) in wrong)} do not add up in the ledger, so that nothing "
            f"is built. Look at it: cares delivery show {first}. Take it in anew: cares delivery replay {first}"
        )


@contextmanager
def _step(build_id: int) -> Iterator[None]:
    """One step of a build that is being built; whatever goes wrong fails the build."""
    with _one_at_a_time():
        with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
            state = _state(connection, build_id)
            if state != "building":
                raise BuildError(f"Build {build_id} is {state}; start a new one with: cares build run")
            connection.execute("update ledger.build set waiting_since = null where build_id = %s", (build_id,))
        try:
            yield
        except Exception as error:
            ours = type(error).__module__.startswith("cares.")
            _fail(build_id, str(error) if ours else type(error).__name__)
            raise
        with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
            connection.execute("update ledger.build set waiting_since = clock_timestamp() where build_id = %s", (build_id,))


def _state(connection: psycopg.Connection, build_id: int) -> str:
    row = connection.execute("select state from ledger.build where build_id = %s", (build_id,)).fetchone()
    if not row:
        raise BuildError(f"There is no build {build_id}.")
    return row[0]


def is_rewound(build_id: int) -> bool:
    """Does a build show an earlier day: it is read in schemas of its own (`insight_as_at` and so on), and never published."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return connection.execute("select rewound_to is not null from ledger.build where build_id = %s", (build_id,)).fetchone()[
            0
        ]


def _fail(build_id: int, message: str) -> None:
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute(
            "update ledger.build set state = 'failed', finished_at = clock_timestamp(), message = %s where build_id = %s",
            (message, build_id),
        )


def _run_dbt(command: str, *arguments: str, rewound: bool = False) -> list[NodeResult]:
    """Run dbt in this process, silently, with its files under `VAR/dbt`; raises BuildError if it cannot start.

    With `rewound` all tables are made in schemas that no other build uses.
    """
    from dbt.cli.main import dbtRunner

    address = conninfo_to_dict(warehouse.url("pipeline"))
    with _environment(
        CARES_DBT_HOST=address.get("host", ""),
        CARES_DBT_PORT=address.get("port", "5432"),
        CARES_DBT_USER=address["user"],
        CARES_DBT_DATABASE=address["dbname"],
        CARES_DBT_SSLMODE=address.get("sslmode", "prefer"),
        DBT_ENV_SECRET_CARES_PASSWORD=address["password"],
    ):
        where = f"{address.get('host')}:{address.get('port')}/{address['dbname']}, rewound: {rewound}"
        if where not in _manifests:
            parsed = dbtRunner().invoke(["parse", *_dbt_options(rewound)])
            if not parsed.success:
                # To read the project, dbt asks the database nothing: its words hold no data.
                raise BuildError(f"The dbt project cannot be read; look at what was changed last in it. {parsed.exception}")
            _manifests[where] = parsed.result
        _refuse_what_serves_no_purpose(_manifests[where])
        outcome = dbtRunner(manifest=_manifests[where]).invoke(
            [command, *arguments, "--indirect-selection", "buildable", "--cache-selected-only", *_dbt_options(rewound)]
        )
    if outcome.result is None:
        raise BuildError(f"dbt could not run: {_safe(str(outcome.exception))}")
    # What runs before the models, to make empty tables, is worth a word only where it fails.
    return [result for result in outcome.result.results if result.node.resource_type != "operation" or result.status != "success"]


def _refuse_what_serves_no_purpose(manifest: Manifest) -> None:
    """Raise BuildError that names every mart, and every column of one, that does not say what it is for, for whom and by what right."""
    marts = [
        minimisation.Mart(
            node.name,
            str(node.config.schema),
            node.config.meta,
            {column.name: column.config.meta for column in node.columns.values()},
        )
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.path.startswith("marts/")
    ]
    if problems := minimisation.problems(marts, purposes.PURPOSES):
        raise BuildError(f"Nothing is built: {'; '.join(problems)}.")


def _dbt_options(rewound: bool) -> list[str]:
    # dbt's own messages quote the data where the database does: none of them is shown or kept.
    return [
        *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)),
        *("--vars", f"{{rewound: {str(rewound).lower()}}}"),
        *("--target-path", str(var_folder("dbt", "target_rewound" if rewound else "target"))),
        *("--log-path", str(var_folder("dbt", "logs"))),
        *("--log-level", "none", "--log-level-file", "none", "--quiet", "--no-use-colors"),
    ]


@contextmanager
def _environment(**values: Any) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _outcome(result: NodeResult) -> tuple[str, str, str, float, int | None, str | None]:
    """Name, kind, outcome, seconds, rows and message of one model or test."""
    outcome, kind = str(result.status), str(result.node.resource_type)
    message = None
    if outcome == "fail":
        message = f"{result.failures} rows fail"
    elif outcome == "skipped":
        message = "left out because something before it failed"
    elif outcome not in _GOOD:
        message = _safe(result.message or "")
    rows = result.failures if kind == "test" else (result.adapter_response or {}).get("rows_affected")
    return result.node.name, kind, outcome, round(result.execution_time, 3), rows, message


def _safe(message: str) -> str:
    known = _SAFE_MESSAGES.search(message)
    return known.group() if known else "an error whose text is not shown, because it may quote the data"


def _record(build_id: int, layer: str, outcomes: list[tuple[str, str, str, float, int | None, str | None]]) -> None:
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection, connection.cursor() as cursor:
        cursor.execute("delete from ledger.model_outcome where build_id = %s and layer = %s", (build_id, layer))
        cursor.executemany(
            """
            insert into ledger.model_outcome (build_id, layer, model, kind, outcome, seconds, rows, message)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [(build_id, layer, *outcome) for outcome in outcomes],
        )


def _finish(connection: psycopg.Connection, build_id: int, layers: tuple[str, ...]) -> None:
    """Call the build tested if each of `layers` is there and good, and name its schemas after it.

    Numbers that would give a hidden one away are hidden. Raises SmallGroupError where people could be told apart.
    """
    good = {
        layer
        for layer, is_good in connection.execute(
            "select layer, bool_and(outcome = any(%s)) from ledger.model_outcome where build_id = %s group by layer",
            (list(_GOOD), build_id),
        )
        if is_good
    }
    missing = [layer for layer in layers if layer not in good]
    if missing:
        raise BuildError(f"Build {build_id} cannot be published: not built, or failed: {', '.join(missing)}.")
    for schema in PUBLISHED_SCHEMAS:
        connection.execute(
            sql.SQL("alter schema {} rename to {}").format(
                sql.Identifier(_next(schema)), sql.Identifier(_schema_of(schema, build_id))
            )
        )
    built = {schema: _schema_of(schema, build_id) for schema in PUBLISHED_SCHEMAS}
    disclosure.protect(connection, build_id, built)
    generalisation.check(connection, build_id, built)
    connection.execute(
        "update ledger.build set state = 'tested', finished_at = clock_timestamp() where build_id = %s", (build_id,)
    )


@contextmanager
def _failing_where_groups_are_small(build_id: int) -> Iterator[None]:
    try:
        yield
    except generalisation.SmallGroupError as error:
        _fail(build_id, str(error))
        raise


def _repoint(build_id: int, may_lose_columns: bool, judge_anew: bool) -> None:
    """Publish a build in one transaction, trying again while somebody's reading is in the way; BuildError in the end."""
    waiting = _judge(build_id, judge_anew)
    for tries_left in reversed(range(_TRIES_TO_PUBLISH)):
        try:
            with warehouse.connect("pipeline", options=f"-c lock_timeout={_SECONDS_A_TRY}s") as connection:
                return _repoint_views(connection, build_id, may_lose_columns, waiting)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if tries_left:
                time.sleep(_SECONDS_BETWEEN_TRIES)
    raise BuildError(
        f"Build {build_id} is ready, but somebody has been reading a published table for minutes, in a transaction that is "
        f"still open. Ask the readers to end theirs, then: cares build publish {build_id}"
    )


def _judge(build_id: int, anew: bool) -> dict[str, list[str]]:
    """The published schemas that wait for a sign-off, and why: held against the bars of quality anew, or as judged before."""
    with warehouse.connect("pipeline") as connection:
        if not anew:
            return sign_off.unaccepted(connection, build_id)
        return sign_off.judge(connection, build_id, {schema: _schema_of(schema, build_id) for schema in PUBLISHED_SCHEMAS})


def _may_be_shown_anew(build_id: int) -> bool:
    """Is another build shown somewhere because this one waits for a sign-off, or does this one rest on a sign-off."""
    with warehouse.connect("pipeline") as connection:
        shown = dict(connection.execute("select schema_name, build_id from ledger.shown_build").fetchall())
        was_judged = connection.execute(
            "select exists (select from governance.judged_build where build_id = %s)", (build_id,)
        ).fetchone()[0]
    return was_judged or any(shown.get(schema) != build_id for schema in PUBLISHED_SCHEMAS)


def what_waits(build_id: int) -> str | None:
    """What of a published build is shown to nobody before a sign-off, in a sentence or more; None where nothing waits."""
    waiting = [one for one in sign_off.waiting() if one.build_id == build_id]
    return " ".join(_waits(build_id, one.purpose, list(one.missed)) for one in waiting) or None


def _waits(build_id: int, purpose: str, missed: list[str]) -> str:
    return (
        f"Build {build_id} waits for a sign-off for {purpose} (cares sign-off accept {build_id} --use '{purpose}' ...): "
        f"{'; '.join(missed)}."
    )


def _banner(build_id: int, schema: str, waiting: dict[str, list[str]]) -> list[str]:
    """The sentence for readers of a schema that waits for a sign-off; nothing for another."""
    use = protections.USES[schema]
    return [_waits(build_id, use.purpose if use else schema, waiting[schema])] if schema in waiting else []


def _let_wait(connection: psycopg.Connection, build_id: int, schema: str, missed: list[str]) -> str:
    """Leave the views of a schema as they are, with a banner that tells for what the newer build waits; gives the banner."""
    (banner,) = _banner(build_id, schema, {schema: missed})
    shown = connection.execute("select build_id from ledger.shown_build where schema_name = %s", (schema,)).fetchone()
    if shown:
        remark = f"{_remark(connection, shown[0])} {banner}"
        for table in sorted(_columns(connection, schema)):
            _copy_comments(connection, schema, table, sql.Identifier(_schema_of(schema, shown[0]), table), remark)
    return banner


def _said_of_use(connection: psycopg.Connection, schema: str, build_id: int) -> str:
    """What the readers of a schema must know of its use: until when its basis holds, and who accepts what misses a bar."""
    use = protections.USES[schema]
    told = (purposes.remark(connection, use.purpose), sign_off.banner(connection, build_id, use.purpose)) if use else ()
    return "".join(f" {sentence}" for sentence in told if sentence)


def _repoint_views(connection: psycopg.Connection, build_id: int, may_lose_columns: bool, waiting: dict[str, list[str]]) -> None:
    """Let every published view read from the build's tables, and write down that it is the published one.

    The schemas that are `waiting` go on showing what they show.
    """
    message = " ".join(_let_wait(connection, build_id, schema, missed) for schema, missed in waiting.items())
    for schema in PUBLISHED_SCHEMAS:
        if schema in waiting:
            continue
        remark = _remark(connection, build_id) + _said_of_use(connection, schema, build_id)
        published, built = _columns(connection, schema), _columns(connection, _schema_of(schema, build_id))
        gone = published.keys() - built.keys()
        if gone:
            raise BuildError(
                f"Build {build_id} has no {schema}.{min(gone)}, which is published. "
                "Take a table away by a migration that drops its view."
            )
        for table, columns in sorted(built.items()):
            before = published.get(table, {})
            source = sql.Identifier(_schema_of(schema, build_id), table)
            _refuse_breaking_change(f"{schema}.{table}", before, protections.shown_columns(schema, columns), may_lose_columns)
            connection.execute(protections.view(sql.Identifier(schema, table), source, schema, build_id, before, columns))
            _copy_comments(connection, schema, table, source, remark)
        _let_read(connection, schema, schema)
        connection.execute(
            """insert into ledger.shown_build (schema_name, build_id) values (%s, %s)
               on conflict (schema_name) do update set build_id = excluded.build_id, since = clock_timestamp()""",
            (schema, build_id),
        )
    connection.execute("update ledger.build set state = 'superseded' where state = 'published'")
    connection.execute(
        "update ledger.build set state = 'published', published_at = clock_timestamp(), message = %s where build_id = %s",
        (message or None, build_id),
    )
    if message:
        _log.info(message)


def _remark(connection: psycopg.Connection, build_id: int) -> str:
    """What every published table says of itself: its build, and since when a feed that it may rest on has sent nothing."""
    sentences = [f"Build {build_id}."] + ([f"{simulated.WORD}."] if simulated.is_simulated() else [])
    sentences += opt_outs.remarks(connection)
    freshness = sql.Identifier(_schema_of("insight", build_id), "feed_freshness")
    if connection.execute("select to_regclass(%s)", (freshness.as_string(connection),)).fetchone() != (None,):
        for feed, no_data_since, gaps in connection.execute(
            sql.SQL("select feed, no_data_since, gaps from {} where no_data_since is not null or gaps > 0 order by feed").format(
                freshness
            )
        ):
            if no_data_since:
                sentences.append(f"No data from {feed} since {no_data_since}.")
            if gaps:
                sentences.append(f"No data from {feed} for {gaps} earlier period{'s' if gaps > 1 else ''}.")
    return " ".join(sentences)


def _columns(connection: psycopg.Connection, schema: str) -> dict[str, dict[str, str]]:
    """The tables or views of a schema: name -> column -> type, in their order."""
    tables: dict[str, dict[str, str]] = {}
    for table, column, data_type in connection.execute(
        """
        select class.relname, attribute.attname, format_type(attribute.atttypid, attribute.atttypmod)
        from pg_class as class
        inner join pg_attribute as attribute on attribute.attrelid = class.oid
        where class.relnamespace = to_regnamespace(%s) and class.relkind in ('r', 'v')
            and attribute.attnum > 0 and not attribute.attisdropped
        order by class.relname, attribute.attnum
        """,
        (schema,),
    ):
        tables.setdefault(table, {})[column] = data_type
    return tables


def _refuse_breaking_change(table: str, before: dict[str, str], now: dict[str, str], may_lose_columns: bool) -> None:
    lost = [column for column in before if column not in now]
    changed = [
        f"{column} from {before[column]} to {now[column]}"
        for column in before
        if now.get(column, before[column]) != before[column]
    ]
    if lost and not may_lose_columns:
        raise BuildError(f"{table} would lose {', '.join(lost)}. Readers rely on it: give the changed table a new name.")
    if changed:
        raise BuildError(f"{table} would change {', '.join(changed)}. Readers rely on it: give the changed table a new name.")


def _let_read(connection: psycopg.Connection, schema: str, name: str) -> None:
    """Let those read the views of a schema, under the name that it has here, whom its use names."""
    use = protections.USES[schema]
    for reader in use.readers if use else ():
        for right in ("usage on schema {}", "select on all tables in schema {}"):
            statement = sql.SQL("grant " + right + " to {}").format(sql.Identifier(name), sql.Identifier(f"cares_{reader}"))
            connection.execute(statement)


def _copy_comments(connection: psycopg.Connection, schema: str, table: str, source: sql.Identifier, remark: str) -> None:
    """Give a view what its table says of itself and of its columns, and the remark."""
    comments = connection.execute(
        """
        select attribute.attname, description.description
        from pg_description as description
        left join pg_attribute as attribute
            on attribute.attrelid = description.objoid and attribute.attnum = nullif(description.objsubid, 0)
        where description.classoid = 'pg_class'::regclass and description.objoid = %s::regclass
        """,
        (source.as_string(connection),),
    ).fetchall()
    shown = _columns(connection, schema)[table]
    for built_column, comment in comments:
        column = "pseudonym" if built_column == f"{protections.GUARD}person_id" else built_column
        if column and column not in shown:
            continue
        kind, name = ("column", (schema, table, column)) if column else ("view", (schema, table))
        text = comment if column else f"{comment} {remark}"
        connection.execute(sql.SQL("comment on {} {} is {}").format(sql.SQL(kind), sql.Identifier(*name), text))


def _drop_schema(connection: psycopg.Connection, schema: str) -> None:
    """Drop a build's tables and their schema; refused by the database if anybody's view reads them."""
    tables = [sql.Identifier(schema, table) for table in _columns(connection, schema)]
    if tables:
        connection.execute(sql.SQL("drop table {}").format(sql.SQL(", ").join(tables)))
    connection.execute(sql.SQL("drop schema if exists {}").format(sql.Identifier(schema)))


def _next(schema: str) -> str:
    return f"{schema}__next"


def _schema_of(schema: str, build_id: int) -> str:
    return f"{schema}__b{build_id:06d}"
