"""PostgreSQL for tests: clusters of our own, in a temporary folder and on a Unix socket, stopped when the process ends."""

# ruff: noqa: S608 - statements are joined from names of the schema; every value is bound

from __future__ import annotations

import atexit
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from urllib.parse import quote

import psycopg

from cloud_sync.places import PostgresqlUrl
from cloud_sync.storage.postgresql import PostgresqlKeys, PostgresqlTelemetry

USER = "byleave"
STARTUP_S = 30.0
#: As operating.md asks of a key store; the rest are PostgreSQL's defaults, made small.
SETTINGS = {
    "listen_addresses": "",
    "wal_recycle": "off",
    "wal_keep_size": "0",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "autovacuum": "off",  # when old rows go is what is tested
    "log_statement": "none",
}


#: A test process that is killed takes its servers along.
_WITH_ITS_PARENT = ["setpriv", "--pdeathsig", "QUIT"] if shutil.which("setpriv") else []


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL on this machine, or None."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


class Cluster:
    """A running PostgreSQL server with its data; `folder` holds its socket."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._process = process

    @classmethod
    def start(cls) -> Cluster:
        """A new one; as an unprivileged user where the tests run as root, which PostgreSQL refuses."""
        cluster = cls(Path(tempfile.mkdtemp(prefix="pg-")))
        programs = binaries()
        assert programs is not None
        if os.geteuid() == 0:
            owner = _unprivileged()
            os.chown(cluster.folder, owner.pw_uid, owner.pw_gid)
        command = [
            programs / "initdb",
            "-D",
            cluster.data,
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        cluster._run([str(part) for part in command]).wait()
        cluster.start_again()
        return cluster

    def start_again(self, **settings: str) -> None:
        """Start the server on its data."""
        programs = binaries()
        assert programs is not None
        options = [f"-c{name}={value}" for name, value in {**SETTINGS, **settings}.items()]
        command = [str(programs / "postgres"), "-D", str(self.data), "-k", str(self.folder), *options]
        self._process = self._run([*_WITH_ITS_PARENT, *command])
        until = time.monotonic() + STARTUP_S
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None and time.monotonic() < until, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        as_user: dict[str, object] = {}
        if os.geteuid() == 0:
            owner = _unprivileged()
            as_user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **as_user)  # type: ignore[call-overload,no-any-return]

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT rolls back and writes a checkpoint, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def end(self) -> None:
        """Stop it for good, and remove its files."""
        self.stop(signal.SIGQUIT)
        for _ in range(50):  # its own processes may still be closing files
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.02)

    def url(self, database: str = "postgres", user: str = USER, schema: str = "") -> str:
        """The address of a database, of one schema in it."""
        options = f"&options={quote(f'-csearch_path={schema}')}" if schema else ""
        return f"postgresql:///{database}?host={quote(str(self.folder))}&user={user}{options}"

    def bytes(self, folder: str = "") -> bytes:
        """Every byte of the cluster's files, or of those in a folder of it."""
        files = [path for path in sorted((self.data / folder).rglob("*")) if path.is_file()]
        return b"".join(path.read_bytes() for path in files)

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Statements of the superuser, each by itself."""
        with psycopg.connect(self.url(database), autocommit=True) as db:
            for statement in statements:
                db.execute(statement.encode())

    def place(self, directory: Path, name: str) -> PostgresqlUrl:
        """The store of this name in this directory: a schema, made where it is not there; a process of its own finds it again."""
        schema = f"{name}_{hashlib.sha256(str(directory).encode()).hexdigest()[:16]}"
        self.run(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        return PostgresqlUrl(self.url(schema=schema))


def _unprivileged() -> pwd.struct_passwd:
    """PostgreSQL's own user, or nobody."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no unprivileged user to run PostgreSQL as")


@cache
def cluster(name: str = "telemetry") -> Cluster:
    """The one of this name for the whole run, begun at first use; processes that a test starts find it in their environment."""
    variable = f"BYLEAVE_TEST_CLUSTER_{name.upper()}"
    if variable in os.environ:
        return Cluster(Path(os.environ[variable]))
    started = Cluster.start()
    os.environ[variable] = str(started.folder)
    atexit.register(started.end)
    return started


def copy_schema(source: PostgresqlUrl, target: PostgresqlUrl) -> None:
    """Rows, sequences, triggers: the target becomes what a restored dump of the source would be."""
    kind = PostgresqlTelemetry if "telemetry_" in target else PostgresqlKeys
    with psycopg.connect(source, autocommit=True) as db:
        here, there = (schema_of(url) for url in (source, target))
        db.execute(f"DROP SCHEMA {there} CASCADE; CREATE SCHEMA {there}")
        kind(target).close()
        db.execute("SET session_replication_role = replica")  # a restore fires no triggers
        for (table,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (here,)).fetchall():
            db.execute(f"DELETE FROM {there}.{table}; INSERT INTO {there}.{table} SELECT * FROM {here}.{table}")
            sequences = db.execute(
                "SELECT attname, pg_get_serial_sequence(%s, attname) FROM pg_attribute WHERE attrelid = %s::regclass"
                " AND attidentity <> ''",
                (f"{there}.{table}", f"{there}.{table}"),
            ).fetchall()
            for column, sequence in sequences:
                db.execute(f"SELECT setval('{sequence}', (SELECT greatest(1, max({column})) FROM {there}.{table}))")


def schema_of(url: PostgresqlUrl) -> str:
    """The schema in an address that `Cluster.place` has given."""
    return url.rpartition("search_path%3D")[2]
