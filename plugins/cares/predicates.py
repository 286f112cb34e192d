"""What a rule of a contract says in SQL, for Great Expectations and for the findings alike.

Every predicate is true where the rule is kept. It reads text columns, can never raise, and puts cheap
tests before regular expressions. A blank value keeps every rule but those on being filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cares.contracts import CodeList, Feed, Pattern, Rule, Table

_DATE_PARTS = {
    "DD/MM/YYYY": {"year": (7, 4), "month": (4, 2), "day": (1, 2), "separators": ((3, "/"), (6, "/"))},
    "YYYY-MM-DD": {"year": (1, 4), "month": (6, 2), "day": (9, 2), "separators": ((5, "-"), (8, "-"))},
    "YYYYMMDD": {"year": (1, 4), "month": (5, 2), "day": (7, 2), "separators": ()},
}


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
    blank = f"({value} is null or btrim({value}) = '')"
    match rule.kind:
        case "filled":
            return f"not {blank}"
        case "filled_when":
            other = identifier(around.table.column_names[rule.argument.column])
            states = ", ".join(literal(state) for state in rule.argument.is_one_of)
            return f"(not {blank} or coalesce(btrim({other}), '') not in ({states}))"
        case "one_of":
            test = _in_code_list(value, rule.argument, around)
        case "at_most_characters":
            test = f"length({value}) <= {int(rule.argument)}"
        case "between":
            low, high = rule.argument
            number = f"btrim({value})"
            shape = f"length({number}) <= 18 and {number} ~ '^-?[0-9]+([.][0-9]+)?$'"
            test = f"case when {shape} then {number}::numeric between {low} and {high} else false end"
        case "not_in_future":
            day = day_of(rule.column, around.table)
            test = f"coalesce({day} <= date {literal(around.received_on.isoformat())}, true)"
        case "not_before":
            day = day_of(rule.column, around.table)
            earlier = day_of(around.table.column_names[rule.argument], around.table)
            test = f"coalesce({day} >= {earlier}, true)"
        case "refers_to":
            return _refers_to(value, blank, rule, around)
        case pattern_name:
            test = matches(value, around.table.patterns[pattern_name])
    return f"({blank} or {test})"


def repeated(rule: Rule, around: Surroundings) -> tuple[str, ...]:
    """The columns whose combination a `unique` rule allows once, as quoted identifiers."""
    headers = rule.argument if rule.header is None else (rule.header,)
    return tuple(identifier(around.table.column_names[header]) for header in headers)


def matches(value: str, pattern: Pattern) -> str:
    """The SQL expression that is true where the text expression `value` has the shape of `pattern`."""
    text = f"btrim({value})"
    if "case" in pattern.ignoring:
        text = f"upper({text})"
    ignored = "".join(character for word, character in (("spaces", " "), ("dashes", "-")) if word in pattern.ignoring)
    if ignored:
        text = f"translate({text}, {literal(ignored)}, '')"
    if pattern.date:
        return _is_date(text, pattern.date)
    if pattern.check == "nhs_number":
        return _is_nhs_number(text)
    return f"{text} ~ {literal(f'^(?:{pattern.matches})$')}"


def day_of(column: str, table: Table) -> str:
    """The SQL expression for the day that a text column holds, null where it is not a real date.

    How the day is written comes from the column's own date pattern; raises ValueError when it has none.
    """
    header = next(header for header, name in table.column_names.items() if name == column)
    for expectation in table.file.columns[header].we_expect:
        pattern = table.patterns.get(expectation.expect or "")
        if pattern and pattern.date:
            text = f"btrim({identifier(column)})"
            parts = _DATE_PARTS[pattern.date]
            numbers = ", ".join(f"{_part(text, parts[name])}::int" for name in ("year", "month", "day"))
            return f"case when {_is_date(text, pattern.date)} then make_date({numbers}) end"
    raise ValueError(f"{table.format}/{table.name}: {header} is compared as a date but expects no date pattern")


def _in_code_list(value: str, name: str, around: Surroundings) -> str:
    code_list: CodeList = around.table.code_lists[name]
    accepted = [*around.table.codes(name, around.version), *around.feed.file.local_codes.get(name, {})]
    text = f"btrim({value})"
    if "spaces" in code_list.ignoring:
        text = f"replace({value}, ' ', '')"
        accepted = [code.replace(" ", "") for code in accepted]
    if "case" in code_list.ignoring:
        text = f"lower({text})"
        accepted = [code.lower() for code in accepted]
    return f"{text} in ({', '.join(literal(code) for code in accepted)})"


def _refers_to(value: str, blank: str, rule: Rule, around: Surroundings) -> str:
    other, _, header = rule.argument.partition(".")
    file_id = around.file_of_table.get(other)
    if file_id is None:
        return "true"
    table = f"landing.{identifier(f'{around.table.format}__{other}')}"
    column = identifier(around.feed.format.tables[other].column_names[header])
    known = f"select btrim({column}) from {table} where file_id = {file_id} and {column} is not null"
    return f"({blank} or btrim({value}) in ({known}))"


def _part(text: str, place: tuple[int, int]) -> str:
    return f"substr({text}, {place[0]}, {place[1]})"


def _is_date(text: str, written: str) -> str:
    parts = _DATE_PARTS[written]
    shape = [f"octet_length({text}) = {len(written)}"]
    shape += [f"substr({text}, {at}, 1) = {literal(mark)}" for at, mark in parts["separators"]]
    shape += [f"translate({_part(text, parts[name])}, '0123456789', '') = ''" for name in ("year", "month", "day")]
    year, month, day = (f"{_part(text, parts[name])}::int" for name in ("year", "month", "day"))
    real = (
        f"{year} between 1850 and 2150 and {month} between 1 and 12 and {day} >= 1 and ("
        f"{day} <= 28 or ({day} <= 30 and {month} <> 2) or ({day} = 31 and {month} in (1, 3, 5, 7, 8, 10, 12))"
        f" or ({day} = 29 and mod({year}, 4) = 0 and (mod({year}, 100) <> 0 or mod({year}, 400) = 0)))"
    )
    return f"(case when {' and '.join(shape)} then {real} else false end)"


def _is_nhs_number(text: str) -> str:
    shape = f"octet_length({text}) = 10 and translate({text}, '0123456789', '') = ''"
    total = " + ".join(f"{11 - place} * (ascii(substr({text}, {place}, 1)) - 48)" for place in range(1, 10))
    check = f"mod(11 - mod({total}, 11), 11) = ascii(substr({text}, 10, 1)) - 48"
    return f"(case when {shape} then {check} and {text} <> repeat(substr({text}, 1, 1), 10) else false end)"
