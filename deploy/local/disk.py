"""What the local cloud keeps: rows in one SQLite file, bodies in files beside it.

A write is durable before its reply: a killed process loses nothing that it acknowledged. A power
cut may lose the last commits, because SQLite here syncs at checkpoints only and bodies are not
synced at all.
"""

import fcntl
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FORMAT = 1
"""Raised whenever data written before could no longer be read."""

_OWNER = 0x67617301
"""Marks the SQLite file as the local cloud's own (`PRAGMA application_id`)."""


class ForeignData(Exception):
    """The folder holds data that this version did not write, or that is in use."""


class Disk:
    """One folder of data, open in one process. Raises ForeignData if the folder is not ours.

    Every method may be called from any thread; one re-entrant lock serialises them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._bodies = root / "bodies"
        self._bodies.mkdir(parents=True, exist_ok=True)
        self._claim = _claim(root / "in-use")
        self._lock = threading.RLock()
        self._depth = 0
        self._db = _open(root / "state.db")

    def script(self, sql: str) -> None:
        """Run a script of statements, such as `CREATE TABLE IF NOT EXISTS`."""
        with self._lock:
            self._db.executescript(sql)

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._lock:
            return self._db.execute(sql, args).fetchall()

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run one statement; it is durable on return unless a transaction is open.

        Returns the number of rows changed.
        """
        with self._lock:
            return self._db.execute(sql, args).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside become durable together, or none does. One inside another joins it.

        The lock is held throughout, so nothing slow belongs inside.
        """
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if outermost:
                    self._db.execute("ROLLBACK")
                raise
            else:
                if outermost:
                    self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def body(self) -> Path:
        """Return a fresh path for a body. A row names it by `path.name`, once it is written."""
        return self._bodies / uuid.uuid4().hex

    def find(self, name: str) -> Path:
        """Return the path of the body with this name."""
        return self._bodies / name

    def sweep(self, live: set[str]) -> None:
        """Remove the bodies that no row names: leftovers of writes never acknowledged."""
        for path in self._bodies.iterdir():
            if path.name not in live:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the database and let another process use the folder."""
        with self._lock:
            self._db.close()
            self._claim.close()


def _claim(path: Path) -> Any:
    claim = path.open("w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        claim.close()
        raise ForeignData(
            f"{path.parent} is in use by another local cloud: stop that one, or name another folder"
        ) from error
    return claim


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        owner = db.execute("PRAGMA application_id").fetchone()[0]
        written = db.execute("PRAGMA user_version").fetchone()[0]
        empty = not db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        db.close()
        raise ForeignData(f"{path} is not a database: name another folder, or remove it") from error
    if not empty and (owner, written) != (_OWNER, FORMAT):
        db.close()
        raise ForeignData(
            f"{path.parent} was written by another version (format {written}, this one reads "
            f"{FORMAT}): `make reset` begins anew, or name another folder"
        )
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute(f"PRAGMA application_id={_OWNER}")
    db.execute(f"PRAGMA user_version={FORMAT}")
    return db
