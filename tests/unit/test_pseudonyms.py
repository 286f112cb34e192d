"""Pseudonyms: keyed, one for each purpose, and no second key by accident."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from cares.governance import pseudonyms
from cares.secret_files import secret_path
from fresh_warehouse import FreshWarehouse


@pytest.fixture(autouse=True)
def no_keys() -> Iterator[None]:
    yield
    for path in secret_path("any").parent.glob("pseudonym_*.key"):
        path.unlink()


@pytest.fixture
def people(warehouse: FreshWarehouse) -> FreshWarehouse:
    with warehouse.connect() as connection:
        connection.execute("insert into person_index.person (created_at) select now() from generate_series(1, 3)")
    return warehouse


def given(people: FreshWarehouse, purpose: str) -> dict[int, str]:
    return dict(people.rows("select person_id, pseudonym from governance.pseudonym where purpose = %s", purpose))


def test_everybody_gets_one_pseudonym_and_keeps_it(people: FreshWarehouse) -> None:
    assert pseudonyms.pseudonymise("planning") == 3
    first = given(people, "planning")
    assert len(set(first.values())) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", pseudonym) for pseudonym in first.values())
    with people.connect() as connection:
        connection.execute("insert into person_index.person (created_at) values (now())")
    assert pseudonyms.pseudonymise("planning") == 1
    assert given(people, "planning").items() > first.items()


def test_two_purposes_know_a_person_by_two_pseudonyms(people: FreshWarehouse) -> None:
    pseudonyms.pseudonymise("planning")
    pseudonyms.pseudonymise("board reporting")
    assert not set(given(people, "planning").values()) & set(given(people, "board reporting").values())


def test_the_key_is_readable_by_its_owner_alone(people: FreshWarehouse) -> None:
    pseudonyms.pseudonymise("planning")
    assert secret_path("pseudonym_planning.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(people: FreshWarehouse) -> None:
    pseudonyms.pseudonymise("planning")
    secret_path("pseudonym_planning.key").chmod(0o644)
    with pytest.raises(pseudonyms.PseudonymKeyError, match="Other users can read"):
        pseudonyms.pseudonymise("planning")


def test_a_lost_key_is_not_replaced_while_its_pseudonyms_are_in_use(people: FreshWarehouse) -> None:
    pseudonyms.pseudonymise("planning")
    secret_path("pseudonym_planning.key").unlink()
    with pytest.raises(pseudonyms.PseudonymKeyError, match="is gone"):
        pseudonyms.pseudonymise("planning")
    assert not secret_path("pseudonym_planning.key").exists()


@pytest.mark.parametrize("role", ["analyst", "engineer", "governance"])
def test_nobody_but_the_pipeline_reads_pseudonyms(people: FreshWarehouse, role: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        people.rows("select pseudonym from governance.pseudonym", role=role)
