-- What rows_accounted_for says to stand in a mart of events is what the rows of that mart were made from.
with counted as (
    select staging_table, sum(rows) as rows
    from {{ ref('rows_accounted_for') }}
    where is_in_a_mart
    group by staging_table
),

standing as (
    select 'stg_apc__episodes' as staging_table, sum(source_rows) as rows from {{ ref('hospital_stays') }}
    union all
    select 'stg_cld__events', sum(source_rows) from {{ ref('social_care_events') }}
    union all
    select 'stg_ssda903__episodes', sum(source_rows) from {{ ref('looked_after_episodes') }}
    union all
    select 'stg_housing__household_members', sum(source_rows) from {{ ref('tenancies') }}
    union all
    select 'stg_ecds__attendances', sum(source_rows) from {{ ref('attendances') }} where source = 'ecds'
    union all
    select 'stg_outpatients__attendances', sum(source_rows) from {{ ref('attendances') }} where source = 'outpatients'
    union all
    select 'stg_csds__referrals', sum(source_rows) from {{ ref('referrals') }} where source = 'csds'
    union all
    select 'stg_mhsds__referrals', sum(source_rows) from {{ ref('referrals') }} where source = 'mhsds'
    union all
    select 'stg_vcse_referrals__referrals', sum(source_rows) from {{ ref('referrals') }} where source = 'vcse_referrals'
    union all
    select 'stg_csds__care_contacts', sum(source_rows) from {{ ref('contacts') }} where source = 'csds'
    union all
    select 'stg_mhsds__care_contacts', sum(source_rows) from {{ ref('contacts') }} where source = 'mhsds'
    {%- for table, kind in [
        ('gp_summary__appointments', 'appointment'), ('gp_summary__problems', 'problem'),
        ('gp_summary__medication', 'medication'), ('gp_summary__results', 'result')] %}
    union all
    select 'stg_{{ table }}', sum(source_rows) from {{ ref('int_gp_events') }}
    where kind = '{{ kind }}' and 'gp/' || gp_event_id in (select care_event_id from {{ ref('care_timeline') }})
    {%- endfor %}
    {%- for table, kind in [
        ('contact_cares__contacts', 'front door contact'), ('annex_a__contacts', "children''s social care contact"),
        ('fire_visits__visits', 'fire visit'), ('police_incidents__people', 'police incident'),
        ('mhsds__hospital_spells', 'mental health stay')] %}
    union all
    select 'stg_{{ table }}', sum(source_rows) from {{ ref('int_other_events') }}
    where kind = '{{ kind }}' and care_event_id in (select care_event_id from {{ ref('care_timeline') }})
    {%- endfor %}
)

select standing.staging_table, standing.rows, counted.rows as counted_rows
from standing
left join counted on counted.staging_table = standing.staging_table
where coalesce(standing.rows, 0) <> coalesce(counted.rows, 0)
