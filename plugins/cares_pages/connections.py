"""Where each feed comes from: the way that its contract names, at the address and with the login of an Airflow connection.

The connection is `cares_<organisation>`, or the one that the contract names, and stands in Airflow (Admin, Connections) or in
the environment (`AIRFLOW_CONN_CARES_TORUS`). What each way wants in it is said where that way is opened, below.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, Connection, ObjectStoragePath
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException, AirflowSkipException

from cares import contracts, deliveries
from cares.contracts import Feed
from cares.transports import SendsBack, Transport, TransportProblem, TransportRefused
from cares.transports.in_place import InPlace

if TYPE_CHECKING:
    from airflow.providers.sftp.hooks.sftp import SFTPHook

    from cares.transports.object_storage import Listed, ObjectStorage

_SECONDS_TO_ANSWER = 60
_OBJECT_STORAGE = "object storage"

Opened = Callable[[Feed, Connection], AbstractContextManager[Transport]]


@contextmanager
def sftp(feed: Feed, connection: Connection) -> Iterator[Transport]:
    """SFTP: host, port, login and password (or `private_key` in the extra), and in the extra `host_key` and `folder`.

    `host_key` is the server's, as its operator tells it (`ssh-ed25519 AAAA...`): without it nothing is fetched. `folder` is the
    organisation's outbox on the server (left out: where the login begins).
    """
    from airflow.providers.sftp.hooks.sftp import SFTPHook
    from paramiko import SSHException

    from cares.transports.sftp import Sftp, telling

    extra = connection.extra_dejson
    if not extra.get("host_key"):
        raise TransportRefused(
            f"{feed.slug}: by sftp: the connection {feed.connection} does not say which host key its server has, so nothing was sent to "
            'it; ask the operator of the server for it and write it into the extra: {"host_key": "ssh-ed25519 AAAA..."}'
        )
    for unsafe in ("no_host_key_check", "ignore_hostkey_verification", "allow_host_key_change"):
        if str(extra.get(unsafe, False)).lower() != "false":
            raise TransportRefused(
                f"{feed.slug}: by sftp: the connection {feed.connection} has {unsafe} in its extra, with which any server would do; "
                "remove it"
            )
    try:
        # Airflow tries the task again, with longer and longer pauses; a login that is tried more often may be locked.
        hook = SFTPHook(feed.connection, conn_retry_attempts=1, conn_timeout=extra.get("conn_timeout", _SECONDS_TO_ANSWER))
    except (AirflowException, ValueError, SSHException) as error:
        raise TransportRefused(
            f"{feed.slug}: by sftp: the connection {feed.connection} cannot be used ({type(error).__name__}); see that it has a host, "
            "and that host_key and private_key in its extra are whole"
        ) from None
    _refuse_another_known_key(feed, hook)
    # Logins come from the connection only.
    hook.look_for_keys = False
    with ExitStack() as open_until_then:
        with telling(feed, "connecting"):
            client = open_until_then.enter_context(hook.get_managed_conn())
            client.get_channel().settimeout(_SECONDS_TO_ANSWER)
        yield Sftp(client, extra.get("folder", "."), feed)


def _refuse_another_known_key(feed: Feed, hook: SFTPHook) -> None:
    """What this machine knows of a host would count in place of the connection's key."""
    from paramiko import HostKeys

    known = HostKeys()
    with suppress(OSError):
        known.load(os.path.expanduser("~/.ssh/known_hosts"))
    keys = known.lookup(hook.remote_host if hook.port == 22 else f"[{hook.remote_host}]:{hook.port}") or {}
    if any(key != hook.host_key for key in keys.values()):
        raise TransportRefused(
            f"{feed.slug}: by sftp: for the host of the connection {feed.connection}, ~/.ssh/known_hosts of this machine names another host "
            "key than the connection, so nothing was sent to it; ask the operator of the server which is right, and remove the "
            "host from known_hosts"
        )


@contextmanager
def mesh(feed: Feed, connection: Connection) -> Iterator[Transport]:
    """MESH: host and port, login (our mailbox) and password, and in the extra the paths of files.

    `certificate` and `key` (PEM) are ours, with `key_password` where the key has one; `shared_key` holds the key of the MESH
    environment; `ca` is the authority of the server's certificate, where it is not one that MESH itself names.
    """
    from cares.transports.mesh import connected

    feeds = [other for other in contracts.load().feeds.values() if other.file.arrives.by == "mesh"]
    login = (connection.host or "", connection.port, connection.login or "", connection.password or "")
    with connected(feed, feeds, *login, connection.extra_dejson) as opened:
        yield opened


@contextmanager
def https(feed: Feed, connection: Connection) -> Iterator[Transport]:
    """HTTPS: host and port, login and password (or a bearer token as the password alone), and in the extra what it needs.

    `folder` holds the folders of the feeds (left out: where the server begins); `ca` is the path of the authority of the server's
    certificate (left out: those that the system trusts); `returns` is `put` where letters may be put there.
    """
    from cares.transports.https import connected

    login = (connection.host or "", connection.port, connection.login or "", connection.password or "")
    with connected(feed, *login, connection.extra_dejson) as opened:
        yield opened


# The ways by which deliveries are fetched, each with what opens it. The others are read in place.
FETCHED: dict[str, Opened] = {"sftp": sftp, "mesh": mesh, "https": https}


@contextmanager
def transport(feed: Feed) -> Iterator[Transport]:
    """The way by which a feed is fetched, open. Raises TransportRefused where its connection is not set up, and as the way does."""
    with FETCHED[feed.file.arrives.by](feed, _connection(feed)) as opened:
        yield opened


@contextmanager
def way_back(feed: Feed) -> Iterator[SendsBack]:
    """The way back to a feed's sender, open. Raises as `transport`."""
    if feed.file.arrives.by in FETCHED:
        with transport(feed) as opened:
            yield opened
    elif feed.file.arrives.by == _OBJECT_STORAGE:
        yield object_storage(feed)
    else:
        yield InPlace(outbox())


def outbox() -> ObjectStoragePath:
    """The folder of all organisations' outboxes."""
    return ObjectStoragePath(os.environ["CARES_OUTBOX"])


def object_storage(feed: Feed) -> ObjectStorage:
    """Object storage: login (the access key's id) and password (the secret key), and in the extra what it needs.

    `address` is like `s3://bucket/outbox`; `endpoint` and `region` are those of a service that needs them; `ca` is the path of the
    authority of its certificate (left out: those that the system trusts). Raises TransportRefused where it is not set up.
    """
    from cares.transports.object_storage import opened

    connection = _connection(feed)
    return opened(feed, connection.login or "", connection.password or "", connection.extra_dejson)


def buckets(organisation: str) -> dict[str, Listed]:
    """What lies in object storage now, by the names of the feeds that come so.

    One that cannot be reached keeps no other from being taken, and is left out: `fetch` says why.
    """
    listed: dict[str, Listed] = {}
    found: dict[str, Listed] = {}
    for name, feed in contracts.load().organisations[organisation].feeds.items():
        if feed.file.arrives.by == _OBJECT_STORAGE:
            with suppress(TransportProblem, TransportRefused):
                if feed.connection not in listed:
                    listed[feed.connection] = object_storage(feed).outbox(feed)
                found[name] = listed[feed.connection]
    return found


def fetched_feeds(organisation: str) -> list[str]:
    """The feeds of an organisation that come from another machine, like `torus/tenancies`."""
    feeds = contracts.load().organisations[organisation].feeds.values()
    return [feed.slug for feed in feeds if feed.file.arrives.by in (*FETCHED, _OBJECT_STORAGE)]


def fetch(slug: str) -> None:
    """Fetch what waits of a feed, named like `torus/tenancies`, or see that it can be read where it is.

    Raises TransportProblem, and AirflowFailException for what no other try mends.
    """
    from cares.transports import fetching

    feed = contracts.load().feed(slug)
    with _failing_for_good():
        if feed.file.arrives.by == _OBJECT_STORAGE:
            object_storage(feed).outbox(feed)
        else:
            with transport(feed) as opened:
                fetching.fetch(feed, opened)


def take(organisation: str, run_id: str) -> list[int]:
    """Register what waits of an organisation, and give all deliveries that are to be landed; see `deliveries.take`."""
    with _failing_for_good():
        return deliveries.take(organisation, outbox(), run_id, buckets(organisation))


def refusals(organisation: str) -> list[str]:
    """Why each thing that waits of an organisation is not taken; see `deliveries.refusals`."""
    with _failing_for_good():
        return deliveries.refusals(organisation, outbox(), buckets(organisation))


def tell_senders(organisation: str) -> None:
    """Send an organisation's letters back. Raises as `fetch`."""
    from cares.transports import sending

    with _failing_for_good():
        sending.tell_senders(organisation, way_back, transport)


def ask_about_opt_outs() -> None:
    """Ask NHS England about everybody's NHS numbers, where its answers come by MESH. Raises as `fetch`."""
    from cares.governance import opt_outs

    feed = contracts.load().feed(opt_outs.FEED)
    if feed.file.arrives.by != "mesh":
        raise AirflowSkipException(f"{feed.slug} does not come by mesh; ask by hand: cares opt-out request FOLDER")
    with _failing_for_good():
        name, numbers = opt_outs.request(_connection(feed).login or opt_outs.NO_MAILBOX)
        with way_back(feed) as service:
            service.send(feed, name, numbers)
    opt_outs.was_asked(name, numbers, "mesh")


@contextmanager
def _failing_for_good() -> Iterator[None]:
    """Fail a task without a long trace of the program, which would tell nobody more."""
    try:
        yield
    except TransportRefused as refusal:
        raise AirflowFailException(str(refusal)) from None


def _connection(feed: Feed) -> Connection:
    try:
        return BaseHook.get_connection(feed.connection)
    except AirflowNotFoundException:
        raise TransportRefused(
            f"{feed.slug}: comes by {feed.file.arrives.by}, and the connection {feed.connection} is not set up; add it under Admin, "
            f"Connections, or as AIRFLOW_CONN_{feed.connection.upper()} in the environment of the scheduler"
        ) from None
