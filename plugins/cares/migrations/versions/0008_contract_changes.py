"""What changed of the landing tables and the accepted codes when the contracts changed; deliveries that list their files."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table, and the column."""
    op.execute(
        """
        create table ledger.contract_change (
          change_id bigint generated always as identity primary key,
          at timestamptz not null default now(),
          format text not null,
          table_name text,
          change text not null);
        comment on table ledger.contract_change is
          'One row for each thing that changed in landing, or in the accepted codes, because a contract changed.';
        comment on column ledger.contract_change.table_name is 'Empty for a code list, which belongs to the whole format.';
        comment on column ledger.contract_change.change is 'What changed, in words.';

        alter table ledger.delivery add column has_manifest boolean not null default false;
        comment on column ledger.delivery.has_manifest is
          'Whether a list of its files and their rows came with it, which is kept with the originals.';
        """
    )
