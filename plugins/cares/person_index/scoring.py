"""Which descriptions are compared, and what each comparison weighs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker

from cares.person_index.descriptions import COLUMNS, prepare
from cares.person_index.model import COMPARISONS, DIFFERENT, FREQUENCY_COLUMN, LEAST_SHARE, UNKNOWN, USUAL_SHARE, Model

if TYPE_CHECKING:
    from splink.internals.splink_dataframe import SplinkDataFrame

# Pairs are compared where they agree in all parts of one of these. Two descriptions whose numbers are both known are
# looked for only where they are so alike that one of the numbers may be wrong.
ALIKE = (
    ("surname", "born"),
    ("forename", "born"),
    ("postcode", "born"),
    ("born", "forename[1]", "surname[1]"),
    ("forename", "surname", "born[1:4]"),
    ("forename", "surname", "born[5:8]"),
    ("forename", "surname", "sector"),
    ("postcode", "forename"),
    ("postcode", "surname", "forename[1]"),
    ("uprn", "forename[1]"),
    ("house", "street", "forename[1]", "surname[1]"),
    ("phone", "forename[1]"),
)
# Where nobody's number is known, nothing ties a person's records together but what they say: more is tried.
ALIKE_WITHOUT_NUMBERS = (
    ("house", "street"),
    ("street", "postcode"),
    ("surname", "postcode"),
    ("surname", "house"),
    ("forename", "house"),
    ("forename", "street"),
    ("born", "house"),
    ("born", "street"),
    ("born", "forename[1]"),
    ("born", "surname[1]"),
    ("postcode", "forename[1]"),
    ("postcode", "surname[1]"),
    ("postcode", "house"),
    ("street", "surname[1:2]"),
    ("born", "least(forename[1], surname[1])", "greatest(forename[1], surname[1])"),
    ("postcode", "least(forename[1], surname[1])", "greatest(forename[1], surname[1])"),
    ("forename[1:3]", "surname[1:2]"),
    ("surname[1:3]", "forename[1:2]"),
)
ALIKE_THOUGH_NUMBERS_DIFFER = (
    ("forename", "surname", "born"),
    ("forename", "born", "postcode"),
    ("forename", "surname", "house", "street"),
)
SAME_NUMBER = ("nhs_number",)
SAME_NAME = ("forename", "surname")
BORN_NEARBY = ("born", "sector")
SWAPPED = tuple(("least(forename, surname)", "greatest(forename, surname)", also) for also in ("born", "postcode", "street"))
# A name alone is no evidence: somebody else may have it. One of these must be known of both.
BESIDES_NAMES = ("born_on", "address", "phone")
# Where each comparison stands in a pattern, and the letter of what is not known.
_LETTER = {name: at for at, name in enumerate((name for name in COMPARISONS if name != "nhs_number"), start=1)}
_UNKNOWN_LETTER = "a"
_RULES = tuple(
    dict.fromkeys((SAME_NUMBER, *ALIKE, *ALIKE_WITHOUT_NUMBERS, *ALIKE_THOUGH_NUMBERS_DIFFER, SAME_NAME, BORN_NEARBY, *SWAPPED))
)
# So many pairs take about 1 GB while they are compared.
PAIRS_AT_A_TIME = 2_000_000


def has_numbers(connection: duckdb.DuckDBPyConnection) -> bool:
    """Does anybody in the table `description` have an NHS number."""
    return bool(connection.execute("select 1 from description where nhs_number is not null limit 1").fetchall())


def add_keys(connection: duckdb.DuckDBPyConnection, descriptions: str = "description", table: str = "key") -> None:
    """Make `table` of the keys by which `descriptions` find each other: a hash for each rule, null where a part is not known.

    `part` shares people with a number out among a hundred parts, all descriptions of one number in one.
    """
    without = () if has_numbers(connection) else ALIKE_WITHOUT_NUMBERS
    keys = ", ".join(
        f"case when {' and '.join(f'{part} is not null' for part in rule)} then hash({', '.join(rule)}) end as key_{at}"
        for at, rule in enumerate(_RULES)
        if rule not in ALIKE_WITHOUT_NUMBERS or rule in without
    )
    connection.execute(
        f"""
        create or replace table {table} as
        select
            description_id, cast(nhs_number[7:9] as integer) as part, born is not null as is_dated,
            nhs_number is null and forename is null and surname is null as is_nameless, forename < surname as is_in_order, {keys}
        from {descriptions}
        """
    )


def find_candidates(connection: duckdb.DuckDBPyConnection, new_only: bool = False) -> None:
    """Make the table `candidate` (join_key_l, join_key_r): the pairs of descriptions to be compared, the smaller id left.

    Those that agree in one of the rules, by the table `key`. With `new_only` those alone of which one is in `new_key`.
    """
    start = "new_key as l" if new_only else "key as l"
    ordered = "l.description_id <> r.description_id" if new_only else "l.description_id < r.description_id"
    one_unknown = f"{ordered} and (l.part is null or r.part is null)"
    connection.execute(
        "create or replace temporary table candidate as "
        + " union ".join(
            [
                _pairs(start, SAME_NUMBER, ordered),
                *(
                    _pairs(start, rule, one_unknown)
                    for rule in (ALIKE if has_numbers(connection) else ALIKE + ALIKE_WITHOUT_NUMBERS)
                ),
                _pairs(start, SAME_NAME, f"{one_unknown} and not (l.is_dated and r.is_dated)"),
                _pairs(start, BORN_NEARBY, f"{ordered} and (l.is_nameless or r.is_nameless)"),
                *(_pairs(start, rule, f"{ordered} and l.key_0 <> r.key_0") for rule in ALIKE_THOUGH_NUMBERS_DIFFER),
                *(_pairs(start, rule, f"{ordered} and l.is_in_order <> r.is_in_order") for rule in SWAPPED),
            ]
        )
    )


def find_labelled_pairs(connection: duckdb.DuckDBPyConnection, one_in: int) -> None:
    """Make `candidate` of pairs whose NHS numbers are both known, found as if they were not, from one in so many people.

    A description is a pair with itself, too: those of its records that have it in common.
    """
    start = f"(select * from key where part % {one_in} = 0) as l"
    rules = (*ALIKE, BORN_NEARBY)
    connection.execute(
        f"create or replace temporary table candidate as {' union '.join(_pairs(start, rule, 'r.part is not null') for rule in rules)}"
    )


def _pairs(start: str, rule: tuple[str, ...], condition: str) -> str:
    key = f"key_{_RULES.index(rule)}"
    return (
        "select least(l.description_id, r.description_id) as join_key_l, greatest(l.description_id, r.description_id) as join_key_r"
        f" from {start} join key as r on l.{key} = r.{key} where {condition}"
    )


def count_frequencies(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables `tf_forename`, `tf_surname` and `tf_born` (value, share): how common each value is among descriptions.

    In a small table everything seems common: whoever is counted is counted among as many others as it takes for a usual
    share.
    """
    for column, usual in USUAL_SHARE.items():
        connection.execute(
            f"""create or replace table tf_{column} as
                select {column} as value, count(*) / (sum(count(*)) over () + {1 / usual}) as share
                from description where {column} is not null group by {column}"""
        )


def add_frequencies(connection: duckdb.DuckDBPyConnection, descriptions: str = "description") -> None:
    """Make the view `comparable`: each row of `descriptions` with the share of its names and its birth date.

    A value that was not counted is taken to be as rare as can be.
    """
    shares = ", ".join(f"coalesce(tf_{column}.share, {LEAST_SHARE}) as tf_{column}" for column in FREQUENCY_COLUMN.values())
    joins = " ".join(f"left join tf_{column} on tf_{column}.value = described.{column}" for column in FREQUENCY_COLUMN.values())
    connection.execute(
        f"create or replace view comparable as select described.*, {shares} from {descriptions} as described {joins}"
    )


def weigh_candidates(connection: duckdb.DuckDBPyConnection, model: Model, pairs_at_a_time: int = PAIRS_AT_A_TIME) -> None:
    """Make the table `weighed` (description_l, description_r, weight, numbers, pattern) of the table `candidate`.

    `weight` is the log2 odds of one person, the NHS numbers left aside: Splink's sum and the correction of its `pattern`
    (the levels of the comparisons but the NHS number, a letter each). Pairs of which only names are known are left out.
    `numbers` says whether the numbers are the same (1), different (0), or not both known (-1). Splink's tables are wide: no
    more than about `pairs_at_a_time` are compared before their weights are put away, so that memory is enough for any
    number of pairs.
    """
    pairs = connection.execute("select count(*) from candidate").fetchall()[0][0]
    parts = max(1, math.ceil(pairs / pairs_at_a_time))
    connection.register("correction", _corrections(model))
    number_weights = model.number_weights()
    pattern = " || ".join(f"chr(cast(98 + gamma_{name} as integer))" for name in COMPARISONS if name != "nhs_number")
    connection.execute(
        """create or replace temporary table weighed
           (description_l bigint, description_r bigint, weight double, numbers tinyint, pattern varchar)"""
    )
    for part in range(parts):
        # The pairs of one description on the left stay together, so that each part looks up a share of them only.
        scored = predict(connection, model, among=f"where join_key_l % {parts} = {part}")
        connection.execute(
            f"""
            insert into weighed
            with scored as (
                select
                    description_id_l as description_l,
                    description_id_r as description_r,
                    match_weight - case gamma_nhs_number when 1 then {number_weights[1]} when 0 then {number_weights[0]} else 0 end as weight,
                    cast(gamma_nhs_number as tinyint) as numbers,
                    {pattern} as pattern
                from {scored.physical_name}
            )
            select description_l, description_r, weight + coalesce(correction.bits, 0) as weight, numbers, pattern
            from scored
            left join correction using (pattern)
            where numbers >= 0 or {" or ".join(f"pattern[{_LETTER[name]}] <> '{_UNKNOWN_LETTER}'" for name in BESIDES_NAMES)}
            """
        )
        scored.drop_table_from_database_and_remove_from_cache()
    connection.unregister("correction")


def predict(connection: duckdb.DuckDBPyConnection, model: Model, with_steps: bool = False, among: str = "") -> SplinkDataFrame:
    """Splink's own scores of the table `candidate`; `with_steps` what each comparison adds, too; `among` is a condition on it."""
    api = DuckDBAPI(connection)
    linker = Linker(
        api.register("comparable"), model.settings() | {"retain_intermediate_calculation_columns": with_steps}, log_level=None
    )
    connection.execute(
        f"create or replace temporary view candidate_with_key as select *, '0' as match_key from candidate {among}"
    )
    linker.table_management.register_blocked_pairs_for_predict(api.register("candidate_with_key"))
    return linker.inference.predict(warning_mode="never")


def _corrections(model: Model) -> pa.Table:
    return pa.table(
        {
            "pattern": pa.array(list(model.corrections), pa.string()),
            "bits": pa.array([bits for bits, _ in model.corrections.values()], pa.float64()),
        }
    )


@dataclass(frozen=True)
class Step:
    """One comparison of two descriptions: what was found, in English, and what it adds, in log2 odds.

    `of_rarity` is the part of `weight` that comes from how rare the value is that both have.
    """

    comparison: str
    agreement: str
    weight: float
    of_rarity: float = 0.0


@dataclass(frozen=True)
class Weighing:
    """Two descriptions on the scales: the log2 odds that they are one person, and each step on the way there."""

    weight: float
    steps: tuple[Step, ...]

    @property
    def probability(self) -> float:
        """The chance that the two are one person, by the weight alone."""
        return 1 / (1 + 2.0**-self.weight)

    def agreement(self, comparison: str) -> str:
        """What was found in one comparison."""
        return next(step.agreement for step in self.steps if step.comparison == comparison)


def weigh(
    model: Model, left: dict[str, Any], right: dict[str, Any], shares: dict[str, dict[str, float]] | None = None
) -> Weighing:
    """Compare two descriptions, given as columns of `descriptions.COLUMNS`, comparison by comparison.

    `shares` tells for `forename`, `surname` and `born` how common the values are (a share of all descriptions; capital
    letters without accents, dates as YYYYMMDD); what it leaves out counts as rare. The first step is where every pair
    starts, the last the correction of the pattern.
    """
    return weigh_each(model, [left], [right], shares)[0][0]


def weigh_each(
    model: Model,
    left: Sequence[dict[str, Any]],
    right: Sequence[dict[str, Any]],
    shares: dict[str, dict[str, float]] | None = None,
) -> list[list[Weighing]]:
    """Compare each description of `left` with each of `right`, as `weigh` does: a list for each of `left`, in their order."""
    sides = {f"{side} {at}": one for side, all_of_it in (("l", left), ("r", right)) for at, one in enumerate(all_of_it)}
    with duckdb.connect() as connection:
        told = {
            name: pa.array([one.get(name) for one in sides.values()]).cast(pa.string()) for name in COLUMNS if name != "record_id"
        }
        connection.register("sides", pa.table(told | {"record_id": pa.array(list(sides))}))
        prepare(connection, "sides", alone=sides)
        for column in FREQUENCY_COLUMN.values():
            known = (shares or {}).get(column, {})
            connection.register(
                f"tf_{column}",
                pa.table({"value": pa.array(list(known), pa.string()), "share": pa.array(list(known.values()), pa.float64())}),
            )
        add_frequencies(connection)
        # No two sides share a description, as each of them is alone.
        connection.execute(
            """create temporary table candidate as
               select least(l.description_id, r.description_id) as join_key_l, greatest(l.description_id, r.description_id) as join_key_r
               from record_description as l, record_description as r
               where starts_with(l.record_id, 'l') and starts_with(r.record_id, 'r')"""
        )
        scored = predict(connection, model, with_steps=True)
        found = connection.sql(f"select * from {scored.physical_name}").to_arrow_table().to_pylist()
        described = connection.execute("select record_id, description_id from record_description").fetchall()
    weighings = {frozenset((row["description_id_l"], row["description_id_r"])): _weighing(model, row) for row in found}
    of = dict(described)
    return [[weighings[frozenset((of[f"l {at}"], of[f"r {other}"]))] for other in range(len(right))] for at in range(len(left))]


def _weighing(model: Model, found: dict[str, Any]) -> Weighing:
    """What Splink found for one pair, step by step, and the correction of its pattern."""
    steps = [Step("starting point", "any two records", math.log2(model.prior / (1 - model.prior)))]
    pattern = ""
    for name, (_, levels) in COMPARISONS.items():
        level = int(found[f"gamma_{name}"])
        labels = [DIFFERENT, *(label for label, _ in reversed(levels))]
        of_rarity = float(found.get(f"mw_tf_adj_{name}") or 0.0)
        steps.append(Step(name, UNKNOWN if level < 0 else labels[level], float(found[f"mw_{name}"]) + of_rarity, of_rarity))
        if name != "nhs_number":
            pattern += chr(98 + level)
    correction, _ = model.corrections.get(pattern, (0.0, 0))
    steps.append(Step("these agreements together", "learned from pairs whose NHS numbers say", correction))
    return Weighing(sum(step.weight for step in steps), tuple(steps))
