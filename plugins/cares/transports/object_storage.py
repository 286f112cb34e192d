"""Object storage that speaks S3: a bucket laid out as an outbox, `<address>/<organisation>/<feed>/<period>[__word]/<object>`.

It is read in place. An organisation's outbox is listed once and then looked at as it was, so that what arrives meanwhile
waits for the next look, and thousands of objects are one request. An object appears whole or not at all; letters go into
`<address>/<organisation>/returns/<feed>/`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import s3fs
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from cares.contracts import Feed
from cares.deliveries.sent_files import DeliveryRefused, printable, shown
from cares.transports import RETURNS, TransportProblem, TransportRefused

_BLOCK = 8 << 20
_SECONDS_TO_CONNECT, _SECONDS_TO_ANSWER = 20, 60
_EXTRA = {"address", "ca", "endpoint", "region"}
_ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/[^/]+)*")
# What the service calls a bucket or an address that is wrong for it.
_ELSEWHERE = {
    "301",
    "400",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "InvalidBucketName",
    "PermanentRedirect",
}


class ObjectRefused(TransportRefused, DeliveryRefused):
    """An object that may not be read: its delivery is not taken, and the others are."""


class Stat(NamedTuple):
    """Of an object: its size in bytes, and when it was put there in seconds since 1970."""

    st_size: int
    st_mtime: float


class Listed:
    """A folder or an object, as it was when it was listed, with the methods of a path that collecting deliveries needs.

    Object storage has no folders: one is there when an object lies below its name, or an object that is called so marks it, as
    consoles write them (`2019-03/`). An object below which others lie is a folder.
    """

    def __init__(self, storage: ObjectStorage, key: str) -> None:
        self.name = key.rpartition("/")[2]
        self._storage = storage
        self._key = key
        self._inside: dict[str, Listed] = {}
        self._stat: Stat | None = None
        self._is_marked = False

    def __truediv__(self, name: str) -> Listed:
        return self._inside.get(name) or Listed(self._storage, f"{self._key}/{name}")

    def __str__(self) -> str:
        return f"s3://{self._key}"

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return bool(self._inside) or self._is_marked and self._stat is None

    def is_file(self) -> bool:
        """Whether it is an object."""
        return self._stat is not None and not self.is_dir()

    def iterdir(self) -> Iterator[Listed]:
        """What lies in a folder."""
        return iter(self._inside.values())

    def stat(self) -> Stat:
        """Size and time of an object. Raises FileNotFoundError for what is none."""
        if self._stat is None:
            raise FileNotFoundError(self.name)
        return self._stat

    def open(self, mode: str) -> io.BufferedReader:
        """An object's bytes (`mode` is rb), as a stream that has a few of them at a time. Raises as `ObjectStorage` does."""
        return self._storage.stream(self._key, mode)

    def add(self, key: str, stat: Stat) -> None:
        """Put an object into the listing; `key` is its name from here on, with a slash at the end if it marks a folder."""
        place = self
        *folders, name = key.split("/")
        for folder in folders:
            place = place._inner(folder)
        if name:
            place._inner(name)._stat = stat
        else:
            place._is_marked = True

    def _inner(self, name: str) -> Listed:
        return self._inside.setdefault(name, Listed(self._storage, f"{self._key}/{name}"))


class ObjectStorage:
    """A bucket, or a folder in one, that is the outbox of organisations.

    `files` reaches it; `address` is like `s3://bucket/outbox`, without a slash at the end; `connection` is the name of the
    connection, for what is said when something is wrong. Each function raises TransportProblem or TransportRefused.
    """

    takes_returns = True

    def __init__(self, files: s3fs.S3FileSystem, address: str, connection: str) -> None:
        self.files = files
        self.root = address.removeprefix("s3://")
        self.connection = connection

    def outbox(self, feed: Feed) -> Listed:
        """What lies in the outbox of a feed's organisation now, seen from the folder of all organisations."""
        listed = Listed(self, self.root)
        with self._told(feed.slug):
            found: dict[str, dict[str, Any]] = self.files.find(f"{self.root}/{feed.organisation}", detail=True)
        for key, told in found.items():
            modified: datetime = told["LastModified"]
            listed.add(key.removeprefix(f"{self.root}/"), Stat(told["size"], modified.timestamp()))
        return listed

    def stream(self, key: str, mode: str) -> io.BufferedReader:
        """An object's bytes as a stream; what goes wrong with it later is told, too."""
        with self._told_of_object(self._below(key)):
            return io.BufferedReader(_Telling(self, key, self.files.open(key, mode)), 1 << 20)

    def send(self, feed: Feed, name: str, content: bytes) -> None:
        """Put a letter or a list into the bucket; see `SendsBack`."""
        organisation, _, folder = feed.slug.partition("/")
        with self._told(f"{feed.slug}: {shown(name)}"):
            self.files.pipe_file(f"{self.root}/{organisation}/{RETURNS}/{folder}/{name}", content)

    def _below(self, key: str) -> str:
        return "/".join(shown(part) for part in key.removeprefix(f"{self.root}/").split("/"))

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Raise TransportProblem or TransportRefused for what the service does, with no address and no secret in it."""
        try:
            yield
        except (OSError, BotoCoreError, ClientError, *s3fs.core.S3_RETRYABLE_ERRORS) as error:
            raise _problem(f"{what}: by object storage, connection {self.connection}", error) from None

    @contextmanager
    def _told_of_object(self, what: str) -> Iterator[None]:
        """As `_told`, where what is refused is one object."""
        try:
            with self._told(what):
                yield
        except TransportRefused as refusal:
            raise ObjectRefused(str(refusal)) from None


class _Telling(io.RawIOBase):
    """The stream of an object, which says of what goes wrong what `ObjectStorage` says.

    Without it, a service that goes away would look like a file that its sender must mend.
    """

    def __init__(self, storage: ObjectStorage, key: str, stream: Any) -> None:
        self._storage = storage
        self._what = storage._below(key)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._storage._told_of_object(self._what):
            return int(self._stream.readinto(buffer))

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        return int(self._stream.seek(place, whence))

    def tell(self) -> int:
        return int(self._stream.tell())

    def close(self) -> None:
        self._stream.close()
        super().close()


def opened(feed: Feed, login: str, password: str, extra: Mapping[str, Any]) -> ObjectStorage:
    """The object storage of a feed, through an Airflow connection with this login (the access key's id), password (the secret key) and extra.

    In the extra: `address`, like `s3://bucket/outbox`; `endpoint`, the address of a service that is not Amazon's
    (`https://...`), and `region`, where it needs them; `ca`, the path of the authority of its certificate in PEM. Without login
    and password, those are taken that Amazon's library finds in the environment. It is spoken over TLS alone, and the
    certificate is always verified. Raises TransportRefused where a field is missing or wrong; asks nobody yet.
    """
    place = f"{feed.slug}: by object storage, connection {feed.connection}"
    if strange := sorted(set(extra) - _EXTRA):
        raise TransportRefused(
            f"{place}: its extra has {', '.join(printable(one) for one in strange)}, which nobody reads; remove it. It may have: "
            f"{', '.join(sorted(_EXTRA))}"
        )
    address = str(extra.get("address", "")).rstrip("/")
    if not _ADDRESS.fullmatch(address):
        raise TransportRefused(
            f"{place}: does not say where the outbox is; write into the extra: "
            '{"address": "s3://bucket/outbox"}, with the name of the bucket and of the folder in it, if any'
        )
    if bool(login) != bool(password):
        raise TransportRefused(
            f"{place}: has a login or a password, and not both; write the access key's id as the login and the secret key as the password"
        )
    if not str(extra.get("endpoint", "https://")).startswith("https://"):
        raise TransportRefused(f"{place}: 'endpoint' in its extra does not begin with https://; nothing is read without TLS")
    if "ca" in extra and not Path(extra["ca"]).is_file():
        raise TransportRefused(f"{place}: 'ca' in its extra is no file that is there; write the path of one in PEM")
    client = {"endpoint_url": extra.get("endpoint"), "region_name": extra.get("region"), "verify": extra.get("ca")}
    files = s3fs.S3FileSystem(
        key=login or None,
        secret=password or None,
        client_kwargs={name: value for name, value in client.items() if value},
        config_kwargs={
            "connect_timeout": _SECONDS_TO_CONNECT,
            "read_timeout": _SECONDS_TO_ANSWER,
            # s3fs tries again a few times itself.
            "retries": {"total_max_attempts": 1},
        },
        default_block_size=_BLOCK,
        # What was listed for an earlier look is no news.
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    return ObjectStorage(files, address, feed.connection)


def _problem(place: str, error: Exception) -> TransportProblem | TransportRefused:
    code = _code(error)
    told = f" ({printable(code)})" if code else ""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return TransportRefused(
            f"{place}: there is no login, neither in the connection nor in the environment; write the access key's id as the login and "
            "the secret key as the password"
        )
    if isinstance(error, PermissionError):
        return TransportRefused(
            f"{place}: the service refuses the login{told}; correct login and password in the connection, or let the access key list and "
            f"read the outbox and write into {RETURNS}"
        )
    if code == "NoSuchBucket":
        return TransportRefused(f"{place}: there is no such bucket; correct 'address' in the connection's extra")
    if isinstance(error, FileNotFoundError):
        return TransportProblem(f"{place}: is not there any more; if it stays so, ask the sender to send it again")
    if code in _ELSEWHERE:
        return TransportRefused(
            f"{place}: the service does not have the bucket here{told}; correct 'address', 'region' or 'endpoint' in the connection's extra"
        )
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return TransportRefused(
            f"{place}: the service's certificate is not trusted; see that 'endpoint' in the connection's extra is the right one, and that "
            "'ca' is its authority"
        )
    return TransportProblem(
        f"{place}: the service did not answer, or the connection was cut ({printable(code) or type(error).__name__}); it is tried again. If "
        "it stays so, see that the service runs, and that this machine reaches it"
    )


def _code(error: BaseException | None) -> str:
    """The service's own word for an error, if it answered."""
    while error and not isinstance(error, ClientError):
        error = error.__cause__
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
