"""The warehouse: one PostgreSQL server, its two databases, and a login for each kind of work.

The server is the embedded one under `VAR/server`, or the one that CARES_WAREHOUSE_URL names (the
login in that URL is used for set-up only). The database `cares` holds the data, `airflow` Airflow's
own. Passwords are made here and kept under `VAR/secrets`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import yaml
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from cares import settings
from cares.embedded_server import ADMINISTRATOR, ADMINISTRATOR_SECRET, EmbeddedServer, WarehouseError
from cares.secret_files import SecretError, read_or_make_secret, read_secret, secret_path
from cares.settings import VAR, var_folder

# `caldicott` is the Caldicott guardian, who alone sees pairs of records that may give a changed identity away; `contact_cares`
# the front door's desk, which sees its own cases; `audit` writes down who opened a record, and does nothing else.
ROLES = ("owner", "pipeline", "engineer", "analyst", "governance", "caldicott", "contact_cares", "audit", "airflow")
AIRFLOW_DATABASE = "airflow"

# Whoever may connect could otherwise keep data in large objects, outside every schema, or take the locks of our own work.
_NOT_FOR_EVERYONE = """
do $$
declare
    one record;
begin
    for one in
        select oid::regprocedure as function, proname ~ 'advisory' as is_lock from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
            and (proname ~ '^lo_' or proname in ('loread', 'lowrite') or proname ~ '^pg_(try_)?advisory_')
    loop
        execute format('revoke execute on function %s from public', one.function);
        if one.is_lock then
            execute format('grant execute on function %s to cares_owner, cares_pipeline', one.function);
        end if;
    end loop;
end $$
"""

# Through this the door of the Shared Care Record writes down who opens it, in a transaction of its own.
_OWN_CONNECTION = """
create schema if not exists dblink;
create extension if not exists dblink schema dblink;
revoke all on schema dblink from public;
revoke execute on all functions in schema dblink from public;
grant usage on schema dblink to cares_owner;
grant execute on all functions in schema dblink to cares_owner;
grant usage on foreign data wrapper dblink_fdw to cares_owner;
"""

_MIGRATIONS = Path(__file__).parent / "migrations"


class WarehouseInterrupted(WarehouseError):
    """The database could not go on: a connection dropped, a lock did not come in time. The same work may succeed later."""


@dataclass(frozen=True)
class Status:
    """How the warehouse is: `version` and `size_bytes` are None while it does not answer."""

    where: str
    running: bool
    host: str
    port: int | None
    version: str | None
    size_bytes: int | None


def staff_roles() -> tuple[str, ...]:
    """The role of each organisation's staff, `staff_ORGANISATION`; who only publishes reference files has none."""
    return _staff_roles(settings.EXPECTATIONS)


@cache
def _staff_roles(root: Path) -> tuple[str, ...]:
    told = {path.parent.name: yaml.safe_load(path.read_text("utf-8")) for path in root.glob("*/organisation.yml")}
    return tuple(f"staff_{slug}" for slug, one in sorted(told.items()) if not one["kind"].startswith("national publisher"))


def roles() -> tuple[str, ...]:
    """All roles that log in: `ROLES`, and the staff of each organisation."""
    return ROLES + staff_roles()


def database_name() -> str:
    """The database that holds the data: CARES_WAREHOUSE_DATABASE, or `cares`."""
    return os.environ.get("CARES_WAREHOUSE_DATABASE", "cares")


def is_embedded() -> bool:
    """True unless CARES_WAREHOUSE_URL names another server."""
    return not os.environ.get("CARES_WAREHOUSE_URL")


def ensure_ready() -> None:
    """Start the embedded server if it is down, make what is missing of roles and databases, and migrate.

    Safe to call from several processes at once; takes milliseconds when nothing is to be done.
    Raises `WarehouseError` with what to do, for another server also the SQL for its administrator.
    """
    if _revision() == latest_revision() and all(secret_path(_secret_name(role)).exists() for role in staff_roles()):
        return
    with _one_at_a_time():
        if is_embedded():
            _embedded().start()
        _make_roles_and_databases()
        migrate()


def start() -> bool:
    """`ensure_ready`, and True if that started the embedded server; another server is made ready only."""
    process = embedded_process()
    ensure_ready()
    with _one_at_a_time():
        # What the door needs may have been installed since, by another server's administrator.
        _connect_the_door()
    return embedded_process() != process


def embedded_process() -> int | None:
    """The id of the embedded server's process; None if it does not run or the warehouse is another server."""
    return _embedded().process() if is_embedded() else None


def stop() -> bool:
    """Stop the embedded server, ending its connections; False if it did not run or the warehouse is another server."""
    if not is_embedded():
        return False
    with _one_at_a_time():
        return _embedded().stop()


def status() -> Status:
    """How the warehouse is, without starting it."""
    running, version, size = True, None, None
    try:
        with connect("pipeline") as connection:
            version = connection.execute("show server_version").fetchone()[0]
            size = connection.execute("select pg_database_size(current_database())").fetchone()[0]
    except WarehouseError:
        running = embedded_process() is not None
    try:
        address = _address()
    except WarehouseError:
        address = {"host": "127.0.0.1"}
    where = str(_embedded().folder) if is_embedded() else "CARES_WAREHOUSE_URL"
    port = int(address["port"]) if "port" in address else None
    return Status(where, running, str(address.get("host", "")), port, version, size)


def url(role: str = "pipeline", database: str | None = None, *, with_password: bool = True) -> str:
    """The address with which a role connects: postgresql://user:password@host:port/database.

    `role` is one of `roles()`; `database` is by default the one that the role works in. Raises
    `WarehouseError` if the server was never started or the role's password cannot be read.
    """
    address = _address()
    login = _login(role) + (f":{quote(password(role), safe='')}" if with_password else "")
    host, port = quote(str(address.pop("host", "")), safe=",[]:"), address.pop("port", None)
    database = database or (AIRFLOW_DATABASE if role == "airflow" else database_name())
    extra = f"?{urlencode(address)}" if address else ""
    return f"postgresql://{login}@{host}{f':{port}' if port else ''}/{quote(database)}{extra}"


def password(role: str) -> str:
    """The password of a role; `WarehouseError` if it is missing or others can read its file."""
    return _secret(_secret_name(role))


def connect(role: str = "pipeline", **kwargs: Any) -> psycopg.Connection[Any]:
    """A new connection as a role, with psycopg's own keyword arguments; `WarehouseError` if it is refused."""
    return _connect(url(role), **kwargs)


def is_there(connection: psycopg.Connection[Any], *tables: str) -> bool:
    """Whether all these tables or views, each with its schema, are there."""
    return connection.execute(
        "select bool_and(to_regclass(name) is not null) from unnest(%s::text[]) as name", (list(tables),)
    ).fetchone() == (True,)


def connect_as_administrator(database: str = "postgres") -> psycopg.Connection[Any]:
    """A connection for set-up, in autocommit: the embedded server's superuser, or CARES_WAREHOUSE_URL's own login.

    Only set-up and the tests use it. Raises `WarehouseError` if it is refused.
    """
    if not is_embedded():
        return _connect("", **{"dbname": database, **_given_address()}, autocommit=True)
    login = {"user": ADMINISTRATOR, "password": _secret(ADMINISTRATOR_SECRET)}
    return _connect("", **_address(), **login, dbname=database, autocommit=True)


def create_database(name: str, owner: str = "owner", template: str | None = None) -> None:
    """Make a database that only our roles can enter, empty or as a copy of `template` (nobody may be connected to it)."""
    statement = sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(_login(owner)))
    if template:
        statement += sql.SQL(" template {}").format(sql.Identifier(template))
    with connect_as_administrator() as administrator:
        # Only a member of a role may give it something; from PostgreSQL 16 its maker is no member.
        giver = administrator.info.user
        is_superuser = administrator.info.parameter_status("is_superuser") == "on"
        if not is_superuser:
            administrator.execute(_grant(_login(owner), giver))
        administrator.execute(statement)
        if not is_superuser:
            administrator.execute(_grant(_login(owner), giver, give=False))


def migrate() -> None:
    """Bring our own tables to the latest revision, as their owner, in one transaction."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    protect_databases()
    engine = create_engine(url("owner").replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with safe_errors(), engine.begin() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
    _give_staff_the_door()


def latest_revision() -> str:
    """The newest migration: their files are numbered, and a file's number is its revision."""
    return max(path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


@contextmanager
def safe_errors() -> Iterator[None]:
    """Turn an error of the database into a `WarehouseError` that names the condition, never a value.

    PostgreSQL's own messages quote the data ("invalid input syntax for type date: ..."); what is
    kept is the SQLSTATE, its name, and the schema, table, column and constraint concerned. It is a
    `WarehouseInterrupted` where the same work may succeed later.
    """
    try:
        yield
    except Exception as error:
        cause = error if isinstance(error, psycopg.Error) else getattr(error, "orig", None)
        if not isinstance(cause, psycopg.Error):
            raise
        interrupted = isinstance(cause, psycopg.OperationalError)
        raise (WarehouseInterrupted if interrupted else WarehouseError)(_without_values(cause)) from None


def who_is_at_work() -> str:
    """Who runs this process, by the operating system's word; the environment could say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


class _WithoutValues(logging.Filter):
    """Of an error that psycopg passes over because another one is on its way, it logs the text, which quotes the data."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Leave the condition in the record, and not the text."""
        if isinstance(record.args, tuple):
            record.args = tuple(_without_values(part) if isinstance(part, psycopg.Error) else part for part in record.args)
        return True


logging.getLogger("psycopg").addFilter(_WithoutValues())


def _without_values(error: psycopg.Error) -> str:
    condition = type(error).__name__ + (f" (SQLSTATE {error.sqlstate})" if error.sqlstate else "")
    names = [
        (word, getattr(error.diag, f"{word}_name"))
        for word in ("schema", "table", "column", "constraint")
        if getattr(error.diag, f"{word}_name")
    ]
    return ", ".join([f"The database refused: {condition}", *(f"{word} {name}" for word, name in names)])


def _revision() -> str | None:
    """The revision of our tables, or None where the warehouse does not answer or has none yet."""
    try:
        with connect("pipeline", connect_timeout=5) as connection:
            row = connection.execute("select version_num from ledger.alembic_version").fetchone()
    except (WarehouseError, psycopg.Error):
        return None
    return row[0] if row else None


def _make_roles_and_databases() -> None:
    with connect_as_administrator() as administrator:
        known = {row[0] for row in administrator.execute("select rolname from pg_roles")}
        databases = {row[0] for row in administrator.execute("select datname from pg_database")}
        ours = {database_name(): "owner", AIRFLOW_DATABASE: "airflow"}
        missing_roles = [role for role in roles() if _login(role) not in known]
        missing_databases = [name for name in ours if name not in databases]
        if not missing_roles and not missing_databases:
            return
        rights = "select rolsuper or (rolcreaterole and rolcreatedb) from pg_roles where rolname = current_user"
        if not administrator.execute(rights).fetchone()[0]:
            raise WarehouseError(_request_to_administrator(missing_roles, {name: ours[name] for name in missing_databases}))
        for role in missing_roles:
            # Only the SCRAM verifier travels: the server and its log never see the password.
            secret = read_or_make_secret(_secret_name(role))
            verifier = administrator.pgconn.encrypt_password(secret.encode(), _login(role).encode(), b"scram-sha-256")
            administrator.execute(
                sql.SQL("create role {} login password {}").format(sql.Identifier(_login(role)), verifier.decode())
            )
        administrator.execute(_grant(_login("pipeline"), _login("owner")))
        if _may_close_other_databases(administrator, databases - set(ours)):
            administrator.execute("revoke connect, temporary on database postgres, template1 from public")
    for name in missing_databases:
        create_database(name, ours[name])


def _may_close_other_databases(administrator: psycopg.Connection[Any], others: set[str]) -> bool:
    """Whether PostgreSQL's own databases may be closed to our roles: by their owner, on a server that nobody else uses."""
    is_superuser = administrator.info.parameter_status("is_superuser") == "on"
    return is_superuser and others <= {"postgres", "template0", "template1"}


def protect_databases() -> None:
    """Let only our roles into both databases, and only the pipeline make anything there.

    A database's rights are not copied with its template, so that this runs before each migration.
    """
    others = sql.SQL(", ").join(sql.Identifier(_login(role)) for role in roles() if role not in ("owner", "pipeline", "airflow"))
    pipeline, database = sql.Identifier(_login("pipeline")), sql.Identifier(database_name())
    with safe_errors(), connect("owner", autocommit=True) as owner:
        for statement in (
            "revoke all on database {database} from public",
            "grant connect on database {database} to {others}, {pipeline}",
            "grant create, temporary on database {database} to {pipeline}",
            "alter database {database} set timezone to 'Europe/London'",
            "revoke all on schema public from public",
        ):
            owner.execute(sql.SQL(statement).format(database=database, others=others, pipeline=pipeline))
    with safe_errors(), connect("analyst", autocommit=True) as analyst:
        # A role may set this for itself, on any server: a transaction left open would hold up the next publication.
        analyst.execute(
            sql.SQL("alter role {} in database {} set idle_in_transaction_session_timeout to '5min'").format(
                sql.Identifier(_login("analyst")), database
            )
        )
    if is_embedded():
        with safe_errors(), connect_as_administrator(database_name()) as administrator:
            administrator.execute(_NOT_FOR_EVERYONE)
            administrator.execute(_OWN_CONNECTION)
    _connect_the_door()
    with safe_errors(), connect("airflow", autocommit=True) as airflow:
        airflow.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(AIRFLOW_DATABASE)))


def _connect_the_door() -> None:
    """Tell the database how to reach itself as `cares_audit`, on the port that it has now.

    Where its administrator has not installed dblink as `_OWN_CONNECTION` does, the door of the Shared Care Record stays closed.
    """
    settings_of_server = {
        **{key: str(value) for key, value in _address().items() if key in ("host", "port", "sslmode", "sslrootcert")},
        "dbname": database_name(),
        "connect_timeout": "10",
    }

    def options(values: dict[str, str]) -> sql.Composed:
        return sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(key), sql.Literal(value)) for key, value in values.items()
        )

    with safe_errors(), connect("owner") as owner:
        may_connect = (
            "select has_foreign_data_wrapper_privilege(oid, 'usage') from pg_foreign_data_wrapper where fdwname = 'dblink_fdw'"
        )
        if owner.execute(may_connect).fetchone() != (True,):
            return
        owner.execute("drop server if exists cares_audit cascade")
        owner.execute(
            sql.SQL("create server cares_audit foreign data wrapper dblink_fdw options ({})").format(options(settings_of_server))
        )
        owner.execute(
            sql.SQL("create user mapping for current_user server cares_audit options ({})").format(
                options({"user": _login("audit"), "password": password("audit")})
            )
        )


def _give_staff_the_door() -> None:
    """Let the staff of every organisation call the door, which judges whether they may come in."""
    logins = sql.SQL(", ").join(sql.Identifier(_login(role)) for role in staff_roles())
    with safe_errors(), connect("owner") as owner:
        owner.execute(sql.SQL("grant usage on schema record to {}").format(logins))
        owner.execute(sql.SQL("grant execute on function record.open to {}").format(logins))


def _grant(role: str, member: str, give: bool = True) -> sql.Composed:
    statement = "grant {} to {}" if give else "revoke {} from {}"
    return sql.SQL(statement).format(sql.Identifier(role), sql.Identifier(member))


def _request_to_administrator(roles: list[str], databases: dict[str, str]) -> str:
    for role in roles:
        read_or_make_secret(_secret_name(role))
    statements = [
        f"create role {_login(role)} login password '<the text of {secret_path(_secret_name(role))}>';" for role in roles
    ]
    statements.append(f"grant {_login('pipeline')} to {_login('owner')};")
    statements += [f"create database {name} owner {_login(owner)} encoding 'UTF8';" for name, owner in databases.items()]
    return "\n  ".join(
        ["The login in CARES_WAREHOUSE_URL may not make roles and databases. Ask the server's administrator to run:"] + statements
    )


def _connect(conninfo: str, **kwargs: Any) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(conninfo, **{"application_name": "cares", **kwargs})
    except psycopg.OperationalError as error:
        remedy = "Start it with: cares warehouse start" if is_embedded() else "Check CARES_WAREHOUSE_URL."
        raise WarehouseInterrupted(f"The warehouse does not let us in: {str(error).strip()}. {remedy}") from None


def _address() -> dict[str, Any]:
    """Where the server is, without a login: host, port and, for another server, its other settings (sslmode ...)."""
    if is_embedded():
        return {"host": "127.0.0.1", "port": _embedded().port()}
    return {key: value for key, value in _given_address().items() if key not in ("user", "password", "passfile", "dbname")}


def _given_address() -> dict[str, Any]:
    """CARES_WAREHOUSE_URL in its parts; `WarehouseError` if it cannot be read, which never quotes it: it holds a password."""
    try:
        given = conninfo_to_dict(os.environ["CARES_WAREHOUSE_URL"])
        # A password with an unescaped @ or / in it is taken for part of the address, and errors would quote it.
        readable = (
            "@" not in f"{given.get('host', '')}{given.get('dbname', '')}"
            and str(given.get("port", "0")).replace(",", "").isdigit()
        )
    except psycopg.ProgrammingError:
        readable = False
    if not readable:
        raise WarehouseError(
            "CARES_WAREHOUSE_URL cannot be read. Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE; in the password, "
            "write @ as %40, / as %2F, : as %3A and % as %25."
        )
    return given


def _embedded() -> EmbeddedServer:
    return EmbeddedServer(_own_folder("server"))


def _own_folder(*names: str) -> Path:
    try:
        return var_folder(*names)
    except PermissionError:
        raise WarehouseError(f"{VAR} belongs to another user. Run as that user, or set CARES_VAR.") from None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the warehouse's lock against other processes; they wait."""
    handle = os.open(_own_folder() / "warehouse.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _login(role: str) -> str:
    if role not in roles():
        raise WarehouseError(f"There is no role {role!r}: use one of {', '.join(roles())}.")
    return f"cares_{role}"


def _secret_name(role: str) -> str:
    return f"{_login(role)}.password"


def _secret(name: str) -> str:
    _own_folder()
    try:
        return read_secret(name)
    except SecretError as error:
        raise WarehouseError(str(error)) from None
