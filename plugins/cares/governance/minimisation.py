"""Minimisation: a mart says what it is for, who reads it and under which agreement, and each of its columns serves a purpose.

Pure: what it judges is read from the dbt project by `builds`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cares.governance import protections

NEEDED = {
    "purpose": "the purposes it serves, as a list",
    "reader": "who reads it",
    "agreement": "the sharing agreement that covers it",
    "leaves_out": "what it leaves out",
}


@dataclass(frozen=True)
class Mart:
    """One mart: its published schema, what it says of itself (`meta`), and what each of its columns says (name -> meta)."""

    name: str
    schema: str
    meta: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Any]]


def problems(marts: Iterable[Mart], purposes: Collection[str]) -> list[str]:
    """What is missing or wrong in marts, one sentence each; `purposes` are those of the register.

    A column serves the purposes of its mart unless its own `purpose` says otherwise.
    """
    return [f"{mart.name}: {problem}" for mart in marts for problem in _problems(mart, purposes)]


def _problems(mart: Mart, purposes: Collection[str]) -> list[str]:
    found = [f"meta says no {name}; write {expected}" for name, expected in NEEDED.items() if not mart.meta.get(name)]
    served = mart.meta.get("purpose") or []
    if not isinstance(served, list):
        return [*found, f"purpose is not a list; write it like: [{served}]"]
    found += [
        f"{purpose!r} is no purpose of the register; use {', '.join(purposes)}" for purpose in served if purpose not in purposes
    ]
    use = protections.USES.get(mart.schema)
    if use and served and use.purpose not in served:
        found.append(f"it stands in {mart.schema}, which is for {use.purpose}, and does not serve that")
    for column, meta in mart.columns.items():
        of_column = meta.get("purpose", served)
        if not of_column:
            found.append(f"column {column} serves no purpose; leave it out, or name the purpose that needs it")
        elif not isinstance(of_column, list) or (other := [purpose for purpose in of_column if purpose not in served]):
            wrong = of_column if not isinstance(of_column, list) else ", ".join(other)
            found.append(f"column {column} is for {wrong}, which its mart does not serve")
        elif use and use.purpose not in of_column and not column.startswith(protections.GUARD):
            found.append(f"column {column} does not serve {use.purpose}, which {mart.schema} is for; leave it out there")
    return found
