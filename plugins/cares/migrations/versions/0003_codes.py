"""The code lists of the contracts, for marts that may show known codes only."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        create table ledger.code (
            format text not null,
            code_list text not null,
            code text not null,
            means text not null,
            since text,
            until text,
            primary key (format, code_list, code)
        );
        comment on table ledger.code is 'One row for each accepted code of each code list, as the contracts have it.';
        comment on column ledger.code.since is 'The first version of the format that accepts it; empty: from the start.';
        comment on column ledger.code.until is 'The last version of the format that accepts it; empty: to this day.';
        """
    )
