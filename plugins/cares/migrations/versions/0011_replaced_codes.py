"""Codes that a later version of their format calls otherwise."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column."""
    op.execute(
        """
        alter table ledger.code add column replaced_by text;
        comment on column ledger.code.replaced_by is
          'The code of the same list by which later versions of the format say the same; empty: none does.';
        """
    )
