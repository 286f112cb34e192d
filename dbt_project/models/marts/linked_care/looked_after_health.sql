-- One row for each child and year to 31 March in which the child had been looked after for at least twelve months: by the
-- council's return on outcomes, or by its episodes.
-- What the council's return says and what the health service's contacts say stand side by side; neither mends the other.
with {{ told_runs({
    'looked after health': "(select feed from " ~ ref('contacts') ~ " where service = 'looked after children''s health') as told",
    'mental health': "(select feed from " ~ ref('contacts') ~ " where source = 'mhsds') as told",
}) }},

-- A year that the council's return tells of, and which of its tables came for it.
years as (
    select
        period_end as year_ended_on,
        bool_or(table_name = 'missing') as has_missing,
        bool_or(table_name = 'reviews') as has_reviews
    from {{ source('ledger', 'table_in_build') }}
    where feed in (select feed from {{ ref('stg_ssda903__episodes') }} union select feed from {{ ref('stg_ssda903__oc2') }})
        and extract(month from period_end) = 3
    group by period_end
),

months_told as (
    select
        years.year_ended_on
        {%- for what in ('looked after health', 'mental health') %},
        count(*) filter (where told_months.what = '{{ what }}') as {{ what | replace(' ', '_') }}
        {%- endfor %}
    from years
    left join told_months
        on told_months.month > years.year_ended_on - interval '1 year' and told_months.month <= years.year_ended_on
    group by years.year_ended_on
),

-- Episodes one after the other without a day between them are one period of being looked after. Short breaks (V3, V4) are
-- none, as in the return.
episodes as (
    select
        *,
        coalesce(
            started_on > 1 + max(coalesce(ended_on, 'infinity')) over (
                partition by person_id order by started_on, looked_after_episode_id
                rows between unbounded preceding and 1 preceding
            ), true
        ) as begins_anew
    from {{ ref('looked_after_episodes') }}
    where person_id is not null and coalesce(legal_status_code, '') not in ('V3', 'V4')
),

with_period as (
    select
        *,
        max(started_on) filter (where begins_anew) over (
            partition by person_id order by started_on, looked_after_episode_id
        ) as looked_after_since
    from episodes
),

by_episodes as (
    select years.year_ended_on, episodes.person_id, max(episodes.looked_after_since) as looked_after_since
    from with_period as episodes
    inner join years
        on episodes.started_on <= years.year_ended_on
        and coalesce(episodes.ended_on > years.year_ended_on, true)
    group by years.year_ended_on, episodes.person_id
),

-- A new placement begins with any new episode but one of legal status only (L).
placements as (
    select
        years.year_ended_on,
        episodes.person_id,
        count(*) filter (
            where episodes.reason_for_new_episode_code is distinct from 'L'
                or episodes.started_on <= years.year_ended_on - interval '1 year'
        ) as placements
    from with_period as episodes
    inner join years
        on episodes.started_on <= years.year_ended_on
        and coalesce(episodes.ended_on > years.year_ended_on - interval '1 year', true)
    group by years.year_ended_on, episodes.person_id
),

returned as (
    select distinct on (membership.person_id, years.year_ended_on)
        membership.person_id,
        years.year_ended_on,
        told.sdq_score,
        told.sdq_reason_code,
        told.has_health_check,
        told.has_immunisations,
        told.has_teeth_check,
        told.has_health_assessment,
        told.has_substance_misuse
    from {{ ref('stg_ssda903__oc2') }} as told
    inner join years on years.year_ended_on = told.period_end
    inner join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id = {{ person_record_id('told.organisation', 'person_file', 'told.local_person_id') }}
    where told.superseded_at is null
    order by membership.person_id, years.year_ended_on, told.delivery_id desc, told.line_number desc
),

children as (
    select
        coalesce(returned.person_id, by_episodes.person_id) as person_id,
        coalesce(returned.year_ended_on, by_episodes.year_ended_on) as year_ended_on,
        returned.person_id is not null as is_in_return,
        by_episodes.looked_after_since,
        returned.sdq_score,
        returned.sdq_reason_code,
        returned.has_health_check,
        returned.has_immunisations,
        returned.has_teeth_check,
        returned.has_health_assessment,
        returned.has_substance_misuse
    from returned
    full join by_episodes
        on by_episodes.person_id = returned.person_id and by_episodes.year_ended_on = returned.year_ended_on
    where returned.person_id is not null
        or by_episodes.looked_after_since <= by_episodes.year_ended_on - interval '1 year' + interval '1 day'
),

{%- for what, table, on_day in [('missing', 'missing', 'started_on'), ('reviews', 'reviews', 'reviewed_on')] %}

{{ what }} as (
    select years.year_ended_on, membership.person_id, count(distinct told.{{ on_day }}) as times
    from {{ ref('stg_ssda903__' ~ table) }} as told
    inner join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id = {{ person_record_id('told.organisation', 'person_file', 'told.local_person_id') }}
    inner join years
        on told.{{ on_day }} > years.year_ended_on - interval '1 year' and told.{{ on_day }} <= years.year_ended_on
    where told.superseded_at is null{{ " and told.absence_code = 'M'" if what == 'missing' }}
    group by years.year_ended_on, membership.person_id
),
{%- endfor %}

contacts_of_children as (
    select
        children.person_id,
        children.year_ended_on,
        max(contacts.contact_on) filter (
            where contacts.source = 'csds' and contacts.contact_on <= children.year_ended_on - interval '1 year'
        ) as last_health_contact_before,
        min(contacts.contact_on) filter (
            where contacts.source = 'csds' and contacts.contact_on > children.year_ended_on - interval '1 year'
        ) as first_health_contact_on,
        count(*) filter (
            where contacts.source = 'csds' and contacts.contact_on > children.year_ended_on - interval '1 year'
        ) as health_contacts,
        count(*) filter (
            where contacts.source = 'mhsds' and contacts.contact_on > children.year_ended_on - interval '1 year'
        ) as mental_health_contacts,
        string_agg(distinct contacts.organisation, ', ' order by contacts.organisation) filter (
            where contacts.source = 'csds' and contacts.contact_on > children.year_ended_on - interval '1 year'
        ) as health_contacts_by
    from children
    inner join {{ ref('contacts') }} as contacts
        on contacts.person_id = children.person_id
        and contacts.contact_on <= children.year_ended_on
        and contacts.attendance = 'attended'
        and (contacts.service = 'looked after children''s health' or contacts.source = 'mhsds')
    group by children.person_id, children.year_ended_on
),

dated as (
    select
        children.*,
        persons.born_on,
        contacts.last_health_contact_before,
        contacts.first_health_contact_on,
        contacts.health_contacts_by,
        case when months_told.looked_after_health > 0 then coalesce(contacts.health_contacts, 0) end as health_contacts,
        months_told.looked_after_health as health_months_told,
        case when months_told.mental_health > 0 then coalesce(contacts.mental_health_contacts, 0) end
            as mental_health_contacts,
        months_told.mental_health as mental_health_months_told,
        case when persons.born_on + interval '5 years' > children.year_ended_on then 2
            when persons.born_on is not null then 1 end as health_assessments_due,
        -- Within 20 working days of coming into care (statutory guidance on the health of looked after children, 2015);
        -- without an earlier contact, by the end of the year at the latest, and for children under five by half of it.
        {{ working_days_after('children.looked_after_since', 20) }} as first_health_assessment_due_on,
        coalesce(
            {{ health_assessment_due_after('contacts.last_health_contact_before', 'persons.born_on') }},
            case
                when persons.born_on + interval '5 years' > children.year_ended_on - interval '1 year'
                    then cast(children.year_ended_on - interval '6 months' as date)
                when persons.born_on is not null then children.year_ended_on
            end
        ) as health_assessment_due_on
    from children
    left join {{ ref('persons') }} as persons on persons.person_id = children.person_id
    left join months_told on months_told.year_ended_on = children.year_ended_on
    left join contacts_of_children as contacts
        on contacts.person_id = children.person_id and contacts.year_ended_on = children.year_ended_on
)

select
    dated.person_id,
    dated.year_ended_on,
    dated.is_in_return,
    dated.looked_after_since,
    cast(extract(year from age(dated.year_ended_on, dated.born_on)) as integer) as age_at_year_end,
    dated.first_health_assessment_due_on,
    dated.health_assessment_due_on,
    dated.health_assessments_due,
    dated.first_health_contact_on,
    dated.health_contacts,
    dated.health_contacts_by,
    dated.health_months_told,
    case when dated.health_months_told = 12
        then coalesce(dated.first_health_contact_on <= dated.health_assessment_due_on, false) end as was_seen_on_time,
    case when dated.health_months_told = 12 then dated.health_contacts >= dated.health_assessments_due end as was_seen_as_due,
    dated.has_health_assessment,
    case when dated.health_months_told = 12
        then dated.has_health_assessment = (dated.health_contacts >= dated.health_assessments_due) end as do_sources_agree,
    dated.has_health_check,
    dated.has_immunisations,
    dated.has_teeth_check,
    dated.sdq_score,
    dated.sdq_reason_code,
    dated.has_substance_misuse,
    placements.placements,
    case when years.has_missing then coalesce(missing.times, 0) end as missing_episodes,
    case when years.has_reviews then coalesce(reviews.times, 0) end as reviews,
    dated.mental_health_contacts,
    dated.mental_health_months_told
from dated
left join years on years.year_ended_on = dated.year_ended_on
left join placements on placements.person_id = dated.person_id and placements.year_ended_on = dated.year_ended_on
left join missing on missing.person_id = dated.person_id and missing.year_ended_on = dated.year_ended_on
left join reviews on reviews.person_id = dated.person_id and reviews.year_ended_on = dated.year_ended_on
