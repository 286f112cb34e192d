"""What a rule of a contract says in SQL, for Great Expectations and for the findings alike.

Every predicate is true where the rule is kept. It reads text columns, can never raise, and puts cheap
tests before regular expressions. A blank value keeps every rule on one column but those on being filled; in a
rule on several columns or rows, a blank is none of the codes, and a day that is none cannot be compared: in `when`
that is not met, in `expect` not broken.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from cares.contracts import CodeList, Feed, Pattern, Period, Rule, Table
from cares.table_rules import Comparison, Conditions, Lasting, Reference, TableRule, reference


@dataclass(frozen=True)
class Surroundings:
    """What a predicate depends on besides the row: the file, its siblings by table, feed, period, the day of receipt."""

    table: Table
    feed: Feed
    version: str
    file_of_table: dict[str, int]
    period: Period
    received_on: date


def literal(value: str) -> str:
    """A value as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def kept(rule: Rule, around: Surroundings) -> str:
    """The SQL expression that is true where a row keeps `rule`; for every rule but `unique`.

    It reads the rows that `rows_to_judge` gives. `unique` looks at several: see `repeated`.
    """
    if rule.kind == "in_version":
        return "false"
    if rule.kind == "conditions":
        return _RuleInSql(rule.argument, around, {}).kept
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


def rows_to_judge(rules: Iterable[Rule], around: Surroundings, columns: str = "*") -> str:
    """The SQL that gives the rows of the file as predicates read them.

    Beside the landed columns it has what rules on several columns or rows derive from them: each day once, and what
    neighbours say, in one sort of the rows for each order.
    """
    derived: dict[str, _Derived] = {}
    for rule in rules:
        if rule.kind == "conditions":
            assert _RuleInSql(rule.argument, around, derived).kept
    file_id = around.file_of_table[around.table.name]
    query = f"select {columns} from landing.{identifier(around.table.landing_name)} where file_id = {file_id}"
    for step in sorted({one.step for one in derived.values()}):
        added = ", ".join(f"{one.sql} as {name}" for name, one in derived.items() if one.step == step)
        # Without `offset 0` PostgreSQL would derive a day again wherever a predicate names it.
        query = f"select *, {added} from ({query}) as step_{step} offset 0"
    return query


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
    return _day(*_date_text(column, table))


def _day(text: str, ways: tuple[str, ...]) -> str:
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


@dataclass(frozen=True)
class _Derived:
    """A column that rules need beside the landed ones: its SQL, and the step in which it can be derived."""

    step: int
    sql: str


_NEIGHBOURS = {"previous": "lag({}, 1)", "second previous": "lag({}, 2)", "next": "lead({}, 1)"}
_HAS_NEIGHBOUR = {"previous": "{place} > 1", "second previous": "{place} > 2", "next": "{place} < {rows}"}
_PLACES = {
    "first": "{place} = 1",
    "not first": "{place} > 1",
    "last": "{place} = {rows}",
    "not last": "{place} < {rows}",
    "only": "{rows} = 1",
}
_DAYS_COMPARED = {
    "before": "<",
    "after": ">",
    "not_before": ">=",
    "not_after": "<=",
    "same_day_as": "=",
    "not_same_day_as": "<>",
}


class _RuleInSql:
    """A rule on several columns or rows in SQL; the columns that it derives are written into `derived`, by name.

    Their names have a space, which no column of a table has, and are short: columns go by their number in the table.
    """

    def __init__(self, rule: TableRule, around: Surroundings, derived: dict[str, _Derived]) -> None:
        self.rule = rule
        self.table = around.table
        self.history = around.table.history(rule)
        self.derived = derived
        self.numbers = {header: number for number, header in enumerate(around.table.column_names)}
        self.period_start, self.period_end = _day_literal(around.period.start), _day_literal(around.period.end)

    @property
    def kept(self) -> str:
        """True where a row keeps the rule; never null."""
        met = self._is_about
        if self.rule.at_most_rows:
            kept = f"count(*) filter (where {met}) over (partition by {self._key}) <= {self.rule.at_most_rows}"
            kept = self._derive(3, kept)
        elif self.rule.all_have_one:
            value = f"coalesce({self._text(Reference(self.rule.all_have_one))}, '')"
            ends = (f"{end}({value}) filter (where {met}) over (partition by {self._key})" for end in ("min", "max"))
            kept = self._derive(3, " = ".join(ends))
        elif self.rule.at_most:
            kept = self._lasts_at_most(self.rule.at_most, met)
        else:
            kept = self._met(self.rule.expect)
        return f"(not {met} or coalesce({kept}, true))"

    def _lasts_at_most(self, lasting: Lasting, met: str) -> str:
        begin = self._day(Reference(lasting.begins))
        end = f"coalesce({self._day(Reference(lasting.ends))}, {self.period_end})"
        if lasting.together == "each row":
            return f"{end} - {begin} <= {lasting.days}"
        if lasting.together == "within the period":
            days = f"(least({end}, {self.period_end}) - greatest({begin}, {self.period_start}))"
            total = self._derive(3, f"sum({days}) filter (where {met} and {days} > 0) over (partition by {self._key})")
            return f"({days} <= 0 or {total} <= {lasting.days})"
        together = f"partition by {self._key}, {met}"
        in_order = f"over ({together} order by {begin}, line_number)"
        is_apart = self._derive(3, f"({begin} > lag({end}) {in_order})::int")
        stretch = self._derive(4, f"coalesce(sum({is_apart}) {in_order}, 0)")
        total = self._derive(5, f"sum({end} - {begin}) over ({together}, {stretch})")
        return f"{total} <= {lasting.days}"

    @property
    def _is_about(self) -> str:
        """Whether the rule is about a row: it has the neighbours that the rule looks at, and meets `when`."""
        needed = [_HAS_NEIGHBOUR[neighbour] for neighbour in sorted({neighbour for neighbour, _ in self.rule.neighbours})]
        met = [self._placed(one) for one in needed]
        if self.rule.looks_at_several_rows:
            met.insert(0, f"{self._key} is not null")
        if self.rule.when:
            met.append(f"coalesce({self._met(self.rule.when)}, false)")
        return f"({' and '.join(met) or 'true'})"

    def _met(self, alternatives: Iterable[Conditions]) -> str:
        """Whether one of the alternatives is met; null where that hangs on a day that is none."""
        each = (" and ".join(self._holds(subject, said) for subject, said in one.items()) for one in alternatives)
        return f"({' or '.join(f'({one})' for one in each)})"

    def _holds(self, subject: str, said: Comparison) -> str:
        if said.place:
            return self._placed(_PLACES[said.place])
        compared = reference(subject)
        return " and ".join(self._clause(compared, word, argument) for word, argument in said.given.items())

    def _clause(self, subject: Reference, word: str, argument: Any) -> str:
        if word in _DAYS_COMPARED:
            return f"{self._day(subject)} {_DAYS_COMPARED[word]} {self._day(reference(argument))}"
        text = self._text(subject)
        match word:
            case "filled":
                return f"{text} is {'not null' if argument else 'null'}"
            case "one_of" | "none_of":
                among = f"coalesce({text} in ({', '.join(literal(code) for code in argument)}), false)"
                return among if word == "one_of" else f"not {among}"
            case "written_as":
                return f"coalesce({matches(text, self.table.patterns[argument])}, false)"
            case "same_as":
                return f"{text} is not distinct from {self._text(reference(argument))}"
            case _:
                return f"{text} is distinct from {self._text(reference(argument))}"

    def _text(self, said: Reference) -> str:
        """The text that a reference names, without spaces around it; null where it is blank."""
        column = identifier(self.table.column_names[said.header or ""])
        return f"nullif(btrim({self._of_neighbour(said, column)}), '')"

    def _day(self, said: Reference) -> str:
        """The day that a reference names; null where it is none."""
        if said.header:
            text, ways = _date_text(self.table.column_names[said.header], self.table)
            own = self._derive(1, _day(text, ways), f"day {self.numbers[said.header]}")
            day = self._of_neighbour(said, own)
        elif isinstance(said.fixed, date):
            day = _day_literal(said.fixed)
        else:
            day = self.period_start if said.fixed == "period start" else self.period_end
        for number, unit in said.shifts:
            day = f"({day} + interval '{number} {unit}')::date"
        return day

    def _of_neighbour(self, said: Reference, column: str) -> str:
        if not said.neighbour:
            return column
        return self._derive(2, f"{_NEIGHBOURS[said.neighbour].format(column)} {self._in_order}")

    def _placed(self, where: str) -> str:
        place = self._derive(2, f"row_number() {self._in_order}")
        rows = self._derive(2, f"count(*) over (partition by {self._key})")
        return where.format(place=place, rows=rows)

    @property
    def _in_order(self) -> str:
        assert self.history
        order = [self._order(Reference(header)) for header in self.history.in_order_of]
        return f"over (partition by {self._key} order by {', '.join([*order, 'line_number'])})"

    def _order(self, said: Reference) -> str:
        return self._day(said) if self.table.is_date(said.header or "") else self._text(said)

    @property
    def _key(self) -> str:
        """What the rows of a history have in common; null where that is blank."""
        assert self.history
        return self._derive(1, self._text(Reference(self.history.of)), f"key {self.numbers[self.history.of]}")

    def _derive(self, step: int, sql: str, name: str | None = None) -> str:
        """The name of the column that holds `sql`, which is derived once however many rules need it."""
        name = identifier(name or f"derived {zlib.crc32(sql.encode()):08x} {len(sql)}")
        self.derived.setdefault(name, _Derived(step, sql))
        return name


def _day_literal(day: date) -> str:
    return f"date {literal(day.isoformat())}"
