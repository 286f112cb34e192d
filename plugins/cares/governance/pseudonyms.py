"""Pseudonyms: one for each person and purpose, made with a secret key that never leaves `VAR/secrets`."""

from __future__ import annotations

import hashlib
import hmac

from cares import warehouse
from cares.secret_files import SecretError, read_or_make_secret, secret_path


class PseudonymKeyError(Exception):
    """The key of a purpose is missing or can be read by others: says which file, never the key."""


def pseudonymise(purpose: str) -> int:
    """Give every person of the index that has none a pseudonym for `purpose`; returns how many were given.

    A pseudonym is HMAC-SHA256 of the person's id under the key of the purpose, which is made when the
    purpose is first used. Raises PseudonymKeyError if the key is gone although pseudonyms made with it
    are in use, or if other users can read it; `WarehouseError` if the database refuses.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.pseudonyms'))")
        in_use = connection.execute("select exists (select from governance.pseudonym where purpose = %s)", (purpose,)).fetchone()[
            0
        ]
        key = _key(purpose, in_use)
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
        with connection.cursor().copy("copy governance.pseudonym (purpose, person_id, pseudonym) from stdin") as copy:
            for (person_id,) in persons:
                copy.write_row((purpose, person_id, pseudonym(key, person_id)))
    return len(persons)


def pseudonym(key: bytes, person_id: int) -> str:
    """The pseudonym of a person under a key: 32 hexadecimal digits."""
    return hmac.digest(key, str(person_id).encode(), hashlib.sha256).hex()[:32]


def _key(purpose: str, in_use: bool) -> bytes:
    name = f"pseudonym_{purpose.replace(' ', '_')}.key"
    path = secret_path(name)
    if in_use and not path.exists():
        raise PseudonymKeyError(
            f"The key {path} is gone, and pseudonyms made with it are in use. Put it back from your own backup: "
            "a new one would give the same person two pseudonyms."
        )
    try:
        return read_or_make_secret(name).encode()
    except SecretError as error:
        raise PseudonymKeyError(str(error)) from None
