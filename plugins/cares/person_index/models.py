"""The models that were learned, and the one by which the index judges."""

from __future__ import annotations

import hashlib
import json

import psycopg

from cares.embedded_server import WarehouseError
from cares.person_index import clustering
from cares.person_index.model import Model
from cares.settings import var_folder


def in_force(connection: psycopg.Connection) -> Model:
    """The model that was put in force last, or the one that comes with the project.

    Raises WarehouseError where its file is gone or is not what was put in force.
    """
    row = connection.execute("select path_name, sha256 from person_index.model where is_in_force").fetchone()
    if not row:
        return Model.load()
    path = var_folder("person_index", "models") / row[0]
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != row[1]:
        raise WarehouseError(
            f"The model in force, {row[0]}, is not in the folder person_index/models of the run-time state as it was put there. "
            "Put it back from a copy, or put another in force: cares person-index train"
        )
    return Model.load(path)


def put_in_force(connection: psycopg.Connection, model: Model) -> None:
    """Keep a model's file in the protected folder, and judge by it from the next update on, which compares everything."""
    path = var_folder("person_index", "models") / f"{model.version}.json"
    model.save(path)
    path.chmod(0o600)
    connection.execute("update person_index.model set is_in_force = false where is_in_force")
    connection.execute(
        """
        insert into person_index.model (version, trained_at, trained_on_records, path_name, sha256, thresholds, is_in_force)
        values (%s, now(), %s, %s, %s, %s, true)
        on conflict (version) do update set is_in_force = true, sha256 = excluded.sha256
        """,
        (
            model.version,
            model.trained_on,
            path.name,
            hashlib.sha256(path.read_bytes()).hexdigest(),
            json.dumps({"linked_from": clustering.LINKED_FROM, "grey_from": clustering.GREY_FROM}),
        ),
    )


def put_back_in_force(connection: psycopg.Connection, version: str) -> None:
    """Judge by a model of before, or by the one that comes with the project (shipped), from the next update on.

    Raises WarehouseError, and changes nothing, where there is no such model or its file is not as it was kept.
    """
    known = [name for (name,) in connection.execute("select version from person_index.model order by trained_at")]
    if version not in (*known, "shipped"):
        raise WarehouseError(f"There is no model {version} here. There are: {', '.join((*known, 'shipped'))}")
    connection.execute("update person_index.model set is_in_force = false where is_in_force")
    connection.execute("update person_index.model set is_in_force = true where version = %s", (version,))
    in_force(connection)
