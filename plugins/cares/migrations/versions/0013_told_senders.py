"""What of the letters has gone back to the senders of the deliveries."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table."""
    op.execute(
        """
        create table ledger.told_sender (
          delivery_id bigint primary key references ledger.delivery,
          written text not null,
          written_at timestamptz not null default now(),
          sent text,
          sent_at timestamptz);
        comment on table ledger.told_sender is
          'One row for each delivery on which a letter was written, and what of it has gone back to the sender.';
        comment on column ledger.told_sender.written is 'The SHA-256 of the letter as it stands, with its list of lines.';
        comment on column ledger.told_sender.sent is
          'That of the letter that was sent last; empty: none was. Sent again is only a letter that says something else.';
        """
    )
