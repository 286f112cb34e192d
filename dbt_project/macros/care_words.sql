{#- What the codes and words of the formats come to. -#}

{#- The kind of a social care event, matched loosely because dirty values occur. -#}
{% macro social_care_event_kind(column) -%}
case
    when lower({{ column }}) like 'request%' then 'request'
    when lower({{ column }}) like 'assess%' then 'assessment'
    when lower({{ column }}) like 'serv%' then 'service'
    when lower({{ column }}) like 'review%' then 'review'
end
{%- endmacro %}


{#- The place of a social care outcome in the hierarchy of the guidance to Client Level Data (as ASC-CLD-LA-Dashboard at
    9bee728 has it): of two outcomes of one event the one with the lower number counts. -#}
{% macro social_care_outcome_rank(column) -%}
case {{ column }}
    when 'Progress to reablement/ST-Max' then 1
    when 'Progress to assessment, review or reassessment' then 2
    when 'Progress to End of Life Care' then 3
    when 'Progress to financial assessment' then 3
    when 'Provision of service' then 3
    when 'Progress to support planning or services' then 4
    when 'Continuation of support or services' then 5
    when 'Admitted to hospital' then 6
    when 'NFA: Responsibility moved to another local authority' then 7
    when 'NFA: Referral to NHS services or NHS funded social care' then 8
    when 'NFA: Self-funded client or under 12wk disregard' then 9
    when 'NFA: Information and advice or signposting' then 10
    when 'NFA: Referral to other service within the local authority' then 11
    when 'NFA: Support declined' then 12
    when 'NFA: Deceased' then 13
    when 'NFA: Support ended as planned' then 14
    when 'NFA: Support ended for other reason' then 15
    when 'NFA: No services offered for other reason' then 16
    when 'NFA: Other' then 17
    else 999
end
{%- endmacro %}


{#- How somebody came into hospital, from the NHS admission method. -#}
{% macro admission_kind(column) -%}
case
    when {{ column }} like '1%' then 'elective'
    when {{ column }} like '2%' then 'emergency'
    when {{ column }} like '3%' then 'maternity'
    when {{ column }} like '8%' then 'birth or transfer'
end
{%- endmacro %}


{#- Chapter of ICD-10, from the first three characters. -#}
{% macro icd10_chapter(column) -%}
case
    when {{ column }} < 'C' then 'I infections'
    when {{ column }} < 'D50' then 'II neoplasms'
    when {{ column }} < 'E' then 'III blood'
    when {{ column }} < 'F' then 'IV endocrine and metabolic'
    when {{ column }} < 'G' then 'V mental and behavioural'
    when {{ column }} < 'H' then 'VI nervous system'
    when {{ column }} < 'H60' then 'VII eye'
    when {{ column }} < 'I' then 'VIII ear'
    when {{ column }} < 'J' then 'IX circulatory'
    when {{ column }} < 'K' then 'X respiratory'
    when {{ column }} < 'L' then 'XI digestive'
    when {{ column }} < 'M' then 'XII skin'
    when {{ column }} < 'N' then 'XIII musculoskeletal'
    when {{ column }} < 'O' then 'XIV genitourinary'
    when {{ column }} < 'P' then 'XV pregnancy and childbirth'
    when {{ column }} < 'Q' then 'XVI perinatal'
    when {{ column }} < 'R' then 'XVII congenital'
    when {{ column }} < 'S' then 'XVIII symptoms and signs'
    when {{ column }} < 'U' then 'XIX injury and poisoning'
    when {{ column }} < 'V' then 'XXII special purposes'
    when {{ column }} < 'Z' then 'XX external causes'
    when {{ column }} >= 'Z' then 'XXI contact with health services'
end
{%- endmacro %}


{#- Five years wide, 90 and over in one. -#}
{% macro age_band(born_on, on_day) -%}
case
    when {{ born_on }} is null or {{ on_day }} is null or {{ on_day }} < {{ born_on }} then null
    when {{ on_day }} >= {{ born_on }} + interval '90 years' then '90 and over'
    else format(
        '%s to %s',
        5 * floor(extract(year from age({{ on_day }}, {{ born_on }})) / 5),
        5 * floor(extract(year from age({{ on_day }}, {{ born_on }})) / 5) + 4)
end
{%- endmacro %}


{#- The first day of the month: as near to a date as an analyst comes. -#}
{% macro month_of(column) -%}
cast(date_trunc('month', {{ column }}) as date)
{%- endmacro %}
