"""Functions of ours that anybody could call, because PostgreSQL lets everybody call a new function, are for the pipeline."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute(
        """
        revoke execute on function person_index.membership_as_at from public;
        grant execute on function person_index.membership_as_at to cares_pipeline;
        revoke execute on function ledger.keep_in_force from public;
        grant execute on function ledger.keep_in_force to cares_pipeline;
        """
    )
