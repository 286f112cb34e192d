"""The local teams of each feed, and the service that each gives."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table."""
    op.execute(
        """
        create table ledger.local_team (
            feed text not null,
            local_team text not null,
            service text not null,
            primary key (feed, local_team)
        );
        comment on table ledger.local_team is
          'One row for each local team of each feed whose service the contracts know.';
        comment on column ledger.local_team.local_team is 'The sender''s own number of the team.';
        """
    )
