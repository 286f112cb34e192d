"""A real SFTP server on this machine for a test, and a wire to it that can be cut."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

LOGIN, PASSWORD = "torus", "Geheimnis-7!/@"


@dataclass
class SftpServer:
    """A running server: where it listens, its host key as a connection names it, and the folder that it shows."""

    port: int
    host_key: str
    folder: Path

    def connection(self, **others: Any) -> str:
        """The Airflow connection to it, as the value of an environment variable; `others` take the place of what is right."""
        extra = {"host_key": self.host_key, "folder": "/outbox", **others.pop("extra", {})}
        extra = {name: value for name, value in extra.items() if value is not None}
        right = {"conn_type": "sftp", "host": "127.0.0.1", "port": self.port, "login": LOGIN, "password": PASSWORD}
        return json.dumps({**right, "extra": extra, **others})


class _Login(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (LOGIN, PASSWORD)


@contextmanager
def sftp_server(folder: Path) -> Iterator[SftpServer]:
    """A server that shows a folder, with a host key of its own, until the end."""
    key = asyncssh.generate_private_key("ssh-ed25519")

    async def listen() -> Any:
        return await asyncssh.create_server(
            _Login,
            "127.0.0.1",
            0,
            server_host_keys=[key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder).encode()),
        )

    with _loop() as run:
        server = run(listen())
        try:
            yield SftpServer(server.get_port(), key.export_public_key().decode().strip(), folder)
        finally:

            async def close() -> None:
                server.close()
                await server.wait_closed()

            run(close())


@dataclass
class Wire:
    """A wire to a server: what comes from there is cut off after so many bytes, as often as `cut_after` has numbers."""

    port: int
    cut_after: list[int] = field(default_factory=list)
    carried: int = 0


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """A wire to a port of this machine, until the end."""
    wire = Wire(0)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(4096):
                if most is not None:
                    wire.carried += len(chunk)
                    if wire.carried > most:
                        return
                writer.write(chunk)
                await writer.drain()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        wire.carried = 0
        most = wire.cut_after.pop(0) if wire.cut_after else None
        both = [asyncio.create_task(carry(reader, back, None)), asyncio.create_task(carry(there, writer, most))]
        with suppress(asyncio.CancelledError):
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task, end in zip(both, (back, writer), strict=True):
            task.cancel()
            end.transport.abort()

    with _loop() as run:
        server = run(asyncio.start_server(connected, "127.0.0.1", 0))
        wire.port = server.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:

            async def close() -> None:
                server.close()

            run(close())


@contextmanager
def _loop() -> Iterator[Any]:
    """Runs what a test asks of a server, and the server meanwhile, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def finish() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def run(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    try:
        yield run
    finally:
        run(finish())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
