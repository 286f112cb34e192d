"""A real web server over TLS for a test, which keeps a folder, serves parts of files, and whose transfers can be cut."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from transports.mesh_server import make_certificates

LOGIN, PASSWORD = "torus", "Geheimnis-7!/@"


class HttpsServer(ThreadingHTTPServer):
    """Listens on a port of this machine; what lies in `folder` / outbox is at `<address>/outbox`.

    What a test sets: `authorization`, that a request must have; `cut_after`, the bytes of an answer after which the connection
    ends, from then on; `answers`, the status of each path that is answered with one; `leads_to`, where each path leads that
    leads elsewhere; `has_ranges`, whether parts of files are served. `asked` are method, path and headers of the requests so far.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.folder = folder
        self.authorization = "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
        self.cut_after: int | None = None
        self.answers: dict[str, int] = {}
        self.leads_to: dict[str, str] = {}
        self.has_ranges = True
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    def connection(self, **others: Any) -> str:
        """The Airflow connection to it, as the value of an environment variable; `others` take the place of what is right."""
        extra = {"folder": "outbox", "ca": str(self.folder / "ca"), **others.pop("extra", {})}
        extra = {name: value for name, value in extra.items() if value is not None}
        right = {"conn_type": "generic", "host": "127.0.0.1", "port": self.port, "login": LOGIN, "password": PASSWORD}
        return json.dumps({**right, "extra": extra, **others})

    def offer(self, feed: str, deliveries: Mapping[str, Mapping[str, bytes]]) -> None:
        """Put deliveries of a feed there, and then the list of all of them."""
        lines = ["folder,file,bytes,sha256"]
        for folder, files in deliveries.items():
            (self.outbox / feed / folder).mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (self.outbox / feed / folder / name).write_bytes(content)
                lines.append(f"{folder},{name},{len(content)},{hashlib.sha256(content).hexdigest()}")
        self.list(feed, "\n".join([*lines, ""]).encode())

    def list(self, feed: str, content: bytes) -> None:
        """Put a list there."""
        (self.outbox / feed).mkdir(parents=True, exist_ok=True)
        (self.outbox / feed / "deliveries.csv").write_bytes(content)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: who is cut off, or does not trust the certificate, is the test's matter."""


class _Conversation(BaseHTTPRequestHandler):
    server: HttpsServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self._is_let_in():
            path = self.server.folder / self.path.lstrip("/")
            if path.is_file():
                self._serve(path.read_bytes())
            else:
                self._answer(404)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self._is_let_in():
            path = self.server.folder / self.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self._answer(201)

    def _is_let_in(self) -> bool:
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        if self.headers.get("Authorization") != self.server.authorization:
            self._answer(401)
        elif target := self.server.leads_to.get(self.path):
            self._answer(302, Location=target)
        elif status := self.server.answers.get(self.path):
            self._answer(status)
        else:
            return True
        return False

    def _serve(self, content: bytes) -> None:
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and self.server.has_ranges and self.headers.get("If-Range", tag) == tag:
            start = int(wanted[1])
            ranges = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self._answer(206, content[start:], ETag=tag, **ranges)
        else:
            self._answer(200, content, ETag=tag)

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        cut = self.server.cut_after
        self.wfile.write(content[:cut])
        if cut is not None and len(content) > cut:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test looks at `asked`."""


@contextmanager
def https_server(folder: Path) -> Iterator[HttpsServer]:
    """A web server that runs while the block goes on; its files and its certificates are in `folder`."""
    make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    with HttpsServer(folder) as server:
        # Shaking hands is left to the thread of each request, so that one who does not keeps no other waiting.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()
