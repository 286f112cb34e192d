"""What an agreement is worth: the comparisons, their levels, and the weights that were learned for them.

The weights follow Fellegi and Sunter (1969), as Splink counts them: a level of agreement adds log2(m / u), where m is how
often two records of one person agree so, and u how often those of two people do. The sum assumes that agreements do not
hang together, which is wrong for families: twins agree in surname, birth date and address. So each pattern of levels has a
correction, learned from the pairs whose NHS numbers tell whether they are one person.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

# Each comparison: its levels from the strongest down, each an English label and the condition for it. The first that
# holds counts. "unknown" is worth nothing: a value that is missing says neither yes nor no. The conditions are written in
# words that DuckDB and Spark share, but for those of `_ON_SPARK`.
UNKNOWN, SAME, DIFFERENT = "not known", "the same", "different"
COMPARISONS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "nhs_number": (
        "nhs_number_l is null or nhs_number_r is null",
        [("the same", "nhs_number_l = nhs_number_r")],
    ),
    "forename": (
        "forename_l is null or forename_r is null",
        [
            ("the same", "forename_l = forename_r"),
            ("forename and surname swapped", "forename_l = surname_r and surname_l = forename_r"),
            ("a short or other form", "list_has_any(forename_families_l, forename_families_r)"),
            ("nearly the same", "damerau_levenshtein(forename_l, forename_r) <= 1 and length(forename_l) > 1 and length(forename_r) > 1"),
            ("one is the other's middle name", "forename_l = middle_name_r or middle_name_l = forename_r"),
            ("begins the same", "starts_with(forename_l, forename_r) or starts_with(forename_r, forename_l)"),
            ("sounds alike", "jaro_winkler_similarity(forename_l, forename_r) >= 0.85"),
            ("one name in the other's place", "jaro_winkler_similarity(forename_l, surname_r) >= 0.9"
             " or jaro_winkler_similarity(surname_l, forename_r) >= 0.9"),
        ],
    ),
    "surname": (
        "surname_l is null or surname_r is null",
        [
            ("the same", "surname_l = surname_r"),
            ("swapped with the forename", "forename_l = surname_r and surname_l = forename_r"),
            ("nearly the same", "damerau_levenshtein(surname_l, surname_r) <= 1"),
            ("one part of a double name", "array_contains(surname_names_l, surname_r) or array_contains(surname_names_r, surname_l)"
             " or list_has_any(surname_names_l, surname_names_r)"),
            ("sounds alike", "jaro_winkler_similarity(surname_l, surname_r) >= 0.88"),
        ],
    ),
    "middle_name": (
        "middle_name_l is null or middle_name_r is null",
        [
            ("the same", "middle_name_l = middle_name_r"),
            ("the same initial", "middle_initial_l = middle_initial_r"),
        ],
    ),
    "born_on": (
        "born_l is null or born_r is null",
        [
            ("the same", "born_l = born_r"),
            ("day and month swapped", "substring(born_l, 1, 4) = substring(born_r, 1, 4) and substring(born_l, 5, 2) = substring(born_r, 7, 2) and substring(born_l, 7, 2) = substring(born_r, 5, 2)"),
            ("one digit differs", "damerau_levenshtein(born_l, born_r) <= 1"),
            ("the year alone, with 1 January", "substring(born_l, 1, 4) = substring(born_r, 1, 4) and (substring(born_l, 5, 4) = '0101' or substring(born_r, 5, 4) = '0101')"),
            ("day and month, and nearly the year", "substring(born_l, 5, 4) = substring(born_r, 5, 4) and abs(cast(substring(born_l, 1, 4) as integer) - cast(substring(born_r, 1, 4) as integer)) in (1, 10)"),
            ("two of day, month and year", "cast(substring(born_l, 1, 4) = substring(born_r, 1, 4) as integer) + cast(substring(born_l, 5, 2) = substring(born_r, 5, 2) as integer)"
             " + cast(substring(born_l, 7, 2) = substring(born_r, 7, 2) as integer) = 2"),
        ],
    ),
    "sex": ("sex_l is null or sex_r is null", [("the same", "sex_l = sex_r")]),
    "address": (
        "(uprn_l is null or uprn_r is null) and (postcode_l is null or postcode_r is null) and (street_l is null or street_r is null)",
        [
            ("the same home", "uprn_l = uprn_r and coalesce(house_l = house_r, true)"
             " or postcode_l = postcode_r and house_l = house_r"
             " and coalesce(street_l = street_r or jaro_winkler_similarity(street_l, street_r) >= 0.85, true)"),
            ("the same house and street", "house_l = house_r and street_l = street_r"),
            ("the same postcode, house not known", "postcode_l = postcode_r and (house_l is null or house_r is null)"),
            ("the same street and postcode", "postcode_l = postcode_r and street_l = street_r"),
            ("the same building or postcode", "uprn_l = uprn_r or postcode_l = postcode_r"),
            ("nearly the same address", "house_l = house_r and jaro_winkler_similarity(street_l, street_r) >= 0.85"
             " or damerau_levenshtein(postcode_l, postcode_r) <= 1 and (street_l = street_r or house_l = house_r)"),
            ("the same neighbourhood", "sector_l = sector_r"),
        ],
    ),
    # Who share a home share its telephone, so that it says nothing more of them.
    "phone": ("phone_l is null or phone_r is null or uprn_l = uprn_r or postcode_l = postcode_r and house_l = house_r", [("the same", "phone_l = phone_r")]),
}  # fmt: skip
# How common a value is counts where it agrees: two called Zbigniew are likelier one person than two called John.
# How common a name and a birth date are in a borough, on average over people.
USUAL_SHARE = {"forename": 1 / 250, "surname": 1 / 500, "born": 1 / 25_000}
# No value counts as rarer than this.
LEAST_SHARE = 1e-6
FREQUENCY_COLUMN = {"forename": "forename", "surname": "surname", "born_on": "born"}
# Two people hold one number only by mistake, and one person seldom two. This is not learned: pairs drawn by chance never
# show it, and the numbers are what the rest is learned from.
NHS_NUMBER_WEIGHTS = {SAME: (0.995, 1e-8), DIFFERENT: (0.005, 1.0)}
# Levels that say again what another comparison has said: they add nothing of their own.
SAID_BEFORE = {"surname": "swapped with the forename"}
SHIPPED = "model.json"
# What Spark, with the functions that Splink brings along for it, calls the functions of DuckDB.
_ON_SPARK = {"jaro_winkler_similarity": "jaro_winkler", "list_has_any": "arrays_overlap", "starts_with": "startswith"}
# How many others of the same person a description has, and below how many descriptions a table says nothing of chance.
PAIRS_OF_A_DESCRIPTION, FEWEST_TO_COUNT = 3.0, 10_000


@dataclass
class Model:
    """Learned weights: `weights[comparison][label] = (m, u)`, the prior, and corrections by pattern.

    `prior` is the probability that two records drawn at random are one person. `corrections` maps a pattern (the levels
    of all comparisons but the NHS number, as digits in their order) to log2 odds to be added, and how many pairs it was
    learned from. `left_over` are the log2 odds to be added for a record that was linked to nobody at first: most people
    have other records, so it is likely somebody's: with a birth date, and without.
    """

    version: str
    prior: float
    weights: dict[str, dict[str, tuple[float, float]]]
    corrections: dict[str, tuple[float, int]] = field(default_factory=dict)
    left_over: tuple[float, float] = (0.0, 0.0)
    same_source: float = 0.0
    are_birth_dates_sure: bool = True
    trained_on: int = 0

    @classmethod
    def load(cls, path: Path | None = None) -> Model:
        """Read a model from its file, or the one that comes with the project; raises ValueError if it is none of ours."""
        text = (
            path.read_text(encoding="utf-8")
            if path
            else resources.files(__package__).joinpath(SHIPPED).read_text(encoding="utf-8")
        )
        try:
            told = json.loads(text)
            weights = {name: {label: tuple(pair) for label, pair in levels.items()} for name, levels in told["weights"].items()}
            corrections = {pattern: tuple(pair) for pattern, pair in told["corrections"].items()}
            return cls(
                told["version"],
                told["prior"],
                weights,
                corrections,
                tuple(told["left_over"]),
                told["same_source"],
                told["are_birth_dates_sure"],
                told["trained_on"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{path or SHIPPED} is not a model of the person index. Make one with: cares person-index train"
            ) from error

    def save(self, path: Path) -> None:
        """Write the model as JSON; it holds weights and counts, no value of anybody's."""
        told = {
            "version": self.version,
            "trained_on": self.trained_on,
            "prior": self.prior,
            "left_over": self.left_over,
            "same_source": self.same_source,
            "are_birth_dates_sure": self.are_birth_dates_sure,
            "weights": self.weights,
            "corrections": dict(sorted(self.corrections.items())),
        }
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")

    def number_weights(self) -> tuple[float, float]:
        """What two NHS numbers add, in log2 odds: when they differ, and when they are the same."""
        (same_m, same_u), (other_m, other_u) = (self.weights["nhs_number"][label] for label in (SAME, DIFFERENT))
        return math.log2(other_m / other_u), math.log2(same_m / same_u)

    def prior_among(self, descriptions: int) -> float:
        """The chance that two of so many descriptions are one person; a small table is
        taken for a part of a larger one."""
        return max(PAIRS_OF_A_DESCRIPTION / max(descriptions, FEWEST_TO_COUNT), 1e-9)

    def settings(self, dialect: Literal["duckdb", "spark"] = "duckdb") -> dict[str, Any]:
        """The model as Splink's settings for one of its databases, a plain dictionary."""
        return {
            "link_type": "dedupe_only",
            "unique_id_column_name": "description_id",
            "probability_two_random_records_match": self.prior,
            "blocking_rules_to_generate_predictions": [],
            "retain_matching_columns": True,
            "retain_intermediate_calculation_columns": False,
            "comparisons": [self._comparison(name, _ON_SPARK if dialect == "spark" else {}) for name in COMPARISONS],
        }

    def _comparison(self, name: str, other_names: dict[str, str]) -> dict[str, Any]:
        unknown, levels = COMPARISONS[name]
        learned = self.weights.get(name, {})

        def weighed(label: str, condition: str) -> dict[str, Any]:
            for function, other in other_names.items():
                condition = condition.replace(f"{function}(", f"{other}(")
            level: dict[str, Any] = {"sql_condition": condition, "label_for_charts": label}
            if label in learned:
                level["m_probability"], level["u_probability"] = learned[label]
            if label == "the same" and name in FREQUENCY_COLUMN:
                level["tf_adjustment_column"] = FREQUENCY_COLUMN[name]
                level["tf_minimum_u_value"] = LEAST_SHARE
            if name == "nhs_number":
                level["fix_u_probability"] = True
            return level

        return {
            "output_column_name": name,
            "comparison_levels": [
                {"sql_condition": unknown, "label_for_charts": UNKNOWN, "is_null_level": True},
                *(weighed(label, condition) for label, condition in levels),
                weighed(DIFFERENT, "ELSE"),
            ],
        }
