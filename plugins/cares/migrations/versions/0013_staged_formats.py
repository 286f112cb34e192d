"""Which deliveries of each format staging holds, so that a build cleans only what is new."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table."""
    op.execute(
        """
        create table ledger.staged_format (
          format text primary key,
          build_id bigint not null references ledger.build,
          is_complete boolean not null);
        comment on table ledger.staged_format is
          'One row for each format that was ever staged, with the build that staged it last.';
        comment on column ledger.staged_format.is_complete is
          'Whether its staging tables hold what that build saw; false while it stages them, and where it failed.';
        """
    )
