"""HTTPS: a folder of a server, `<address>/<feed>/`, in which a list says what waits and is complete.

The list is `deliveries.csv`, with the columns `folder,file,bytes,sha256` and one line for each file; the files are
`<address>/<feed>/<folder>/<file>`. What the list names is complete: the sender puts it there last, and whole. A transfer goes on
where it was cut by a range request (RFC 9110, section 14), and a file is what its size and SHA-256 in the list say.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from cares.contracts import Feed
from cares.deliveries.sent_files import DONE, UNFINISHED, printable
from cares.transports import RETURNS, Offer, OfferedFile, TransportProblem, TransportRefused, causes

LIST = "deliveries.csv"
COLUMNS = ["folder", "file", "bytes", "sha256"]
_LONGEST_LIST = 16 << 20
_SECONDS_TO_ANSWER = 60
# So often does a transfer go on at once, while it gets further; after that, whoever asked for it waits and tries again.
_CUTS = 3
_EXTRA = {"ca", "folder", "returns"}
_LOGIN_REFUSED, _GONE, _LATER = (401, 403), (404, 410), (408, 425, 429)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_SIZE, _SHA256 = re.compile(r"[0-9]{1,15}"), re.compile(r"[0-9a-fA-F]{64}")

_log = logging.getLogger(__name__)


class Https:
    """Deliveries on a web server; letters are put into `<address>/<feed>/returns/` where it takes them.

    `client` verifies the server's certificate and carries the login; `address` is without a slash at the end; `place` names feed,
    way and connection, for what is said when something is wrong.
    """

    def __init__(self, client: httpx.Client, address: str, place: str, *, takes_returns: bool) -> None:
        self.client = client
        self.address = address
        self.place = place
        self.takes_returns = takes_returns

    def offers(self, feed: Feed) -> list[Offer]:
        """The deliveries in the list, oldest period first; none where there is no list, which the log says.

        A list with a line that cannot be read is refused as a whole, because nobody knows which delivery would lack a file.
        """
        what = f"{_name(feed)}/{LIST}"
        with self._told(what), self.client.stream("GET", f"{self.address}/{what}") as response:
            if response.status_code in _GONE:
                _log.info("%s: is not there, so nothing waits", self._place(what))
                return []
            self._check(response, what)
            content = bytearray()
            for block in response.iter_bytes():
                content += block
                if len(content) > _LONGEST_LIST:
                    raise TransportRefused(
                        f"{self._place(what)}: is longer than {_LONGEST_LIST:,} bytes; ask the sender to leave out deliveries that were "
                        "taken long ago"
                    )
        folders: dict[str, dict[str, OfferedFile]] = {}
        for line, folder, file in self._lines(what, bytes(content)):
            if file.name in folders.setdefault(folder, {}):
                raise self._malformed(what, line, "names a file of a delivery a second time")
            folders[folder][file.name] = file
        offers = []
        for folder in sorted(folders):
            files = tuple(file for name, file in sorted(folders[folder].items()) if not name.endswith(DONE))
            if files:
                offers.append(Offer(folder, _signature(files), files, f"{_name(feed)}/{quote(folder, safe='')}"))
        return offers

    def read(self, offer: Offer, file: OfferedFile, start: int) -> Iterator[bytes]:
        """A file's bytes from `start` on; see `Transport`. Where the connection is cut, it goes on by itself a few times."""
        what = f"{offer.reference}/{quote(file.name, safe='')}"
        place, tag, cuts = start, None, 0
        while True:
            began = place
            try:
                with (
                    self._told(what),
                    self.client.stream("GET", f"{self.address}/{what}", headers=_asking(place, tag)) as response,
                ):
                    if response.status_code in _GONE:
                        raise TransportProblem(
                            f"{self._place(what)}: is in {LIST} and is not there; ask the sender to put it there, or to correct {LIST}"
                        )
                    self._check(response, what)
                    before = self._what_comes_again(response, what, place, tag, file.size)
                    tag = _strong(response)
                    # As they come: blocks of a size would be lost where the connection is cut in one.
                    for block in response.iter_raw():
                        if before < len(block):
                            place += len(block) - before
                            yield block[before:]
                        before = max(0, before - len(block))
                return
            except _Cut as cut:
                cuts += 1
                if tag is None or place == began or cuts > _CUTS:
                    raise TransportProblem(str(cut)) from None

    def registered(self, offer: Offer) -> None:
        """Nothing: what was fetched stays with its sender."""

    def send(self, feed: Feed, name: str, content: bytes) -> None:
        """Put a letter or a list on the server; see `SendsBack`."""
        what = f"{_name(feed)}/{RETURNS}/{quote(name, safe='')}"
        with self._told(what):
            # After most redirects the other page would be asked for, and nothing sent to it.
            response = self.client.put(f"{self.address}/{what}", content=content, follow_redirects=False)
            if response.is_redirect or response.status_code in (*_GONE, 405, 409):
                raise TransportRefused(
                    f"{self._place(what)}: the server does not take it ({response.status_code}); ask who runs it to make the folder "
                    f"{_name(feed)}/{RETURNS} and allow PUT there, or remove 'returns' from the connection's extra"
                )
            self._check(response, what)

    def _lines(self, what: str, content: bytes) -> Iterator[tuple[int, str, OfferedFile]]:
        """Line, folder and file of each line of the list after its header."""
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._malformed(what, content.count(b"\n", 0, error.start) + 1, "is not UTF-8") from None
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            header = [column.strip().casefold() for column in next(reader, [])]
            if sorted(header) != sorted(COLUMNS):
                raise self._malformed(what, 1, f"is not the header {','.join(COLUMNS)}")
            for fields in reader:
                if fields:
                    yield reader.line_num, *self._line(what, reader.line_num, header, fields)
        except csv.Error:
            raise self._malformed(what, reader.line_num, "has quotation marks where a CSV file has none") from None

    def _line(self, what: str, line: int, header: list[str], fields: list[str]) -> tuple[str, OfferedFile]:
        if len(fields) != len(header):
            raise self._malformed(what, line, f"has {len(fields)} fields and not {len(header)}")
        told = dict(zip(header, fields, strict=True))
        if not told["folder"] or not told["file"]:
            raise self._malformed(what, line, "names no folder or no file")
        if told["file"].endswith(UNFINISHED):
            raise self._malformed(what, line, "names a file that is still being written; it is listed when it is whole")
        if not _SIZE.fullmatch(told["bytes"]):
            raise self._malformed(what, line, "does not give the file's size in 'bytes' as a whole number, like 1048576")
        if not _SHA256.fullmatch(told["sha256"]):
            raise self._malformed(what, line, "does not give the file's SHA-256 in 'sha256', as 64 digits from 0 to f")
        return told["folder"], OfferedFile(told["file"], int(told["bytes"]), told["sha256"].lower())

    def _malformed(self, what: str, line: int, problem: str) -> TransportRefused:
        return TransportRefused(
            f"{self._place(what)}: line {line:,} {problem}, so nothing was fetched; ask the sender to correct the list"
        )

    def _what_comes_again(self, response: httpx.Response, what: str, start: int, tag: str | None, size: int | None) -> int:
        """How many of the bytes that are coming came before. Raises TransportProblem where it is another file by now."""
        total = response.headers.get("content-length", "*")
        again = start
        if response.status_code == httpx.codes.PARTIAL_CONTENT:
            found = _RANGE.fullmatch(response.headers.get("content-range", ""))
            if not found or int(found[1]) != start:
                raise TransportProblem(f"{self._place(what)}: the server sent another part than was asked for; it is tried again")
            total, again = found[2], 0
        if tag is not None and _strong(response) != tag or total.isdecimal() and int(total) != size:
            raise TransportProblem(
                f"{self._place(what)}: changed while it was fetched, or is not as long as {LIST} says; it is tried again. If it stays so, ask "
                "the sender to put the file there anew and its size and SHA-256 into the list after it"
            )
        return again

    def _check(self, response: httpx.Response, what: str) -> None:
        """Raise TransportRefused or TransportProblem for an answer that is not what was asked for."""
        status, place = response.status_code, self._place(what)
        if status in _LOGIN_REFUSED:
            raise TransportRefused(
                f"{place}: the server refuses the login ({status}); correct login and password, or the token, in the connection, or ask who "
                "runs the server what the login may see"
            )
        if response.is_server_error or status in _LATER or status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise TransportProblem(
                f"{place}: the server answered {status}; it is tried again. If it stays so, ask who runs the server"
            )
        if not response.is_success:
            raise TransportRefused(
                f"{place}: the server answered {status}; see that host and folder in the connection are its own, and ask who runs it"
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise TransportRefused(f"{place}: the server packs what it was asked for unpacked; ask who runs it not to")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Raise _Cut or TransportRefused for what goes wrong on the way, with no address and no secret in it."""
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            for cause in causes(error):
                if isinstance(cause, ssl.SSLCertVerificationError):
                    raise TransportRefused(
                        f"{self._place(what)}: the server's certificate is not trusted ({cause.verify_message}), so nothing was sent to "
                        "it; see that the host is the right one, and that 'ca' in the connection's extra is its authority"
                    ) from None
            if isinstance(error, httpx.TooManyRedirects | httpx.UnsupportedProtocol | httpx.InvalidURL):
                raise TransportRefused(
                    f"{self._place(what)}: the server leads round in circles or to no address; ask who runs it"
                ) from None
            raise _Cut(
                f"{self._place(what)}: the server did not answer, or the connection was cut ({type(error).__name__}); it is tried again. If "
                "it stays so, see that the server runs, and that this machine reaches the connection's host and port"
            ) from None

    def _place(self, what: str) -> str:
        return f"{self.place}: {what}"


class _Cut(TransportProblem):
    """A connection that was not made, or was lost: what has come of a file stays good."""


@contextmanager
def connected(feed: Feed, host: str, port: int | None, login: str, password: str, extra: Mapping[str, Any]) -> Iterator[Https]:
    """The web server of a feed, through an Airflow connection with this host, port, login, password and extra.

    `host` is its name alone. With a login, both are sent (RFC 7617); without one, the password is a bearer token (RFC 6750). In
    the extra: `folder`, in which the folders of the feeds are (left out: where the server begins); `ca`, the path of the
    authority of its certificate in PEM (left out: those that the system trusts); `returns`: `put` where letters are put there. It is
    spoken over TLS alone, and the certificate is always verified. Raises TransportRefused where a field is missing or wrong.
    """
    place = f"{feed.slug}: by https, connection {feed.connection}"
    host = host.removeprefix("https://").rstrip("/")
    if not re.fullmatch(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]", host):
        raise TransportRefused(
            f"{place}: its host is missing, is one without TLS, or holds more than a name; write the server's name alone, and the rest as "
            '\'folder\' into the extra: {"folder": "cares/outbox"}'
        )
    if not password or not (login + password).isprintable() or not login and not password.isascii():
        raise TransportRefused(
            f"{place}: has no password, or one that cannot be sent; write login and password, or a token as the password without a login"
        )
    if strange := sorted(set(extra) - _EXTRA):
        raise TransportRefused(
            f"{place}: its extra has {', '.join(printable(one) for one in strange)}, which nobody reads; remove it. It may have: "
            f"{', '.join(sorted(_EXTRA))}"
        )
    if extra.get("returns", "put") != "put":
        raise TransportRefused(f"{place}: 'returns' in its extra is not 'put'; write that, or leave it out")
    try:
        trusted = ssl.create_default_context(cafile=extra.get("ca"))
    except (OSError, TypeError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise TransportRefused(
            f"{place}: 'ca' in its extra cannot be used ({reason}); write the path of a file of certificates in PEM"
        ) from None
    folder = "/".join(quote(part, safe="") for part in str(extra.get("folder", "")).split("/") if part)
    address = f"https://{host}{f':{port}' if port else ''}{f'/{folder}' if folder else ''}"

    def refuse_other_hosts(response: httpx.Response) -> None:
        if response.has_redirect_location:
            target = response.url.join(response.headers["location"])
            if (target.scheme, target.host, target.port) != (response.url.scheme, response.url.host, response.url.port):
                raise TransportRefused(
                    f"{place}: the server leads to another one ({printable(target.host)}), to which nothing was sent; ask who runs it which host "
                    "is the right one, and write that into the connection"
                )

    with httpx.Client(
        verify=trusted,
        auth=(login, password) if login else None,
        headers={"Accept-Encoding": "identity", **({} if login else {"Authorization": f"Bearer {password}"})},
        timeout=_SECONDS_TO_ANSWER,
        follow_redirects=True,
        event_hooks={"response": [refuse_other_hosts]},
    ) as client:
        yield Https(client, address, place, takes_returns="returns" in extra)


def _asking(start: int, tag: str | None) -> dict[str, str]:
    """The headers that ask for what is behind `start`: if it is still the file with this tag, where one is known."""
    if not start:
        return {}
    return {"Range": f"bytes={start}-", **({"If-Range": tag} if tag else {})}


def _strong(response: httpx.Response) -> str | None:
    """The tag by which a file's bytes are known; a weak one may stand for others."""
    tag: str | None = response.headers.get("etag")
    return tag if tag and tag.startswith('"') else None


def _signature(files: tuple[OfferedFile, ...]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.size}\0{file.sha256}\0".encode())
    return digest.hexdigest()


def _name(feed: Feed) -> str:
    return feed.slug.partition("/")[2]
