-- One row for each board, with what it is shown.
select
    board,
    of_whom,
    is_shown,
    source
from {{ ref('default_boards') }}
