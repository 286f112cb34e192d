"""NHS England's own local MESH server, for a test: over TLS, and with our certificate asked for, as the real one has it."""

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
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cares import settings
from cares.transports.mesh import Client

PYTHON = settings.ROOT / ".venv-servers" / "bin" / "python"
# The server has these mailboxes, all with one password.
OURS, SENDER, STRANGER = "X26ABC1", "X26ABC2", "X26ABC3"
PASSWORD = "password"
SHARED_KEY = "shared-by-all-of-this-environment"
_SECONDS_TO_START = 60


@dataclass(frozen=True)
class MeshServer:
    """A MESH server that runs at a port of this machine; `folder` has the certificates, keys and the shared key."""

    port: int
    folder: Path

    @property
    def extra(self) -> dict[str, str]:
        """What an Airflow connection to it has in its extra."""
        return {name: str(self.folder / name) for name in ("certificate", "key", "ca", "shared_key")}

    def mailbox(self, name: str) -> Client:
        """One of its mailboxes, as its own holder opens it; to be closed."""
        address, certificate = f"https://127.0.0.1:{self.port}", (self.extra["certificate"], self.extra["key"])
        return Client(address, name, PASSWORD, shared_key=SHARED_KEY.encode(), cert=certificate, verify=self.extra["ca"])

    def send(self, sender: str, workflow: str, name: str, content: bytes, **more: Any) -> None:
        """Send a message to our mailbox."""
        with self.mailbox(sender) as theirs:
            theirs.send_message(OURS, content, workflow_id=workflow, filename=name, **more)

    def waiting(self, name: str) -> list[str]:
        """The names of the files that wait in a mailbox, unacknowledged."""
        with self.mailbox(name) as box:
            return [box.headers(number)["Mex-FileName"] for number in box.iterate_message_ids()]

    def empty(self) -> None:
        """Remove all messages."""
        self._ask("DELETE", "/admin/reset")

    def has_started(self) -> bool:
        """Whether it answers."""
        try:
            self._ask("GET", "/health")
        except OSError:
            return False
        return True

    def report(self, workflow: str, why: str) -> None:
        """Let MESH say in our mailbox that something we sent did not arrive."""
        told = {"mailbox_id": OURS, "workflow_id": workflow, "code": "14", "description": why}
        self._ask("POST", "/messageexchange/admin/report", json.dumps(told).encode())

    def _ask(self, method: str, path: str, content: bytes | None = None) -> None:
        context = ssl.create_default_context(cafile=self.folder / "ca")
        context.load_cert_chain(self.folder / "certificate", self.folder / "key")
        address, headers = f"https://127.0.0.1:{self.port}{path}", {"Content-Type": "application/json"}
        request = urllib.request.Request(address, content, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        opener.open(request, timeout=10).close()


@contextmanager
def mesh_server(folder: Path) -> Iterator[MeshServer]:
    """A MESH server with empty mailboxes, that runs while the block goes on; its files go into `folder`."""
    make_certificates(folder)
    (folder / "shared_key").write_text(SHARED_KEY)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = MeshServer(free.getsockname()[1], folder)
    tls = f"--ssl-certfile certificate --ssl-keyfile key --ssl-ca-certs ca --ssl-cert-reqs {int(ssl.CERT_REQUIRED)}"
    command = f"-W ignore -m uvicorn mesh_sandbox.api:app --port {server.port} --log-level warning {tls}"
    with (folder / "mesh.log").open("wb") as log:
        process = subprocess.Popen(
            [PYTHON, *command.split()],
            env={**os.environ, "STORE_MODE": "memory", "AUTH_MODE": "full", "SHARED_KEY": SHARED_KEY},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        give_up_at = time.monotonic() + _SECONDS_TO_START
        while not server.has_started():
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError("the MESH server did not start:\n" + (folder / "mesh.log").read_text()[-2000:])
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(_SECONDS_TO_START)


def make_certificates(folder: Path) -> None:
    """An authority, and a certificate of it for 127.0.0.1 that serves for the server and for whoever comes to it."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority of a test")])
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    of_authority = (
        _certificate(authority, authority, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    of_server = _certificate(name, authority, key.public_key()).add_extension(address, critical=False)
    (folder / "ca").write_bytes(of_authority.public_bytes(serialization.Encoding.PEM))
    (folder / "certificate").write_bytes(of_server.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer, subject, key, x509.random_serial_number(), now - timedelta(hours=1), now + timedelta(days=1)
    )
