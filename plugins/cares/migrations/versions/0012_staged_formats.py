"""Which deliveries of each format staging holds, and which reference, so that a build makes only what is new."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the tables."""
    op.execute(
        """
        create table ledger.staged_format (
          format text primary key,
          build_id bigint not null references ledger.build,
          is_complete boolean not null,
          text text not null);
        comment on table ledger.staged_format is
          'One row for each format that was ever staged, with the build that staged it last.';
        comment on column ledger.staged_format.is_complete is
          'Whether its staging tables hold what that build saw; false while it stages them, and where it failed.';
        comment on column ledger.staged_format.text is 'The SHA-256 of the models that staged it.';

        create table ledger.reference_loaded (
          only_row boolean primary key default true check (only_row),
          text text not null);
        comment on table ledger.reference_loaded is
          'One row, once reference has been loaded: the SHA-256 of the seeds and models that it was loaded from.';
        """
    )
