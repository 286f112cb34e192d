"""Learning what agreements are worth, from the data themselves.

Where two descriptions both have an NHS number, the numbers tell whether they are one person. From such pairs come the
weights of all other comparisons, and the corrections of the patterns for which the plain sum is wrong. A table in which
hardly anybody has a number is weighed by the model that is there, whose prior alone is fitted to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa

from cares.person_index import scoring
from cares.person_index.clustering import GREY_FROM, LINKED_FROM
from cares.person_index.model import COMPARISONS, DIFFERENT, FREQUENCY_COLUMN, LEAST_SHARE, NHS_NUMBER_WEIGHTS, SAID_BEFORE, Model

Weights = dict[str, dict[str, tuple[float, float]]]

PAIRS_TO_LEARN_FROM = 60_000
PAIRS_DRAWN_BY_CHANCE = 200_000
CANDIDATES_TO_LEARN_FROM = 1_000_000
# Rounds of expectation maximisation; it settles in fewer.
ROUNDS = 12
# What was compared in fewer pairs than this teaches nothing.
FEWEST_COMPARED = 20
# A level drawn less often than this is rare: other pairs are asked, but it is not made rarer than this part of a pair.
FEWEST_DRAWN, LEAST_OF_A_DRAW = 5, 0.01
# Fewer pairs of one number teach too little about rare levels.
FEWEST_PAIRS = 2_000
# Without numbers, fewer descriptions teach nothing: the model that is there knows more.
FEWEST_DESCRIPTIONS = 500
# Fewer descriptions say nothing about how likely any two are one person.
FEWEST_FOR_A_PRIOR = 1_000
# No more copies of a pair are learned from than this.
PAIRS_OF_ONE_DESCRIPTION = 50
# How far, in log2 odds, a correction may lie from the one before until many pairs have spoken for it.
SPREAD_OF_CORRECTIONS = 3.0
# Without numbers, pairs from here up are taken to be one person.
SURE_FROM = 10.0
# Pairs this likely tell how often numbers differ by mistake; there are always some.
CERTAIN_FROM, LEAST_WRONG_NUMBERS = 18.0, 0.0005


_BORN_AT = [name for name in COMPARISONS if name != "nhs_number"].index("born_on") + 1


def train(connection: duckdb.DuckDBPyConnection, before: Model, version: str | None = None) -> Model:
    """Learn a model from the tables `description` and `comparable`, starting from the one `before`.

    With fewer than `FEWEST_PAIRS` pairs that share an NHS number, only the prior is fitted.
    """
    descriptions, numbered = connection.execute("select count(*), count(nhs_number) from description").fetchall()[0]
    model = Model(
        version=version or f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}",
        # A small table is a part of a borough: its people are no likelier one person for being few.
        prior=before.prior if descriptions < FEWEST_FOR_A_PRIOR else 3.0 / descriptions,
        weights=dict(before.weights),
        corrections=dict(before.corrections),
        left_over=before.left_over,
        same_source=before.same_source,
        trained_on=descriptions,
    )
    pairs = connection.execute(
        "select coalesce(sum(n * (n - 1) / 2), 0) from (select count(*) as n from description where nhs_number is not null group by nhs_number)"
    ).fetchall()[0][0]
    if pairs < FEWEST_PAIRS:
        if not numbered and descriptions >= FEWEST_DESCRIPTIONS:
            model = replace(_fit_without_numbers(connection, model), corrections={}, are_birth_dates_sure=False)
            model.same_source = _same_source_without_numbers(connection, model)
        return model
    one_in = max(1, round(pairs / PAIRS_TO_LEARN_FROM))
    model.weights = _weights(connection, model, one_in)
    model.corrections, model.left_over = _corrections(connection, model, one_in)
    model.same_source = _same_source(
        connection,
        f"""select record_id, source, nhs_number as person
            from record_description join description using (description_id)
            where cast(nhs_number[7:9] as integer) % {one_in} = 0""",
    )
    return model


def _weights(connection: duckdb.DuckDBPyConnection, model: Model, one_in: int) -> Weights:
    """The weights by pairs whose NHS numbers are the same, and by pairs drawn by chance whose numbers are not."""
    # Two records in the same words are a pair like any other: agreements would seem rarer than they are without them.
    connection.execute(
        """create or replace temporary table described as
           select * from description join (select description_id, count(*) as records from record_description group by 1) using (description_id)"""
    )
    connection.execute(
        f"""create or replace temporary table candidate as
            select
                l.description_id as join_key_l, r.description_id as join_key_r,
                least({PAIRS_OF_ONE_DESCRIPTION}, case when l.description_id < r.description_id then l.records * r.records
                    else l.records * (l.records - 1) // 2 end) as copies
            from described as l join described as r on l.nhs_number = r.nhs_number and l.description_id <= r.description_id
            where cast(l.nhs_number[7:9] as integer) % {one_in} = 0 and copies > 0"""
    )
    of_one = _Compared.read(connection, model, "copies")
    _draw_by_chance(connection)
    by_chance = _Compared.read(connection, model)
    return _learned(model, of_one, of_one.copies, by_chance, (by_chance.levels["nhs_number"] != 1).astype(float))


def _fit_without_numbers(connection: duckdb.DuckDBPyConnection, model: Model) -> Model:
    """The weights and the prior by expectation maximisation, where no numbers tell.

    Pairs are candidates, among which is nearly every pair of one person, and pairs drawn by chance, among which there may
    be some as well: in a small table they would make agreements by chance seem common.
    """
    scoring.find_candidates(connection)
    found, all_pairs = connection.execute(
        "select (select count(*) from candidate), (select count(*) * (count(*) - 1) / 2 from description)"
    ).fetchall()[0]
    one_in = max(1, round(found / CANDIDATES_TO_LEARN_FROM))
    connection.execute(f"delete from candidate where xor(join_key_l, join_key_r) % {one_in} <> 0")
    candidates = _Compared.read(connection, model)
    _draw_by_chance(connection)
    by_chance = _Compared.read(connection, model)
    fitted = model
    for _ in range(ROUNDS):
        one_person = candidates.probability(fitted)
        fitted = replace(
            fitted,
            weights=_learned(model, candidates, one_person, by_chance, 1 - by_chance.probability(fitted), all_pairs / one_in),
            prior=float(np.clip(one_person.sum() * one_in / all_pairs, 0.1 / all_pairs, 0.5)),
        )
    return fitted


def _draw_by_chance(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `candidate` of pairs drawn by chance: each description and those that come next by id, which is a hash."""
    ids = np.sort(connection.execute("select description_id from description").fetchnumpy()["description_id"])
    steps = min((len(ids) - 1) // 2, math.ceil(PAIRS_DRAWN_BY_CHANCE / len(ids)))
    some = ids[:PAIRS_DRAWN_BY_CHANCE]
    left = np.tile(some, steps)
    right = np.concatenate([np.roll(ids, -step)[: len(some)] for step in range(1, steps + 1)])
    connection.register("drawn", pa.table({"join_key_l": np.minimum(left, right), "join_key_r": np.maximum(left, right)}))
    connection.execute("create or replace temporary table candidate as select * from drawn")
    connection.unregister("drawn")


@dataclass
class _Compared:
    """Pairs of `candidate`, an array element each: the level found in each comparison, and log2 of how common the value is.

    `share` is there for the comparisons in which that counts, NaN where the pair does not agree. `copies` is how often
    each pair counts.
    """

    levels: dict[str, np.ndarray]
    share: dict[str, np.ndarray]
    copies: np.ndarray

    @classmethod
    def read(cls, connection: duckdb.DuckDBPyConnection, model: Model, copies: str = "1.0") -> _Compared:
        """Compare the pairs of `candidate`; `copies` is its column that says how often each counts."""
        scored = scoring.predict(connection, model, with_steps=True)
        columns = [
            *(f"gamma_{name}" for name in COMPARISONS),
            *(f"greatest(tf_{column}_l, tf_{column}_r) as share_{name}" for name, column in FREQUENCY_COLUMN.items()),
            f"cast({copies} as double) as copies",
        ]
        rows = connection.execute(
            f"""select {", ".join(columns)} from {scored.physical_name}
                join candidate on join_key_l = description_id_l and join_key_r = description_id_r
                order by description_id_l, description_id_r"""
        ).fetchnumpy()
        scored.drop_table_from_database_and_remove_from_cache()
        return cls(
            {name: rows[f"gamma_{name}"].astype(int) for name in COMPARISONS},
            {name: np.log2(np.maximum(rows[f"share_{name}"], LEAST_SHARE)) for name in FREQUENCY_COLUMN},
            rows["copies"],
        )

    def probability(self, model: Model) -> np.ndarray:
        """How likely each pair is one person, by the weights of a model."""
        weight = np.full(len(self.copies), math.log2(model.prior / (1 - model.prior)))
        for name, levels in self.levels.items():
            m, u = (np.log2(side) for side in np.array([model.weights[name].get(label, (1.0, 1.0)) for label in _labels(name)]).T)
            # The level of nothing known, -1, is the last.
            weight += np.append(m - u, 0.0)[levels]
            if name in self.share:
                same = levels == len(m) - 1
                weight[same] += u[-1] - self.share[name][same]
        return 1 / (1 + np.exp2(np.clip(-weight, -500, 500)))


def _labels(name: str) -> list[str]:
    """The labels of a comparison's levels, in Splink's numbers: 0 is what differs."""
    return [DIFFERENT, *(label for label, _ in reversed(COMPARISONS[name][1]))]


def _learned(
    model: Model, of_one: _Compared, is_one: np.ndarray, by_chance: _Compared, is_chance: np.ndarray, stand_for: float = 0.0
) -> Weights:
    """How often levels are found in pairs of one person and in others; each pair counts as much as it is likely to be such.

    A level that was never drawn is as rare as half a pair. Where the pairs `of_one` are what was found among as many as
    they `stand_for`, those of them that are not one person tell more about rare levels than the few that were drawn.
    What was never compared stays as it is in `model`.
    """
    weights: Weights = {}
    for name in COMPARISONS:
        labels = _labels(name)
        found, drawn = (
            np.bincount(pairs.levels[name][known], counted[known], minlength=len(labels))
            for pairs, counted in ((of_one, is_one), (by_chance, is_chance))
            for known in (pairs.levels[name] >= 0,)
        )
        if min(found.sum(), drawn.sum()) < FEWEST_COMPARED:
            weights[name] = model.weights.get(name, {})
            continue
        m, u = (np.maximum(count, 0.5) / count.sum() for count in (found, drawn))
        if stand_for:
            known = of_one.levels[name] >= 0
            others = np.bincount(of_one.levels[name][known], 1 - is_one[known], minlength=len(labels))
            comparable = stand_for * drawn.sum() / is_chance.sum()
            u = np.where(
                drawn < FEWEST_DRAWN, np.maximum(others + 0.5, LEAST_OF_A_DRAW * comparable / drawn.sum()) / comparable, u
            )
        weights[name] = {label: (round(float(m[at]), 9), round(float(u[at]), 10)) for at, label in enumerate(labels)}
        if name in SAID_BEFORE:
            weights[name][SAID_BEFORE[name]] = (1.0, 1.0)
    return weights | {"nhs_number": NHS_NUMBER_WEIGHTS}


def _same_source(connection: duckdb.DuckDBPyConnection, known: str) -> float:
    """How much rarer, in log2 odds, two records of one source are among the pairs of one person than among any two.

    `known` is a query for record_id, source and person. Never above nought: that two records are of one source is no
    sign that they are one person.
    """
    pairs, of_one_source, by_chance = connection.execute(
        f"""
        with known as (select distinct record_id, source, person from ({known})),
        held as (select person, source, count(*) as n from known group by all)
        select
            (select sum(n * (n - 1)) from (select sum(n) as n from held group by person)),
            (select sum(n * (n - 1)) from held),
            (select sum(share * share) from (select count(*) / sum(count(*)) over () as share from record_description group by source))
        """
    ).fetchall()[0]
    return round(min(0.0, math.log2((float(of_one_source or 0) + 1) / (float(pairs or 0) + 1) / float(by_chance or 1))), 3)


def _same_source_without_numbers(connection: duckdb.DuckDBPyConnection, model: Model) -> float:
    scoring.find_candidates(connection)
    scoring.weigh_candidates(connection, model)
    return _same_source(
        connection,
        f"""select record_id, source, person from (
                select description_l, description_r, row_number() over () as person from weighed where weight >= {SURE_FROM}
            ) join record_description on description_id in (description_l, description_r)""",
    )


def _corrections(
    connection: duckdb.DuckDBPyConnection, model: Model, one_in: int
) -> tuple[dict[str, tuple[float, int]], tuple[float, float]]:
    """For each pattern the log2 odds to be added so that as many of its pairs are one person as their numbers say.

    And what is to be added for who is left over: somebody whose record, were its number not known, would have been linked
    to none of their own. Whoever might be their twin has records of their own, and is known by them.
    """
    scoring.find_labelled_pairs(connection, one_in * 2)
    bare = Model(model.version, model.prior, model.weights)
    scoring.weigh_candidates(connection, bare)
    rows = connection.execute(
        """
        select pattern, round(weight), sum(pairs), coalesce(sum(pairs) filter (where numbers = 1), 0)
        from (
            select pattern, weight, numbers, case
                when l.description_id = r.description_id then l.records * (l.records - 1) / 2 else l.records * r.records
            end as pairs
            from weighed
            join described as l on l.description_id = description_l
            join described as r on r.description_id = description_r
        )
        group by all order by all
        """
    ).fetchall()
    patterns, weights, pairs, same = (np.array(column) for column in zip(*rows, strict=True))
    certain = weights >= CERTAIN_FROM
    wrong = (
        max(LEAST_WRONG_NUMBERS, 1 - same[certain].sum() / max(pairs[certain].sum(), 1)) if certain.any() else LEAST_WRONG_NUMBERS
    )
    corrections = dict(model.corrections)
    for pattern in np.unique(patterns):
        of = patterns == pattern
        known = model.corrections.get(str(pattern), (0.0, 0))[0]
        corrections[str(pattern)] = (
            round(_correction(weights[of], pairs[of], same[of], wrong, known), 3),
            int(pairs[of].sum()),
        )
    connection.register("learned", pa.table({"pattern": list(corrections), "bits": [bits for bits, _ in corrections.values()]}))
    left_over = connection.execute(
        f"""
        with side as (
            select description_l as one, description_r as other, weight + bits as weight, numbers, pattern[{_BORN_AT}] <> 'a' as is_dated
            from weighed join learned using (pattern)
            where description_l <> description_r
            union all
            select description_r, description_l, weight + bits, numbers, pattern[{_BORN_AT}] <> 'a'
            from weighed join learned using (pattern)
            where description_l <> description_r
        ),
        seen as (
            select side.*, max(case when numbers = 1 then weight end) over (partition by one) as own
            from side join described on description_id = one
            where cast(nhs_number[7:9] as integer) % {one_in * 2} = 0 and records = 1
        )
        select is_dated, one, arg_max(numbers = 1, seen.weight), max(seen.weight)
        from seen join described on description_id = other
        where own < {LINKED_FROM} and seen.weight between {GREY_FROM} - 8 and {LINKED_FROM}
        group by is_dated, one, nhs_number
        order by all
        """
    ).fetchall()
    dated, undated = (_left_over([row[1:] for row in left_over if row[0] == is_dated], wrong) for is_dated in (True, False))
    return corrections, (dated, undated)


def _left_over(rows: list[tuple[int, bool, float]], wrong: float) -> float:
    """What is to be added to each weight so that as many as are theirs are expected to be, sharing out among rivals.

    `rows`: who is left over, whether the other is they, and the weight; one row for each other person.
    """
    if not rows:
        return 0.0
    one = np.unique([row[0] for row in rows], return_inverse=True)[1]
    is_same = np.array([row[1] for row in rows], bool)
    weights = np.array([row[2] for row in rows])
    low, high = -20.0, 20.0
    for _ in range(40):
        shift = (low + high) / 2
        odds = np.exp2(weights + shift)
        expected = (1 - wrong) * (odds / (1 + np.bincount(one, odds)[one])).sum()
        slope = is_same.sum() - expected - shift / SPREAD_OF_CORRECTIONS**2 / math.log(2)
        low, high = (shift, high) if slope > 0 else (low, shift)
    return round((low + high) / 2, 3)


def _correction(weights: np.ndarray, pairs: np.ndarray, same: np.ndarray, wrong: float, known: float) -> float:
    """The shift of log2 odds under which as many pairs are expected to be one person as their numbers say, held near what is known.

    `wrong` is the share of pairs of one person whose numbers differ because one of them is somebody else's.
    """
    observed = min(same.sum(), (1 - wrong) * pairs.sum())
    low, high = -60.0, 60.0
    for _ in range(50):
        shift = (low + high) / 2
        expected = (1 - wrong) * (pairs / (1 + np.exp2(np.clip(-(weights + shift), -500, 500)))).sum()
        slope = observed - expected - (shift - known) / SPREAD_OF_CORRECTIONS**2 / math.log(2)
        low, high = (shift, high) if slope > 0 else (low, shift)
    return (low + high) / 2
