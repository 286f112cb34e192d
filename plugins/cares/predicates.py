"""What a rule of a contract says in SQL, for Great Expectations and for the findings alike.

Every predicate is true where the rule is kept. It reads text columns, can never raise, and puts cheap
tests before regular expressions. A blank value keeps every rule but those on being filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from cares.contracts import CodeList, Feed, Pattern, Rule, Table


@dataclass(frozen=True)
class Surroundings:
    """What a predicate depends on besides the row: the file, its siblings by table, the feed, the day of receipt."""

    table: Table
    feed: Feed
    version: str
    file_of_table: dict[str, int]
    received_on: date


def literal(value: str) -> str:
    """A value as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def kept(rule: Rule, around: Surroundings) -> str:
    """The SQL expression that is true where a row keeps `rule`; for rules that look at one row.

    `unique` looks at several rows: see `repeated`.
    """
    if rule.kind == "in_version":
        return "false"
    assert rule.column is not None
    value = identifier(rule.column)
    match rule.kind:
        case "filled":
            return f"coalesce(btrim({value}), '') <> ''"
        case "filled_when":
            other = identifier(around.table.column_names[rule.argument.column])
            states = ", ".join(literal(state) for state in rule.argument.is_one_of)
            return f"(coalesce(btrim({value}), '') <> '' or coalesce(btrim({other}), '') not in ({states}))"
        case "not_before":
            earlier = day_of(around.table.column_names[rule.argument], around.table)
            return f"({value} is null or coalesce({day_of(rule.column, around.table)} >= {earlier}, true))"
        case "not_in_future":
            return f"({value} is null or {_not_after(rule.column, around)})"
    return _blank_or(value, lambda text: _test(rule, text, around))


def _blank_or(value: str, test: Callable[[str], str]) -> str:
    """Blank, or passing the test: as it stands, which nearly every value does, or else without spaces around it."""
    trimmed = f"btrim({value})"
    return f"({value} is null or {test(value)} or {trimmed} = '' or {test(trimmed)})"


def _test(rule: Rule, text: str, around: Surroundings) -> str:
    match rule.kind:
        case "one_of":
            return _in_code_list(text, rule.argument, around)
        case "at_most_characters":
            return f"length({text}) <= {int(rule.argument)}"
        case "between":
            low, high = rule.argument
            digits = f"octet_length({text}) <= 18 and translate({text}, '0123456789', '') = ''"
            number = f"octet_length({text}) <= 30 and {text} ~ '^-?[0-9]+([.][0-9]+)?$'"
            return (
                f"(case when {digits} and {text} <> '' then {text}::bigint between {low} and {high} "
                f"when {number} then {text}::numeric between {low} and {high} else false end)"
            )
        case "refers_to":
            return _refers_to(text, rule, around)
        case pattern_name:
            return matches(text, around.table.patterns[pattern_name])


def can_be_judged(rule: Rule, around: Surroundings) -> bool:
    """Whether the delivery has what the rule looks at: a reference to another table needs that table's file."""
    return rule.kind != "refers_to" or rule.argument.partition(".")[0] in around.file_of_table


def repeated(rule: Rule, around: Surroundings) -> tuple[str, ...]:
    """The columns whose combination a `unique` rule allows once."""
    headers = rule.argument if rule.header is None else (rule.header,)
    return tuple(around.table.column_names[header] for header in headers)


def matches(text: str, pattern: Pattern) -> str:
    """The SQL expression that is true where the text expression `text`, without spaces around it, has a pattern's shape."""
    if "case" in pattern.ignoring:
        text = f"upper({text})"
    ignored = "".join(character for word, character in (("spaces", " "), ("dashes", "-")) if word in pattern.ignoring)
    bare = f"translate({text}, {literal(ignored)}, '')" if ignored else text
    if pattern.dates:
        return f"({' or '.join(_is_date(text, written) for written in pattern.dates)})"
    if pattern.check == "nhs_number":
        return f"({_is_nhs_number(text)} or {_is_nhs_number(bare)})"
    return f"{bare} ~ {literal(f'^(?:{pattern.matches})$')}"


def day_of(column: str, table: Table) -> str:
    """The SQL expression for the day that a text column holds, null where it is not a real date.

    How the day is written comes from the column's own date pattern; raises ValueError when it has none.
    """
    text, ways = _date_text(column, table)
    days = []
    for written in ways:
        numbers = ", ".join(f"{_part(text, written, letter)}::int" for letter in "YMD")
        days.append(f"when {_is_date(text, written)} then make_date({numbers})")
    return f"case {' '.join(days)} end"


def _not_after(column: str, around: Surroundings) -> str:
    """True unless the column holds a real date after the day of receipt; years are compared first, as they decide most."""
    text, ways = _date_text(column, around.table)
    later = f"{day_of(column, around.table)} > date {literal(around.received_on.isoformat())}"
    if len(ways) > 1:
        return f"coalesce(not {later}, true)"
    year = literal(str(around.received_on.year))
    return f"(case when {_part(text, ways[0], 'Y')} < {year} then true else coalesce(not {later}, true) end)"


def _date_text(column: str, table: Table) -> tuple[str, tuple[str, ...]]:
    header = next(header for header, name in table.column_names.items() if name == column)
    for expectation in table.file.columns[header].we_expect:
        pattern = table.patterns.get(expectation.expect or "")
        if pattern and pattern.dates:
            return f"btrim({identifier(column)})", pattern.dates
    raise ValueError(f"{table.format}/{table.name}: {header} is compared as a date but expects no date pattern")


def _in_code_list(text: str, name: str, around: Surroundings) -> str:
    code_list: CodeList = around.table.code_lists[name]
    accepted = [*around.table.codes(name, around.version), *around.feed.file.local_codes.get(name, {})]
    if "spaces" in code_list.ignoring:
        text = f"replace({text}, ' ', '')"
        accepted = [code.replace(" ", "") for code in accepted]
    if "case" in code_list.ignoring:
        text = f"lower({text})"
        accepted = [code.lower() for code in accepted]
    return f"{text} in ({', '.join(literal(code) for code in accepted)})"


def _refers_to(text: str, rule: Rule, around: Surroundings) -> str:
    other, _, header = rule.argument.partition(".")
    file_id = around.file_of_table[other]
    table = f"landing.{identifier(f'{around.table.format}__{other}')}"
    column = identifier(around.feed.format.tables[other].column_names[header])
    known = f"select btrim({column}) from {table} where file_id = {file_id} and {column} is not null"
    return f"{text} in ({known})"


def _part(text: str, written: str, letter: str) -> str:
    return f"substr({text}, {written.index(letter) + 1}, {written.count(letter)})"


def _is_date(text: str, written: str) -> str:
    """True for a real day from 1850 to 2150. Parts are compared as text, which costs a tenth of casting them."""
    year, month, day = (_part(text, written, letter) for letter in "YMD")
    shape = re.sub("[YMD]", "0", written)
    leap = f"mod({year}::int, 4) = 0 and (mod({year}::int, 100) <> 0 or mod({year}::int, 400) = 0)"
    last_days = (
        f"({day} between '29' and '30' and {month} <> '02') or ({day} = '29' and {leap}) "
        f"or ({day} = '31' and {month} in ('01', '03', '05', '07', '08', '10', '12'))"
    )
    real = f"{month} between '01' and '12' and {year} between '1850' and '2150' and ({day} between '01' and '28' or {last_days})"
    return f"(case when translate({text}, '123456789', '000000000') = '{shape}' then {real} else false end)"


def _is_nhs_number(text: str) -> str:
    """Ten digits, the last agreeing with the others by modulus 11 (NHS Data Dictionary: NHS NUMBER), not all the same."""
    shape = f"octet_length({text}) = 10 and translate({text}, '0123456789', '') = ''"
    weighted = " + ".join(f"{11 - place} * mod({text}::bigint / {10 ** (10 - place)}, 10)" for place in range(1, 10))
    check = f"mod(11 - mod({weighted}, 11), 11) = mod({text}::bigint, 10)"
    return f"(case when {shape} then {check} and mod({text}::bigint, 1111111111) <> 0 else false end)"
