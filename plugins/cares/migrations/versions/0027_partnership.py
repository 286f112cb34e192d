"""The partnership's own facts are published; and the planner knows the index's members before the marts join to them."""

from alembic import op

revision = "0027"
down_revision = "0026"

PARTNERSHIP = """
create schema partnership authorization cares_pipeline;
comment on schema partnership is 'Organisations, services, agreements, boards and money through time; nobody is told of.';
grant usage on schema partnership to cares_analyst, cares_governance;
alter default privileges for role cares_pipeline in schema partnership grant select on tables to cares_analyst, cares_governance;
"""

# Only the owner of a table may have it analysed, and the pipeline does not own the index's. Taken for empty, it is joined row
# by row, which never ends with a borough's people.
COUNTED = """
create function person_index.analyze_membership() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    analyze person_index.membership;
end
$$;
comment on function person_index.analyze_membership is 'Has the database note how many members the index has.';
revoke all on function person_index.analyze_membership from public;
grant execute on function person_index.analyze_membership to cares_pipeline;
"""


def upgrade() -> None:
    op.execute(PARTNERSHIP)
    op.execute(COUNTED)
