-- One row for each day from 2010, the year in which England's series of delayed days begins, to the day that the build sees.
select
    cast(started.day as date) as day,
    {{ month_of('started.day') }} as month,
    cast(extract(year from started.day - interval '3 months') as integer) as financial_year
from generate_series(timestamp '2010-01-01', cast({{ as_at_day() }} as timestamp), interval '1 day') as started (day)
