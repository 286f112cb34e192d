"""Pseudonyms: one for each person and purpose, made with a secret key that stands in no table, file of ours or log.

The key of a purpose is a file in `VAR/secrets`, readable by its owner alone; or a secrets backend gives it:
CARES_SECRETS_COMMAND is a command that is run with the name of the key as its last argument, like
`vault kv get -field=key secret/cares/pseudonym_planning.key`, and prints the key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shlex
import subprocess
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from cares import warehouse
from cares.secret_files import SecretError, read_or_make_secret, read_secret, secret_path

COMMAND = "CARES_SECRETS_COMMAND"
_SHORTEST_KEY = 32  # characters
_SECONDS_FOR_A_KEY = 30


class PseudonymKeyError(Exception):
    """The key of a purpose is missing, another one, too short, or can be read by others: says which key, never the key."""


@dataclass(frozen=True)
class Rotation:
    """One change of a purpose's key: since then its people have other pseudonyms."""

    purpose: str
    at: datetime
    by: str
    because: str
    persons: int


def pseudonymise(purpose: str) -> int:
    """Give every person of the index that has none a pseudonym for `purpose`; returns how many were given.

    A pseudonym is HMAC-SHA256 of the person's id under the key of the purpose, which is made when the
    purpose is first used. Raises PseudonymKeyError if the key is gone, or another one, although pseudonyms made with it
    are in use, or if other users can read it; `WarehouseError` if the database refuses.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        one = _one_in_use(connection, purpose)
        key = _key_in_use(purpose, one)
        persons = connection.execute(
            """
            select person_id from person_index.person
            where not exists (
                select from governance.pseudonym
                where pseudonym.person_id = person.person_id and pseudonym.purpose = %s
            )
            """,
            (purpose,),
        ).fetchall()
        _write(connection, purpose, key, [person_id for (person_id,) in persons])
    return len(persons)


def pseudonym(key: bytes, person_id: int) -> str:
    """The pseudonym of a person under a key: 32 hexadecimal digits."""
    return hmac.digest(key, str(person_id).encode(), hashlib.sha256).hex()[:32]


def rotate(purpose: str, because: str) -> int:
    """Give everybody who has a pseudonym for `purpose` another one, under another key; returns how many they are.

    It is one transaction: readers of every build see the pseudonyms before or those after, and never some of each. A key in
    a file is made anew; one of a secrets backend must have been changed there before. Raises PseudonymKeyError where there is
    nothing to change or no other key, or the reason is missing.
    """
    because = " ".join(because.split())
    if not because:
        raise PseudonymKeyError("because: is empty; say in a few words why the key is changed")
    with warehouse.safe_errors():
        with warehouse.connect("pipeline") as connection:
            one = _one_in_use(connection, purpose)
            if one is None:
                raise PseudonymKeyError(f"Nobody has a pseudonym for {purpose!r}: there is nothing to change.")
            key = _next_key(purpose, one)
            persons = connection.execute("select person_id from governance.pseudonym where purpose = %s", (purpose,)).fetchall()
            connection.execute("delete from governance.pseudonym where purpose = %s", (purpose,))
            _write(connection, purpose, key, [person_id for (person_id,) in persons])
            connection.execute(
                "insert into governance.pseudonym_rotation (purpose, by, because, persons) values (%s, %s, %s, %s)",
                (purpose, warehouse.who_is_at_work(), because, len(persons)),
            )
        if not _command():
            _put_next_key_in_place(purpose)
    return len(persons)


def rotations() -> list[Rotation]:
    """Every change of a key, the latest first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            "select purpose, at, by, because, persons from governance.pseudonym_rotation order by rotation_id desc"
        ).fetchall()
    return [Rotation(*row) for row in rows]


def _one_in_use(connection: psycopg.Connection[Any], purpose: str) -> tuple[int, str] | None:
    """Somebody with the pseudonym they have; keeps others from giving or changing pseudonyms until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtext('cares.pseudonyms'))")
    return connection.execute(
        "select person_id, pseudonym from governance.pseudonym where purpose = %s limit 1", (purpose,)
    ).fetchone()


def _write(connection: psycopg.Connection[Any], purpose: str, key: bytes, persons: list[int]) -> None:
    with connection.cursor().copy("copy governance.pseudonym (purpose, person_id, pseudonym) from stdin") as copy:
        for person_id in persons:
            copy.write_row((purpose, person_id, pseudonym(key, person_id)))


def _key_in_use(purpose: str, one: tuple[int, str] | None) -> bytes:
    """The key of a purpose, which must be the one with which `one` was made."""
    if command := _command():
        key = _key_of_backend(command, purpose)
        if one and not _made(one, key):
            raise PseudonymKeyError(
                f"The secrets backend gives another key for {_name(purpose)} than the one in use. If it was changed there on "
                f"purpose: cares pseudonym rotate '{purpose}' --because ...; otherwise put the former one back."
            )
        return key
    path = secret_path(_name(purpose))
    if one and not path.exists():
        raise PseudonymKeyError(
            f"The key {path} is gone, and pseudonyms made with it are in use. Put it back from your own backup: "
            "a new one would give the same person two pseudonyms."
        )
    key = _key_of_file(_name(purpose))
    if one and not _made(one, key):
        # A change of the key that did not come to its end: the database has it, the file does not.
        if not secret_path(_name_of_next(purpose)).exists() or not _made(one, _key_of_file(_name_of_next(purpose))):
            raise PseudonymKeyError(
                f"The key {path} is another one than that with which the pseudonyms in use were made. Put that one back from your "
                "own backup."
            )
        _put_next_key_in_place(purpose)
        key = _key_of_file(_name(purpose))
    return key


def _next_key(purpose: str, one: tuple[int, str]) -> bytes:
    """Another key than the one in use: of the secrets backend, or made now, beside the one in use."""
    if command := _command():
        key = _key_of_backend(command, purpose)
        if _made(one, key):
            raise PseudonymKeyError(
                f"The secrets backend still gives the key in use for {_name(purpose)}. Change it there first, then run this again."
            )
        return key
    _key_in_use(purpose, one)
    secret_path(_name_of_next(purpose)).unlink(missing_ok=True)
    return _key_of_file(_name_of_next(purpose))


def _put_next_key_in_place(purpose: str) -> None:
    secret_path(_name_of_next(purpose)).replace(secret_path(_name(purpose)))


def _key_of_file(name: str) -> bytes:
    try:
        read_or_make_secret(name)
        return read_secret(name).encode()
    except SecretError as error:
        raise PseudonymKeyError(str(error)) from None


def _key_of_backend(command: str, purpose: str) -> bytes:
    name = _name(purpose)
    try:
        # What it says on standard error may hold the key; it goes nowhere.
        answer = subprocess.run(
            [*shlex.split(command), name], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS_FOR_A_KEY, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise PseudonymKeyError(
            f"{COMMAND} did not give the key {name} ({type(error).__name__}). Try it by hand, with that name as its last argument."
        ) from None
    key = answer.stdout.strip()
    if answer.returncode or not key:
        raise PseudonymKeyError(
            f"{COMMAND} did not give the key {name} (exit status {answer.returncode}). Try it by hand, with that name as its last "
            "argument."
        )
    if len(key) < _SHORTEST_KEY:
        raise PseudonymKeyError(
            f"{COMMAND} gives a key of {len(key)} characters for {name}; expected are {_SHORTEST_KEY} or more, made at random."
        )
    return key


def _made(one: tuple[int, str], key: bytes) -> bool:
    person_id, given = one
    return hmac.compare_digest(pseudonym(key, person_id), given)


def _command() -> str:
    return os.environ.get(COMMAND, "").strip()


def _name(purpose: str) -> str:
    return f"pseudonym_{purpose.replace(' ', '_')}.key"


def _name_of_next(purpose: str) -> str:
    return f"{_name(purpose)}.next"
