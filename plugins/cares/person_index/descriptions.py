"""Descriptions made comparable: one spelling for each name, date, address and number.

What a source sent stays as it was sent in its own table. Here only the columns are made by which descriptions are
compared. Two person records that are described in the same words share one description, so that what is known already
need not be compared again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

import duckdb
import pyarrow as pa
import yaml

# To be raised whenever values are cleaned otherwise than before: all descriptions are made anew then.
CLEANING = 1

# What `prepare` reads, and the type that each column is read as; those that a table lacks are empty.
COLUMNS = {
    "record_id": "varchar",
    "source": "varchar",
    "nhs_number": "varchar",
    "is_nhs_number_verified": "boolean",
    "forename": "varchar",
    "middle_name": "varchar",
    "surname": "varchar",
    "date_of_birth": "varchar",
    "sex": "varchar",
    "address": "varchar",
    "postcode": "varchar",
    "uprn": "varchar",
    "phone": "varchar",
    "is_current": "boolean",
    "has_identity_change": "boolean",
}

# What two descriptions are compared by. Descriptions that agree in all of these are one.
COMPARABLE = (
    "nhs_number",
    "forename",
    "middle_name",
    "surname",
    "born_on",
    "sex",
    "house",
    "street",
    "postcode",
    "uprn",
    "phone",
)

_LETTERS_WITHOUT_ACCENTS = "translate(upper(strip_accents({0})), 'ŁØĐÐÞŒÆßı', 'LODDTOASI')"

# Words that stand where a name is not known.
_NO_NAME = """('BABY', 'BABYBOY', 'BABYGIRL', 'BOY', 'GIRL', 'INFANT', 'TWIN', 'UNKNOWN', 'NOTKNOWN', 'UNKNOWNNAME', 'UNNAMED',
    'NONAME', 'NAME', 'MALE', 'FEMALE', 'NA', 'NONE', 'NULL', 'ANON', 'ANONYMOUS', 'TEST', 'NFN', 'NLN', 'FNU', 'LNU', 'U',
    'TEMP', 'WITHHELD')"""
_TITLES = "^(MR|MRS|MISS|MS|DR|MASTER|REV|SIR|LADY|PROF) +"
# Parts of a surname that say nothing by themselves.
_PARTICLES = "['VAN', 'VON', 'DE', 'DER', 'DEN', 'DI', 'DA', 'DO', 'DOS', 'LA', 'LE', 'EL', 'AL', 'BIN', 'BINT', 'O', 'MC', 'MAC', 'ST', 'TE', 'TEN']"

_STREET_WORDS = {
    "ROAD": "RD", "STREET": "ST", "AVENUE": "AVE", "AV": "AVE", "DRIVE": "DR", "LANE": "LN", "CLOSE": "CL", "COURT": "CT",
    "CRESCENT": "CRES", "PLACE": "PL", "GROVE": "GR", "GARDENS": "GDNS", "SQUARE": "SQ", "TERRACE": "TERR", "TCE": "TERR",
    "PARADE": "PDE", "CIRCUIT": "CCT", "HIGHWAY": "HWY", "SAINT": "ST", "MOUNT": "MT", "APARTMENT": "FLAT", "APT": "FLAT",
    "UNIT": "FLAT", "NUMBER": "", "NO": "",
}  # fmt: skip
_NO_HOME = "NO FIXED|HOMELESS|NFA|UNKNOWN|NOT KNOWN|NO ADDRESS|ADDRESS WITHHELD"
# Dates that systems put where none is known.
_NO_BIRTH_DATE = (
    "('1900-01-01', '1901-01-01', '1899-12-30', '1899-12-31', '1800-01-01', '1753-01-01', '1900-12-31', '1911-11-11')"
)
_DATE_FORMATS = "['%Y-%m-%d', '%d/%m/%Y', '%Y%m%d', '%d-%m-%Y', '%d.%m.%Y', '%d %b %Y', '%d-%b-%Y', '%d %B %Y', '%Y/%m/%d']"


@cache
def nickname_families() -> dict[str, list[int]]:
    """Each forename in capitals to the numbers of the families of `nicknames.yml` in which it stands."""
    cultures = yaml.load(resources.files(__package__).joinpath("nicknames.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    found: dict[str, list[int]] = {}
    for number, family in enumerate(family for families in cultures.values() for family in families):
        for name in family:
            letters = "".join(letter for letter in name.upper() if letter.isalpha())
            found.setdefault(letters, []).append(number)
    return found


def prepare(connection: duckdb.DuckDBPyConnection, table: str, alone: Iterable[str] = ()) -> None:
    """Make the tables `description` and `record_description` of a table of person records, which needs no cleaning before.

    `table` has columns of `COLUMNS`, `record_id` at least; `alone` are record ids that share their description with
    nobody, because a person decided so. `description` has `description_id` (a hash of its comparable columns, the same
    in every run), those columns, and what is needed to compare them; `record_description` has `record_id`, `source`,
    `description_id`, `is_verified` (of its NHS number), `is_current` and `is_changed` (its identity, maybe), a row for each description of each record.
    Raises ValueError where the table has no `record_id`.
    """
    present = {name for (name, *_) in connection.execute(f"describe {table}").fetchall()}
    if "record_id" not in present:
        raise ValueError("the table has no column record_id, by which its records are told apart")
    asked = ", ".join(
        f"cast({name} as {kind}) as {name}" if name in present else f"cast(null as {kind}) as {name}"
        for name, kind in COLUMNS.items()
    )
    connection.execute(f"create or replace temporary view as_sent as select {asked} from {table}")
    connection.register("nickname_rows", _nickname_table())
    connection.register("alone_rows", pa.table({"record_id": pa.array(list(alone), pa.string())}))
    for column in ("forename", "middle_name", "surname"):
        connection.execute(_NAMES.format(column=column))
    connection.execute(_BIRTH_DATES)
    connection.execute(_ADDRESSES)
    connection.execute(_NUMBERS)
    connection.execute(_ROWS)
    connection.execute(_DESCRIPTIONS)
    connection.execute(
        """
        create or replace table record_description as
        select
            record_id, any_value(source) as source, description_id,
            bool_or(is_verified) as is_verified, bool_or(is_current) as is_current, bool_or(is_changed) as is_changed
        from described_row
        group by record_id, description_id
        """
    )
    for made in (
        "described_row",
        "forename_clean",
        "middle_name_clean",
        "surname_clean",
        "birth_clean",
        "address_clean",
        "nhs_clean",
    ):
        connection.execute(f"drop table {made}")


def _nickname_table() -> pa.Table:
    families = nickname_families()
    return pa.table({"name": list(families), "families": pa.array(list(families.values()), pa.list_(pa.int32()))})


# Values are cleaned once each, however many records hold them.
_NAMES = f"""
create or replace temporary table {{column}}_clean as
with value as (select distinct {{column}} as raw from as_sent where {{column}} is not null),
plain as (
    select
        raw,
        trim(regexp_replace(
            regexp_replace(
                regexp_replace({_LETTERS_WITHOUT_ACCENTS.format("raw")}, '[''’`´.]|-+ *', '', 'g'), '[^A-Z]+', ' ', 'g'
            ), '{_TITLES}', ''
        )) as words,
        {_LETTERS_WITHOUT_ACCENTS.format("raw")} as capitals
    from value
)
select
    raw,
    case
        when words <> '' then nullif(case when replace(words, ' ', '') not in {_NO_NAME} then words end, '')
        when regexp_matches(raw, '\\p{{{{L}}}}') then replace(trim(upper(raw)), ' ', '')
    end as words,
    regexp_split_to_array(trim(regexp_replace(capitals, '[^A-Z]+', ' ', 'g')), ' ') as parts
from plain
"""

_BIRTH_DATES = f"""
create or replace temporary table birth_clean as
with value as (select distinct date_of_birth as raw from as_sent where date_of_birth is not null),
read as (select raw, cast(try_strptime(left(trim(raw), 10 + 2 * cast(raw similar to '.*[A-Za-z].*' as integer)), {_DATE_FORMATS}) as date) as born_on from value)
select raw, born_on from read
where born_on is not null and born_on > date '1895-01-01' and born_on <= current_date
    and strftime(born_on, '%Y-%m-%d') not in {_NO_BIRTH_DATE}
"""

_ADDRESSES = f"""
create or replace temporary table address_clean as
with value as (select distinct address as raw from as_sent where address is not null),
capitals as (
    select raw, regexp_replace(
        {_LETTERS_WITHOUT_ACCENTS.format("raw")}, '[A-Z][A-Z]?[0-9][A-Z0-9]? *[0-9][A-Z][A-Z] *$', ''
    ) as text
    from value
),
words as (
    select
        raw,
        list_filter(
            list_transform(
                string_split(trim(regexp_replace(replace(text, '''', ''), '[^A-Z0-9]+', ' ', 'g')), ' '),
                lambda word: coalesce(street_word[word], word)
            ),
            lambda word: word <> ''
        ) as words
    from capitals, (select map({list(_STREET_WORDS)}, {list(_STREET_WORDS.values())}) as street_word) as known
    where not regexp_matches(text, '{_NO_HOME}')
),
placed as (
    select
        raw,
        words,
        list_filter(words, lambda word: word similar to '[0-9]+[A-Z]?') as numbers,
        len(words) - list_position(list_transform(list_reverse(words), lambda word: word similar to '[0-9]+[A-Z]?'), true) + 1 as last_number
    from words
)
select
    raw,
    nullif(array_to_string(numbers, '/'), '') as house,
    coalesce(words[last_number + 1], case when len(numbers) = 0 then words[1] end) as street
from placed
where len(words) > 0
"""

# The check digit: NHS Data Dictionary, NHS NUMBER; the ten repeated digits pass it and are nobody's.
_NUMBERS = f"""
create or replace temporary table nhs_clean as
with value as (select distinct nhs_number as raw from as_sent where nhs_number is not null),
digits as (select raw, regexp_replace(raw, '[ \\t\u00a0-]', '', 'g') as number from value)
select raw, number
from digits
where number similar to '[0-9]{{10}}'
    and number <> repeat(number[1], 10)
    and ({" + ".join(f"{11 - position} * (ascii(number[{position}]) - 48)" for position in range(1, 11))}) % 11 = 0
"""

_ROWS = f"""
create or replace temporary table described_row as
with cleaned as (
    select
        as_sent.record_id,
        as_sent.source,
        nhs.number as nhs_number,
        coalesce(as_sent.is_nhs_number_verified, false) and nhs.number is not null as is_verified,
        coalesce(as_sent.is_current, true) as is_current,
        coalesce(as_sent.has_identity_change, false) as is_changed,
        split_part(forename.words, ' ', 1) as forename,
        nullif(trim(concat_ws(
            ' ', case when contains(forename.words, ' ') then substr(forename.words, position(' ' in forename.words) + 1) end,
            middle.words
        )), '') as middle_name,
        replace(surname.words, ' ', '') as surname,
        surname.parts as surname_parts,
        birth.born_on,
        case upper(left(trim(as_sent.sex), 1)) when 'M' then 'M' when '1' then 'M' when 'F' then 'F' when '2' then 'F' end as sex,
        address.house,
        address.street,
        case
            when postcode_letters similar to 'ZZ99.*' then null
            when len(postcode_letters) between 3 and 8 then postcode_letters
        end as postcode,
        nullif(ltrim(regexp_replace(as_sent.uprn, '[^0-9]', '', 'g'), '0'), '') as uprn,
        case when len(phone_digits) >= 10 then right(phone_digits, 10) end as phone,
        alone.record_id is not null as is_alone
    from (
        select
            *,
            upper(regexp_replace(postcode, '[^A-Za-z0-9]', '', 'g')) as postcode_letters,
            regexp_replace(phone, '[^0-9]', '', 'g') as phone_digits
        from as_sent
    ) as as_sent
    left join nhs_clean as nhs on nhs.raw = as_sent.nhs_number
    left join forename_clean as forename on forename.raw = as_sent.forename
    left join middle_name_clean as middle on middle.raw = as_sent.middle_name
    left join surname_clean as surname on surname.raw = as_sent.surname
    left join birth_clean as birth on birth.raw = as_sent.date_of_birth
    left join address_clean as address on address.raw = as_sent.address
    left join alone_rows as alone on alone.record_id = as_sent.record_id
)
select
    *,
    -- Who is described so thinly that the words may fit several people is a description of its own.
    cast(md5_number_lower(concat_ws('|', {", ".join(f"coalesce(cast({column} as varchar), '')" for column in COMPARABLE)},
        array_to_string(surname_parts, ' '),
        -- An earlier number ties its record to others that had it, but separates nobody: it is not the number in force.
        case when not is_current and nhs_number is not null then 'earlier' end,
        case
            when is_alone or not (
                born_on is not null and forename is not null and surname is not null
                and (nhs_number is not null or postcode is not null or uprn is not null)
                or nhs_number is not null and born_on is not null and postcode is not null
            ) then record_id
        end
    )) >> 1 as bigint) as description_id
from cleaned
"""

_DESCRIPTIONS = f"""
create or replace table description as
with example as (select min(rowid) as place from described_row group by description_id),
one as (
    select description_id, {", ".join(COMPARABLE)}, surname_parts
    from described_row
    where rowid in (select place from example)
)
select
    one.*,
    left(postcode, len(postcode) - 2) as sector,
    nickname.families as forename_families,
    case when len(surname_parts) > 1 then
        list_filter(surname_parts, lambda part: len(part) > 2 and not list_contains({_PARTICLES}, part))
    end as surname_names,
    left(middle_name, 1) as middle_initial,
    strftime(born_on, '%Y%m%d') as born
from one
left join nickname_rows as nickname on nickname.name = one.forename
"""
