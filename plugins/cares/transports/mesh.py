"""MESH, the message exchange of the NHS: each message in our mailbox is one delivery.

A message of a feed has the workflow that the feed's contract names, and comes from the mailbox that it names; its file is
called `<period>[__word].<ending>`, or as one that we asked with, `<mailbox>-<day>-<number>.dat`. Where a delivery has several tables, it is a zip file of them, a workbook or XML. A message
is acknowledged, which removes it from the mailbox, when its delivery stands in the ledger and not before. What is refused stays
unacknowledged, and MESH tells its sender that nobody took it.

The protocol: https://digital.nhs.uk/developer/api-catalogue/message-exchange-for-social-care-and-health-api
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mesh_client import MeshClient, MeshError
from requests import Response
from urllib3.exceptions import HTTPError

from cares.contracts import ContractError, Feed, Period, period_of
from cares.contracts import Mesh as Boxes
from cares.deliveries.archives import is_archive
from cares.deliveries.sent_files import printable, shown
from cares.reading.containers import is_workbook, is_xml
from cares.transports import Offer, OfferedFile, TransportProblem, TransportRefused, causes

_BLOCK = 1 << 18
_SECONDS_TO_ANSWER = 60
_LOGIN_REFUSED, _GONE = (401, 403), (404, 410)
# As the national services name what they are asked with; the answer has the name, or the same local id.
_ASKED_WITH = re.compile(r"[A-Z0-9]+-(\d{6})-(\d{4})\.dat", re.IGNORECASE)
_SHA256 = re.compile(r"\s*sha-?256[\s:]+([0-9a-f]{64})\s*", re.IGNORECASE)
# MESH sends reports of its own, too.
_DELIVERY = "DATA"


@dataclass(frozen=True)
class _Message:
    """What the headers of a message say; None where they do not."""

    number: str
    kind: str | None
    sender: str | None
    workflow: str | None
    file_name: str
    sha256: str | None
    status: str | None
    local_id: str = ""


class Mesh:
    """Deliveries in a mailbox of ours, and letters to the mailboxes that they came from.

    `client` opens the mailbox for `feed`; `feeds` are all that come by MESH, into this mailbox or another.
    """

    takes_returns = True

    def __init__(self, client: Client, feed: Feed, feeds: Iterable[Feed]) -> None:
        self.client = client
        self.feed = feed
        self.feeds = list(feeds)

    def offers(self, feed: Feed) -> Iterator[Offer]:
        """The messages of a feed, in the order of the mailbox, which is that of their arrival.

        At the end, TransportRefused names each message that is refused: one of the feed's with a file name that is no period, and
        each that is of no feed and nearest to this one: of its workflow and another mailbox, of its mailbox and another workflow,
        or of neither, where this is the first feed of its connection.
        """
        refused = []
        for message in self._messages:
            owner = self._owner(message)
            if owner == feed:
                try:
                    yield _offer(feed, message)
                except ContractError as wrong:
                    refused.append(_named(message, str(wrong).removeprefix(f"{feed.slug}: ")))
            elif owner is None and self._nearest(message) == feed:
                refused.append(_named(message, _why_of_no_feed(feed, message)))
        if refused:
            raise TransportRefused(
                f"{self._place}: {'; '.join(refused)}. What is refused was not fetched and stays unacknowledged, so that MESH tells its "
                "sender after five days"
            )

    def read(self, offer: Offer, file: OfferedFile, start: int) -> Iterator[bytes]:
        """A message's bytes from the one at `start` on, one chunk of MESH after the other; see `Transport`.

        A chunk that lies before `start` is not loaded where its headers give its length.
        """
        what = f"message {offer.reference}, {shown(file.name)}"
        before, number, chunks = start, 0, 1
        while number < chunks:
            number += 1
            with self._told(what), self.client.chunk(offer.reference, number, packed=not start) as response:
                chunks = int(response.headers.get("Mex-Chunk-Range", "1:1").partition(":")[2])
                length = _length(response)
                if before and length is not None and length <= before:
                    before -= length
                    continue
                for block in response.iter_content(_BLOCK):
                    if before < len(block):
                        yield block[before:]
                    before = max(0, before - len(block))
        if before:
            raise TransportProblem(
                f"{self._place}: {what}: is shorter than what came of it before; ask the sender to send it again"
            )

    def registered(self, offer: Offer) -> None:
        """Acknowledge a message, so that MESH removes it from the mailbox; one that is gone already is no problem."""
        with self._told(f"acknowledging message {offer.reference}"):
            self.client.acknowledge(offer.reference)

    def send(self, feed: Feed, name: str, content: bytes) -> None:
        """Send a letter or a list to the mailbox that the feed comes from; see `SendsBack`.

        MESH delivers it when all its chunks are there. A second one of a name comes beside the first, and is the later one.
        """
        boxes = _boxes(feed)
        self._shake_hands()
        with self._told(f"sending {printable(name)} to the mailbox {boxes.mailbox}"):
            self.client.send_message(
                boxes.mailbox, content, workflow_id=boxes.returns_workflow, filename=name, local_id=name, subject=feed.slug
            )

    def _shake_hands(self) -> None:
        """What MESH wants before anything else: that login and certificate are tried."""
        with self._told("the handshake"):
            self.client.handshake()

    @cached_property
    def _messages(self) -> list[_Message]:
        """What waits in the mailbox."""
        self._shake_hands()
        with self._told("listing the messages"):
            return [
                _message(number, headers)
                for number in self.client.iterate_message_ids()
                if (headers := self.client.headers(number)) is not None
            ]

    def _owner(self, message: _Message) -> Feed | None:
        """The feed whose delivery a message is."""
        if message.kind != _DELIVERY:
            return None
        return next((feed for feed in self.feeds if _came_as(feed) == (message.workflow, message.sender)), None)

    def _nearest(self, message: _Message) -> Feed:
        """The feed with which a message of no feed is named."""

        def is_far(feed: Feed) -> tuple[bool, bool, bool]:
            boxes = _boxes(feed)
            own_workflows = (boxes.workflow, boxes.returns_workflow)
            return message.workflow not in own_workflows, message.sender != boxes.mailbox, feed.connection != self.feed.connection

        return min(self.feeds, key=is_far)

    @property
    def _place(self) -> str:
        return f"{_place(self.feed)}, mailbox {self.client.mailbox}"

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Raise TransportProblem or TransportRefused for what MESH or the way to it does, with no address and no secret in it."""
        try:
            yield
        except MeshError as error:
            reason = printable(str(error.args[0])) if error.args else "no reason given"
            raise TransportRefused(
                f"{self._place}: {what}: MESH did not take it ({reason}); correct mailbox and workflows in the feed's contract, or ask the "
                "national MESH service desk"
            ) from None
        except (OSError, HTTPError, ValueError) as error:
            raise _problem(f"{self._place}: {what}", error) from None


class Client(MeshClient):
    """A mailbox, with what `mesh-client` has no function for: the headers of a message alone, and a chunk as it is wanted.

    A request is made once: what fails is tried again as a whole, by whoever asked.
    """

    def __init__(self, address: str, mailbox: str, password: str, **options: Any) -> None:
        super().__init__(
            address, mailbox, password, max_retries=0, timeout=_SECONDS_TO_ANSWER, application_name="St Helens Cares", **options
        )
        if options.get("verify"):
            # Else the public authorities would be trusted besides the one that was named.
            self._session.verify = options["verify"]
        self.mailbox = mailbox

    def headers(self, number: str) -> Mapping[str, str] | None:
        """The headers of a message; None where it is gone."""
        response = self._session.head(self._url_of(number), timeout=_SECONDS_TO_ANSWER)
        if response.status_code in _GONE:
            return None
        response.raise_for_status()
        return response.headers

    def chunk(self, number: str, chunk: int, packed: bool) -> Response:
        """A chunk of a message, to be read from the response; not `packed`, it comes as long as its headers say."""
        response = self._session.get(
            self._url_of(number) if chunk == 1 else f"{self._url_of(number)}/{chunk}",
            headers={"Accept-Encoding": "gzip" if packed else "identity"},
            stream=True,
            timeout=_SECONDS_TO_ANSWER,
        )
        response.raise_for_status()
        return response

    def acknowledge(self, number: str) -> None:
        """Acknowledge a message, unless it is gone."""
        response = self._session.put(f"{self._url_of(number)}/status/acknowledged", timeout=_SECONDS_TO_ANSWER)
        if response.status_code not in _GONE:
            response.raise_for_status()

    def _url_of(self, number: str) -> str:
        return f"{self.mailbox_url}/inbox/{quote(number, safe='')}"


@contextmanager
def connected(
    feed: Feed, feeds: Iterable[Feed], host: str, port: int | None, mailbox: str, password: str, extra: Mapping[str, str]
) -> Iterator[Mesh]:
    """A mailbox of ours for a feed, through an Airflow connection with this host, port, login (the mailbox), password and extra.

    The extra has paths of files: `certificate` and `key` (PEM) are ours, with `key_password` where the key has one; `shared_key`
    holds the key that the environment shares; `ca` is the authority of the server's certificate (left out: the one that
    `mesh-client` holds for the NHS's hosts, else the system's). MESH is spoken over TLS alone, and the server's certificate is
    always verified. `feeds` are all that come by MESH. Raises TransportRefused where a field is missing, a file cannot be
    used, or another feed has the same mailbox and workflow.
    """
    place = _place(feed)
    feeds = list(feeds)
    if twins := [other.slug for other in feeds if other.slug != feed.slug and _came_as(other) == _came_as(feed)]:
        raise TransportRefused(
            f"{place}: its messages cannot be told from those of {', '.join(twins)}, which have the same mailbox and workflow; agree "
            f"another workflow with the sender, and write it into expectations/{feed.slug}.yml"
        )
    host = host.removeprefix("https://").rstrip("/")
    if not host or "://" in host:
        raise TransportRefused(f"{place}: its host is missing, or is one without TLS; write the name of the MESH host alone")
    if not (mailbox and password and mailbox.isascii() and password.isascii()):
        raise TransportRefused(
            f"{place}: its login (our mailbox) or password is missing, or holds letters that MESH does not know"
        )
    for name in ("certificate", "key", "shared_key", *(["ca"] if "ca" in extra else [])):
        if not extra.get(name) or not Path(extra[name]).is_file():
            raise TransportRefused(f"{place}: its extra names no file as '{name}', or none that is there; write the path of one")
    # Without a password that it could try, OpenSSL would ask for one at the terminal.
    certificate = (extra["certificate"], extra["key"], extra.get("key_password", ""))
    try:
        ssl.create_default_context(cafile=extra.get("ca")).load_cert_chain(*certificate)
        shared_key = Path(extra["shared_key"]).read_bytes().strip()
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        raise TransportRefused(
            f"{place}: certificate, key, ca or shared_key cannot be used ({reason}); see that they are the files they should be, in PEM, "
            "and that the key is the certificate's"
        ) from None
    address = f"https://{host}:{port}" if port else f"https://{host}"
    with Client(address, mailbox, password, shared_key=shared_key, cert=certificate, verify=extra.get("ca")) as client:
        yield Mesh(client, feed, feeds)


def _message(number: str, headers: Mapping[str, str]) -> _Message:
    checksum = _SHA256.fullmatch(headers.get("Mex-Content-Checksum", ""))
    return _Message(
        number,
        headers.get("Mex-MessageType"),
        headers.get("Mex-From"),
        headers.get("Mex-WorkflowID"),
        headers.get("Mex-FileName", ""),
        checksum.group(1).lower() if checksum else None,
        headers.get("Mex-StatusDescription"),
        headers.get("Mex-LocalID", ""),
    )


def _offer(feed: Feed, message: _Message) -> Offer:
    """The delivery that a message of a feed is. Raises ContractError where its file name is not that of one."""
    file_name = _of_the_day_asked(feed, message) or message.file_name
    folder, dot, ending = file_name.partition(".")
    if not dot or not ending:
        raise ContractError("has a file name without an ending; the sender names it like 2019-03.csv or 2019-03__2.zip")
    name = _file_name(feed, feed.period(shown(folder.partition("__")[0])), file_name, ending)
    return Offer(folder, message.number, (OfferedFile(name, None, message.sha256),), message.number)


def _of_the_day_asked(feed: Feed, message: _Message) -> str | None:
    """What an answer is called here that is named after what we asked with: its period, and its number within the month."""
    for name in (message.file_name, message.local_id):
        if asked := _ASKED_WITH.fullmatch(name):
            day, number = asked.groups()
            try:
                on = datetime.strptime(day, "%d%m%y").date()
            except ValueError:
                continue
            return f"{period_of(on, feed.file.arrives.every).label}__{number}.dat"
    return None


def _file_name(feed: Feed, period: Period, name: str, ending: str) -> str:
    """What a message's file is called from here on: as its table, where it can be of one only."""
    if is_archive(name):
        return name
    tables = feed.format.recognised(feed.version(period))
    if len(tables) == 1:
        return f"{tables[0]}.{ending}"
    plain = name.lower().removesuffix(".gz")
    if not is_workbook(plain) and not is_xml(plain):
        raise ContractError(
            f"is one file, and a delivery has {len(tables)} tables; the sender packs them into a zip file of this name"
        )
    return name


def _named(message: _Message, why: str) -> str:
    return f"message {message.number} ({shown(message.file_name)}): {why}"


def _why_of_no_feed(feed: Feed, message: _Message) -> str:
    boxes = _boxes(feed)
    workflow, sender = printable(message.workflow or "none"), printable(message.sender or "none")
    if message.kind != _DELIVERY:
        return (
            f"is a report of MESH on the workflow {workflow}, that something sent did not arrive ({printable(message.status or 'no reason given')}); "
            f"ask who runs the mailbox {boxes.mailbox}"
        )
    if message.workflow == boxes.workflow:
        return (
            f"comes from the mailbox {sender}, and the feed's contract says {boxes.mailbox}; ask the sender, and correct mailbox in "
            f"expectations/{feed.slug}.yml only if it has moved"
        )
    return (
        f"comes from the mailbox {sender} with the workflow {workflow}, which is that of no feed from there; ask the sender to send it "
        f"with {boxes.workflow} if it is of this feed"
    )


def _place(feed: Feed) -> str:
    return f"{feed.slug}: by mesh, connection {feed.connection}"


def _boxes(feed: Feed) -> Boxes:
    boxes = feed.file.arrives.mesh
    if boxes is None:
        raise ContractError(f"{feed.slug}: does not come by mesh; write by: mesh, with mesh, in expectations/{feed.slug}.yml")
    return boxes


def _came_as(feed: Feed) -> tuple[str, str]:
    """The workflow and sender of a feed's messages."""
    return _boxes(feed).workflow, _boxes(feed).mailbox


def _length(response: Response) -> int | None:
    """How many bytes a response brings, where it brings them as they are."""
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and not response.headers.get("Content-Encoding") else None


def _problem(place: str, error: Exception) -> TransportProblem | TransportRefused:
    """What to raise for something that went wrong, by its cause; of it only names and numbers are told."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in _LOGIN_REFUSED:
        return TransportRefused(
            f"{place}: MESH refused the login ({status}); correct mailbox, password, shared key or certificate in the connection"
        )
    if status is not None:
        return TransportProblem(
            f"{place}: MESH answered {status}; if it stays so, see whether the host of the connection is that of MESH, and the service up. A "
            "message that is gone is sent again by its sender"
        )
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TransportRefused(
                f"{place}: the server's certificate is not trusted ({cause.verify_message}); see that the host is the right one, and that "
                "'ca' in the connection's extra is its authority"
            )
        if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or ""):
            return TransportRefused(
                f"{place}: the server refused our certificate ({cause.reason}); see that it has not expired, and is for this mailbox"
            )
    return TransportProblem(
        f"{place}: the server did not answer, or the connection was cut ({type(error).__name__}); if it stays so, see whether this "
        "machine reaches the host of the connection, and whether our certificate is in date"
    )
