"""The audit of who opened the Shared Care Record: is it whole, and does it fit what was anchored outside the database?

Each row rests on the hash of the one before. Whoever rules the database could write all of them anew; so its head is anchored
every hour in a file of ours, outside the database, each line signed with a key of `VAR/secrets` and resting on the line before.
The database remembers how many lines there are and what the last is, so that nobody takes one of them away unseen either.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from cares import settings, warehouse
from cares.secret_files import SecretError, read_or_make_secret, secret_path

_KEY = "audit_anchor.key"
_FILE = "anchors.jsonl"
_MOMENT = "to_char({} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
# What a row's hash is made of, in this order, as text.
_HASHED = (
    "cast(number as text)", _MOMENT.format("at"), "login", "organisation", "staff", "purpose", "reason",
    "cast(person_id as text)", "asked", "relationship", "cast(is_emergency as text)", _MOMENT.format("emergency_until"),
    "outcome", "refused_because", "cast(rows as text)", "cast(build_id as text)",
)  # fmt: skip


class AuditError(Exception):
    """The audit cannot be anchored, or is not whole: says at which row or anchor, and what to do."""


@dataclass(frozen=True)
class Anchor:
    """The head of the audit at a moment: the mark of the audit, its last row's number, and that row's hash."""

    mark: str
    number: int
    hash: str
    at: str


@dataclass(frozen=True)
class Verified:
    """What became of a verification: how many rows there are, up to which one they are anchored, and where it is broken."""

    rows: int
    anchored_rows: int
    anchored_at: str | None
    problems: tuple[str, ...]


def folder() -> Path:
    """Where anchors are kept: CARES_AUDIT_ANCHORS, best on another machine, or `VAR/audit`."""
    elsewhere = os.environ.get("CARES_AUDIT_ANCHORS")
    if not elsewhere:
        return settings.var_folder("audit")
    path = Path(elsewhere).absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def anchor() -> Anchor | None:
    """Write down the head of the audit outside the database; None where nothing was added since the last anchor.

    Raises AuditError where the audit does not go on from the last anchor, or an anchor or the key was meddled with.
    """
    with _one_at_a_time(), warehouse.safe_errors():
        lines = _lines()
        anchors, problems = _read(lines)
        last = anchors[-1] if anchors else None
        with warehouse.connect("pipeline") as connection:
            mark, number, head = connection.execute("select cast(mark as text), number, hash from audit.head").fetchone()
            if problems := problems or _fewer_than_made(connection, lines):
                raise AuditError(problems[0])
            if last:
                found = connection.execute("select hash from audit.opening where number = %s", (last.number,)).fetchone()
                if last.mark != mark or found != (last.hash,):
                    raise AuditError(_does_not_fit(last, mark))
        if number == (last.number if last else 0):
            _remember(lines)
            return None
        made = Anchor(mark, number, head, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z")
        body = {"mark": made.mark, "number": made.number, "hash": made.hash, "at": made.at}
        path = folder() / _FILE
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            line = json.dumps({**body, "mac": _signed(body, lines[-1] if lines else "")})
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        _remember([*lines, line])
        return made


def verify() -> Verified:
    """Compute every hash anew and hold the audit against every anchor; changes nothing.

    What was added after the last anchor and cut off again cannot be seen. Raises AuditError where the key cannot be read.
    """
    with _one_at_a_time(), warehouse.safe_errors():
        lines = _lines()
        anchors, problems = _read(lines)
        with warehouse.connect("pipeline") as connection:
            problems = problems or _fewer_than_made(connection, lines) or _never_made(connection, lines)
    anchored = {one.number: one for one in anchors}
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute("set transaction isolation level repeatable read")
        mark, head_number, head_hash = connection.execute("select cast(mark as text), number, hash from audit.head").fetchone()
        before, rows = hashlib.sha256(mark.encode()).hexdigest(), 0
        with connection.cursor(name="audit") as cursor:
            cursor.itersize = 10_000
            cursor.execute(
                f"select previous_hash, hash, number, {', '.join(_HASHED)} from audit.opening order by opening.number".encode()
            )
            for previous, own, number, *parts in cursor:
                rows += 1
                if number != rows:
                    problems.append(f"Broken at row {rows}: it is gone; row {number} comes next.")
                    break
                if previous != before or own != digest(previous, parts):
                    problems.append(f"Broken at row {number}: it was changed after it was written.")
                    break
                if number in anchored and anchored[number].hash != own:
                    problems.append(f"Broken at row {number} or before: it is not what was anchored at {anchored[number].at}.")
                    break
                before = own
        if not problems and (head_number, head_hash) != (rows, before):
            problems.append(f"Broken at row {rows + 1}: the audit says that its last row is {head_number}, and {rows} are there.")
        forged = connection.execute(
            """select min(number) from audit.asked_number join audit.opening using (number)
               where opening.asked is distinct from
                   encode(sha256(convert_to(asked_number.salt || asked_number.nhs_number, 'UTF8')), 'hex')"""
        ).fetchone()[0]
    if forged:
        problems.append(f"Broken at row {forged}: the number that was asked for was changed.")
    last = anchors[-1] if anchors else None
    if last and last.mark != mark:
        problems.append(_does_not_fit(last, mark))
    elif last and last.number > rows and not problems:
        problems.append(f"Broken at row {rows + 1}: {last.number} rows were anchored at {last.at}, and {rows} are there.")
    return Verified(rows, last.number if last else 0, last.at if last else None, tuple(problems))


def digest(previous: str, parts: list[str | None]) -> str:
    """The hash of a row: SHA-256 of the hash before and its parts, each with its length in bytes; as `audit.digest` has it."""
    text = previous + "".join("|-" if part is None else f"|{len(part.encode())}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(lines: list[str]) -> tuple[list[Anchor], list[str]]:
    """The anchors on file, up to the first that is not as we wrote it, and the problem there."""
    anchors: list[Anchor] = []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            signature = entry.pop("mac")
            anchors.append(Anchor(**entry))
        except (ValueError, KeyError, TypeError, AttributeError):
            entry, signature = {}, ""
        expected = _signed(entry, lines[number - 2] if number > 1 else "")
        if not isinstance(signature, str) or not hmac.compare_digest(signature.encode(), expected.encode()):
            return anchors[: number - 1], [
                f"Anchor {number} in {folder() / _FILE} is not as it was written, or the key {secret_path(_KEY)} is another one. "
                "Find out who changed it; put back your own copy."
            ]
    return anchors, []


def _fewer_than_made(connection: psycopg.Connection, lines: list[str]) -> list[str]:
    """The problem if anchors that the database remembers are not on file, or the last of them is another."""
    made, last = connection.execute("select anchors, last_anchor from audit.head").fetchone()
    if len(lines) < made:
        return [
            f"{made} anchors were made, and {len(lines)} are in {folder() / _FILE}: somebody took the others away, or it is "
            "another folder than before. Find out who; put back your own copy."
        ]
    if made and _hash(lines[made - 1]) != last:
        return [
            f"Anchor {made} in {folder() / _FILE} is not the one that was made. Find out who changed it; put back your own copy."
        ]
    return []


def _never_made(connection: psycopg.Connection, lines: list[str]) -> list[str]:
    """The problem if there is no anchor although openings are older than the hour after which there has to be one."""
    is_due = connection.execute(
        "select exists (select from audit.opening where at < clock_timestamp() - interval '1 hour')"
    ).fetchone()[0]
    if lines or not is_due:
        return []
    return [
        f"No anchor is in {folder() / _FILE}, and openings are older than an hour. Either the hourly run (watch_record) does not "
        "run: cares audit anchor; or somebody took the anchors away."
    ]


def _remember(lines: list[str]) -> None:
    """Let the database know what is on file; an interruption between both is made up for by the next anchor."""
    if lines:
        with warehouse.connect("pipeline") as connection:
            connection.execute("select audit.anchored(%s, %s)", (len(lines), _hash(lines[-1])))


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def _does_not_fit(last: Anchor, mark: str) -> str:
    if last.mark != mark:
        return (
            f"The anchors in {folder() / _FILE} are those of another audit ({last.number} rows, {last.at}). If the warehouse was "
            "made anew on purpose, move that file to where it is kept; if not, somebody has replaced the audit."
        )
    return f"Broken at row {last.number} or before: it is not what was anchored at {last.at}. Where: cares audit verify"


def _signed(body: dict[str, object], line_before: str) -> str:
    try:
        key = read_or_make_secret(_KEY)
    except SecretError as error:
        raise AuditError(str(error)) from None
    return hmac.digest(key.encode(), (line_before + json.dumps(body, sort_keys=True)).encode(), "sha256").hex()


def _lines() -> list[str]:
    path = folder() / _FILE
    return path.read_text("utf-8").splitlines() if path.exists() else []


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep other processes from the anchors meanwhile."""
    handle = os.open(folder() / "anchors.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
