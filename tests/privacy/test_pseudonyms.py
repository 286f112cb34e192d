"""Pseudonyms: keyed, one for each purpose, no second key by accident, and another key at once for every build."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cares.embedded_server import WarehouseError
from cares.governance import pseudonyms
from cares.secret_files import secret_path
from fresh_warehouse import FreshWarehouse


@pytest.fixture(autouse=True)
def no_keys() -> Iterator[None]:
    yield
    for path in secret_path("any").parent.glob("pseudonym_*"):
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


def test_no_public_hash_of_anything_that_could_be_known_gives_a_pseudonym(people: FreshWarehouse) -> None:
    pseudonyms.pseudonymise("planning")
    given_away = set(given(people, "planning").values())
    guesses = [str(number) for number in range(20_000)] + [f"999{number:07}" for number in range(20_000)]
    for guess in guesses:
        for text in (guess, f"planning{guess}", f"{guess}planning", f"person/{guess}"):
            for method in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
                assert hashlib.new(method, text.encode()).hexdigest()[:32] not in given_away
        for key in (b"", b"planning", b"cares", b"secret"):
            assert hmac.digest(key, guess.encode(), "sha256").hex()[:32] not in given_away


def test_another_key_in_place_of_the_one_in_use_is_refused(people: FreshWarehouse) -> None:
    pseudonyms.pseudonymise("planning")
    secret_path("pseudonym_planning.key").write_text("another key that nobody made a pseudonym with\n")
    with pytest.raises(pseudonyms.PseudonymKeyError, match="is another one"):
        pseudonyms.pseudonymise("planning")


def test_a_rotation_gives_everybody_another_pseudonym_and_is_written_down(people: FreshWarehouse) -> None:
    for purpose in ("planning", "board reporting"):
        pseudonyms.pseudonymise(purpose)
    before, other = given(people, "planning"), given(people, "board reporting")
    key = secret_path("pseudonym_planning.key").read_text()
    assert pseudonyms.rotate("planning", "an analyst left") == 3
    after = given(people, "planning")
    assert after.keys() == before.keys() and not set(after.values()) & set(before.values())
    assert given(people, "board reporting") == other
    assert secret_path("pseudonym_planning.key").read_text() != key
    assert secret_path("pseudonym_planning.key").stat().st_mode & 0o777 == 0o600
    assert [(one.purpose, one.because, one.persons) for one in pseudonyms.rotations()] == [("planning", "an analyst left", 3)]
    assert pseudonyms.pseudonymise("planning") == 0


def test_readers_see_the_pseudonyms_before_a_rotation_or_those_after_it_and_never_some_of_each(people: FreshWarehouse) -> None:
    pseudonyms.pseudonymise("planning")
    before = given(people, "planning")
    with people.connect() as reader:
        reader.execute("set transaction isolation level repeatable read")
        query = "select person_id, pseudonym from governance.pseudonym where purpose = 'planning'"
        assert dict(reader.execute(query).fetchall()) == before
        pseudonyms.rotate("planning", "yearly")
        assert dict(reader.execute(query).fetchall()) == before
    assert not set(given(people, "planning").values()) & set(before.values())


def test_a_rotation_that_fails_leaves_everything_as_it_was(people: FreshWarehouse) -> None:
    pseudonyms.pseudonymise("planning")
    before, key = given(people, "planning"), secret_path("pseudonym_planning.key").read_text()
    with people.connect("owner") as owner:
        owner.execute("revoke insert on governance.pseudonym_rotation from cares_pipeline")
    with pytest.raises(WarehouseError):
        pseudonyms.rotate("planning", "yearly")
    assert given(people, "planning") == before
    assert secret_path("pseudonym_planning.key").read_text() == key
    assert pseudonyms.pseudonymise("planning") == 0


def test_a_rotation_that_stopped_before_its_key_was_in_place_is_finished_by_whoever_comes_next(people: FreshWarehouse) -> None:
    pseudonyms.pseudonymise("planning")
    before = secret_path("pseudonym_planning.key").read_text()
    pseudonyms.rotate("planning", "yearly")
    current = secret_path("pseudonym_planning.key")
    current.rename(secret_path("pseudonym_planning.key.next"))
    current.write_text(before)
    current.chmod(0o600)
    assert pseudonyms.pseudonymise("planning") == 0
    assert current.read_text() != before


def test_there_is_nothing_to_rotate_where_nobody_has_a_pseudonym(people: FreshWarehouse) -> None:
    with pytest.raises(pseudonyms.PseudonymKeyError, match="nothing to change"):
        pseudonyms.rotate("planning", "yearly")
    with pytest.raises(pseudonyms.PseudonymKeyError, match="say in a few words why"):
        pseudonyms.rotate("planning", " ")


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a secrets backend: each file is a key, by its name."""
    monkeypatch.setenv("CARES_SECRETS_COMMAND", f"sh -c 'cat {tmp_path}/$0'")
    (tmp_path / "pseudonym_planning.key").write_text("the first key, which nobody guesses: 0f9a7c\n")
    return tmp_path


def test_a_secrets_backend_gives_the_key_and_none_is_kept_here(people: FreshWarehouse, backend: Path) -> None:
    assert pseudonyms.pseudonymise("planning") == 3
    assert not list(secret_path("any").parent.glob("pseudonym_*"))
    key = (backend / "pseudonym_planning.key").read_bytes().strip()
    assert given(people, "planning") == {person: pseudonyms.pseudonym(key, person) for person in given(people, "planning")}


@pytest.mark.parametrize(("key", "found"), [(None, "exit status 1"), ("", "exit status 0"), ("short", "a key of 5 characters")])
def test_a_backend_without_a_good_key_is_refused(people: FreshWarehouse, backend: Path, key: str | None, found: str) -> None:
    (backend / "pseudonym_planning.key").unlink()
    if key is not None:
        (backend / "pseudonym_planning.key").write_text(key)
    with pytest.raises(pseudonyms.PseudonymKeyError, match=found):
        pseudonyms.pseudonymise("planning")
    assert not given(people, "planning")


def test_a_key_that_the_backend_changed_counts_from_the_rotation_on(people: FreshWarehouse, backend: Path) -> None:
    pseudonyms.pseudonymise("planning")
    before = given(people, "planning")
    with pytest.raises(pseudonyms.PseudonymKeyError, match="still gives the key in use"):
        pseudonyms.rotate("planning", "yearly")
    (backend / "pseudonym_planning.key").write_text("the second key, which nobody guesses: 1b77e0")
    with pytest.raises(pseudonyms.PseudonymKeyError, match="another key") as refused:
        pseudonyms.pseudonymise("planning")
    assert "nobody guesses" not in str(refused.value)
    assert pseudonyms.rotate("planning", "yearly") == 3
    assert not set(given(people, "planning").values()) & set(before.values())
