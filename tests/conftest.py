"""One PostgreSQL server for each process of a test session, and a fresh migrated database for each test that asks.

All run-time state of a test session lies in a temporary folder, which is set before `cares.settings`
is imported; nothing of the clone's own `var/` is read or written.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

LOOK_AT_THE_DEMO = ("tests/browser/test_airflow_pages.py", "tests/dags/test_demo.py")
SESSION_VAR = Path(tempfile.mkdtemp(prefix="cares-tests-"))
for inherited in ("CARES_WAREHOUSE_URL", "CARES_WAREHOUSE_DATABASE", "CARES_EXPECTATIONS", "CARES_OUTBOX"):
    os.environ.pop(inherited, None)
os.environ["CARES_VAR"] = str(SESSION_VAR)
# Airflow makes its home folder as soon as it is imported.
os.environ["AIRFLOW_HOME"] = str(SESSION_VAR / "airflow")

from cares import builds  # noqa: E402
from cares import warehouse as cares_warehouse  # noqa: E402
from cares.governance import purposes  # noqa: E402
from finished_demo import FinishedDemo, finished_demo  # noqa: E402
from fresh_warehouse import OUR_REGISTER, FreshWarehouse, fresh_warehouse, make_template  # noqa: E402


@pytest.fixture(scope="session")
def warehouse_server() -> Iterator[None]:
    """The session's server, with a migrated database to copy from."""
    make_template(after_a_build="PYTEST_XDIST_WORKER" in os.environ)
    with cares_warehouse.connect_as_administrator() as administrator:
        # Nothing of a test outlives it, so that waiting for the disk proves nothing, and nothing is worth tidying up.
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            administrator.execute(f"alter system set {setting} = off")
        administrator.execute("select pg_reload_conf()")
    yield
    cares_warehouse.stop()


@pytest.fixture
def warehouse(warehouse_server: None) -> Iterator[FreshWarehouse]:
    """A fresh database for this test."""
    with fresh_warehouse() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def warehouse_of_module(warehouse_server: None) -> Iterator[FreshWarehouse]:
    """A fresh database for all tests of a module; a test uses this one or `warehouse`, not both."""
    with fresh_warehouse() as fresh:
        yield fresh


@pytest.fixture(scope="module", autouse=True)
def data_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """dbt's data tests are most of a build, and tests of privacy and transports are about what is seen after one: their builds
    leave them out, unless the module says `WITH_DATA_TESTS`.
    """
    is_about_something_else = request.path.parent.name in ("privacy", "transports") and not hasattr(
        request.module, "WITH_DATA_TESTS"
    )
    with pytest.MonkeyPatch.context() as environment:
        if is_about_something_else:
            environment.setattr(builds, "LEFT_OUT", (*builds.LEFT_OUT, "test"))
        yield


@pytest.fixture
def with_our_register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opt-outs are obeyed, and groups have their smallest size, as `expectations/governance/purposes.yml` says."""
    monkeypatch.setattr(purposes, "REGISTER", OUR_REGISTER)


@pytest.fixture(scope="session")
def demo() -> Iterator[FinishedDemo]:
    """The demo, after it has run; in a folder of its own, since what a test leaves in the session's is searched for values."""
    with tempfile.TemporaryDirectory(prefix="cares-demo-", ignore_cleanup_errors=True) as folder:
        with finished_demo(Path(folder)) as finished:
            yield finished


class WholeFiles(LoadScopeScheduling):
    """Where processes share the tests, those of one file stay together, and so do all that look at the one demo."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "demo" if file in LOOK_AT_THE_DEMO else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeFiles:
    return WholeFiles(config, log)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes do not name a case: what is packed holds the time of packing, and processes must agree on the names."""
    return argname if isinstance(val, bytes) else None


def pytest_unconfigure() -> None:
    shutil.rmtree(SESSION_VAR, ignore_errors=True)
