"""Which feeds may have told of which person record, so that nobody is shown for a purpose whom no agreed feed tells of."""

from __future__ import annotations

from cares import warehouse


def keep() -> None:
    """After an update of the person index: remember the feeds of each person record of the build being built.

    What was remembered stays, because earlier builds may be read again. Where an organisation sends one format by several
    feeds, they number their people alike or begin each number with the feed (see `person_rows` in dbt): in the first case
    each of them may have told of the record.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute(
            """
            with sent as materialized (
                select distinct organisation, format, feed from ledger.delivery where state in ('accepted', 'superseded')
            ),
            told as (
                select distinct person_record_id, organisation, format,
                    split_part(person_record_id, '/', 1) || '/' || split_part(person_record_id, '/', 2) as first_words
                from intermediate.int_person_rows
            )
            insert into governance.person_record_feed (person_record_id, feed)
            select distinct told.person_record_id, sent.feed
            from told join sent using (organisation, format)
            where sent.feed = told.first_words or told.first_words not in (select feed from sent)
            on conflict do nothing
            """
        )
