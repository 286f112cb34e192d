"""A real server of object storage for a test: moto's, which speaks S3, over TLS."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import s3fs

from transports.mesh_server import PYTHON, make_certificates

BUCKET = "cares-outbox"
LOGIN, PASSWORD = "AKIAEXAMPLE", "Geheimnis-7!/@"
_SECONDS_TO_START = 60


@dataclass(frozen=True)
class ObjectStorageServer:
    """A server that runs at a port of this machine, with one bucket; `folder` has its certificates."""

    port: int
    folder: Path

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def connection(self, **others: Any) -> str:
        """The Airflow connection to it, as the value of an environment variable; `others` take the place of what is right."""
        extra = {
            "address": f"s3://{BUCKET}/outbox",
            "endpoint": self.endpoint,
            "region": "eu-west-2",
            "ca": str(self.folder / "ca"),
        }
        extra = {name: value for name, value in {**extra, **others.pop("extra", {})}.items() if value is not None}
        return json.dumps({"conn_type": "generic", "login": LOGIN, "password": PASSWORD, "extra": extra, **others})

    @cached_property
    def files(self) -> s3fs.S3FileSystem:
        """The bucket as its sender reaches it."""
        client = {"endpoint_url": self.endpoint, "region_name": "eu-west-2", "verify": str(self.folder / "ca")}
        return s3fs.S3FileSystem(
            key=LOGIN, secret=PASSWORD, client_kwargs=client, use_listings_cache=False, skip_instance_cache=True
        )

    def put(self, key: str, content: bytes) -> None:
        """Put an object into the outbox; `key` is like torus/tenancies/2019-03/tenancies.csv."""
        self.files.pipe_file(f"{BUCKET}/outbox/{key}", content)

    def empty(self) -> None:
        """Remove everything, but for the empty bucket."""
        self.ask("POST", "/moto-api/reset")
        self.files.mkdir(BUCKET)

    def ask(self, method: str, path: str, content: bytes | None = None) -> None:
        """Ask for what is none of S3."""
        context = ssl.create_default_context(cafile=self.folder / "ca")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        headers = {"Content-Type": "text/plain"}
        opener.open(urllib.request.Request(f"{self.endpoint}{path}", content, headers, method=method), timeout=10).close()

    def has_started(self) -> bool:
        """Whether it answers."""
        try:
            self.ask("GET", "/moto-api/")
        except OSError:
            return False
        return True


@contextmanager
def object_storage_server(folder: Path) -> Iterator[ObjectStorageServer]:
    """A server with an empty bucket, that runs while the block goes on; its files go into `folder`."""
    if not PYTHON.exists():
        pytest.skip("the test servers are not installed; `make test` does it")
    make_certificates(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = ObjectStorageServer(free.getsockname()[1], folder)
    command = f"-W ignore -m moto.server -H 127.0.0.1 -p {server.port} -s -c certificate -k key"
    with (folder / "moto.log").open("wb") as log:
        # Its own environment must not lead it to anybody's real account.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        process = subprocess.Popen([PYTHON, *command.split()], cwd=folder, env=clean, stdout=log, stderr=log)
    try:
        give_up_at = time.monotonic() + _SECONDS_TO_START
        while not server.has_started():
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError("the server of object storage did not start:\n" + (folder / "moto.log").read_text()[-2000:])
            time.sleep(0.1)
        server.files.mkdir(BUCKET)
        yield server
    finally:
        process.terminate()
        process.wait(_SECONDS_TO_START)
