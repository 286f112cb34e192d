"""Tables that no purpose needs, whose rows are counted and not landed; files that hold several tables."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the two columns."""
    op.execute(
        """
        alter table ledger.delivery_file
            add column part text,
            add column not_needed_rows bigint,
            add check (not_needed_rows is null or landed_rows = 0);
        comment on table ledger.delivery_file is
          'One row for each table of each file: received = landed + unreadable + not needed, landed = accepted + set aside + erased.';
        comment on column ledger.delivery_file.part is
          'Which part of the file the table is: the sheet of a workbook, or the element of an XML file. Empty where the file is one table.';
        comment on column ledger.delivery_file.stored_as is
          'The original''s path inside the protected store; empty where none of its tables is needed, so that it is not kept.';
        comment on column ledger.delivery_file.not_needed_rows is
          'Rows of a table that no purpose needs: counted, and not landed. Empty for a table that is landed.';
        """
    )
