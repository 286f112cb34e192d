"""Runs the migrations on the connection that `cares.warehouse.migrate` hands over."""

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
# Two installations that share a server wait for each other; the lock ends with the transaction.
connection.execute(text("select pg_advisory_xact_lock(hashtext('cares migrations'))"))
connection.execute(text("create schema if not exists ledger"))
context.configure(connection=connection, version_table_schema="ledger", transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
