"""Contact Cares: the cases that its desk sees, and the people who were referred through it.

Taken from staging whenever the person index was brought up to date, so that the desk's view rests on no table that a build
makes anew.
"""

from __future__ import annotations

from cares import warehouse

# ISAH was the desk before Contact Cares; Halton's staff came with the latter.
FEED = "council/contact_cares"
_STAGED = ("staging.stg_contact_cares__contacts", "staging.stg_contact_cares__onward_referrals")
_COLUMNS = (
    "feed", "contact_id", "file_id", "line_number", "forename", "surname", "born_on", "address", "postcode", "phone", "adult_or_child", "channel",
    "tier_code", "urgency", "received_on", "received_at", "first_responded_at", "assessed_at", "closed_on",
    "staff_organisation", "requester_code", "reason_code", "outcome",
)  # fmt: skip


def take_up() -> None:
    """Bring the cases, the people referred through Contact Cares and whom they were referred to, to what staging says."""
    columns = ", ".join(_COLUMNS)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if not warehouse.is_there(connection, *_STAGED):
            return
        for table in ("contact_cares_case", "contact_cares_person", "contact_cares_referral"):
            connection.execute(f"delete from governance.{table}".encode())
        connection.execute(
            f"""
            insert into governance.contact_cares_case (person_record_id, {columns})
            select distinct on (feed, contact_id) organisation || '/contact_cares/' || local_person_id, {columns}
            from staging.stg_contact_cares__contacts
            where superseded_at is null and contact_id is not null
            order by feed, contact_id, period_end desc, delivery_id desc, line_number desc
            """.encode()
        )
        connection.execute(
            """
            insert into governance.contact_cares_person (person_id, last_contact_on)
            select membership.person_id, max(one.received_on)
            from governance.contact_cares_case as one
            join person_index.membership using (person_record_id)
            where one.feed = %s and membership.valid_to is null
            group by membership.person_id
            """,
            (FEED,),
        )
        connection.execute(
            """
            insert into governance.contact_cares_referral (person_id, organisation)
            select distinct membership.person_id, opener.organisation
            from staging.stg_contact_cares__onward_referrals as referral
            join governance.contact_cares_case as one using (feed, contact_id)
            join person_index.membership using (person_record_id)
            join governance.record_opener as opener
                on lower(referral.referred_to_organisation) in (lower(opener.name), replace(opener.organisation, '_', ' '))
            where referral.superseded_at is null and membership.valid_to is null
            """
        )
