"""What receiving remembers: the shape of landing, and what was seen in the outboxes."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the two tables."""
    op.execute(
        """
        create table ledger.landing_shape (
          only_row boolean primary key default true check (only_row),
          shape text not null,
          prepared_at timestamptz not null default now());
        comment on table ledger.landing_shape is 'One row: the digest of the contracts for which landing was last prepared.';

        create table ledger.arrival (
          source text not null,
          signature text not null,
          delivery_id bigint not null references ledger.delivery,
          first_seen_at timestamptz not null default now(),
          primary key (source, signature));
        comment on table ledger.arrival is
          'What was seen in an outbox: the folder, a digest of its file names, sizes and times, and the delivery it became or repeats.';

        grant select, insert, update, delete on ledger.landing_shape, ledger.arrival to cares_pipeline;
        grant select on ledger.arrival to cares_engineer, cares_governance;
        """
    )


def downgrade() -> None:
    """Drop the two tables."""
    op.execute("drop table ledger.arrival; drop table ledger.landing_shape")
