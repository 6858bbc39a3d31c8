"""SQL on a sqlite database that belongs to one episode and cannot reach anything else.

database = Database("CREATE TABLE lamp(name, price); INSERT INTO lamp VALUES ('Luna', 12)")
sql, = tools_of(database)
sql.run({"statement": "SELECT * FROM lamp"}).content    # name | price
                                                        # Luna | 12
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from agentgym.errors import BadInput
from agentgym.tools.tool import tool

READ = frozenset({"SELECT", "READ", "FUNCTION", "RECURSIVE"})
"""What a statement may do to a database that is only read."""
CHANGE = READ | {"INSERT", "UPDATE", "DELETE"}
"""With its rows changed too."""
DEFINE = CHANGE | {
    *("CREATE_TABLE", "CREATE_INDEX", "CREATE_VIEW", "DROP_TABLE", "DROP_INDEX", "DROP_VIEW"),
    *("ALTER_TABLE", "REINDEX"),
}
"""And its tables."""
NOT_CALLED = {"load_extension", "fts3_tokenizer"}
ACTIONS = {
    getattr(sqlite3, f"SQLITE_{name}"): name
    for name in (*DEFINE, "ATTACH", "DETACH", "PRAGMA", "TRANSACTION", "SAVEPOINT", "ANALYZE")
}

SIZE = 64 * 2**20  # bytes of a database
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 2**20,  # bytes of a value
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,  # longer ones can take for ever
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
STEPS = 1000  # of sqlite's machine between looks at the clock
CELL = 500  # characters of a value that are shown


class Database:
    """A database in memory, and the tool ``sql`` on it. Copies are databases of their own."""

    def __init__(
        self,
        script: str = "",
        *,
        allowed: frozenset[str] = READ,
        rows: int = 50,
        seconds: float = 5.0,
    ) -> None:
        """Make it by the statements of ``script``, which may do anything.

        Args:
            script: SQL.
            allowed: what the model's statements may do: READ, CHANGE or DEFINE.
            rows: of a result that are shown at most.
            seconds: that a statement may take.
        """
        self.allowed, self.rows, self.seconds = allowed, rows, seconds
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.executescript(script)
        self._turn = threading.Lock()
        self._refused = ""
        self._close()

    @classmethod
    def of_file(cls, file: Path | str, **settings: Any) -> Self:
        """A copy of the database in a file, which stays as it is.

        Raises:
            BadInput: there is no such file, or it is no sqlite database.
        """
        database = cls(**settings)
        try:
            place = Path(file).resolve().as_uri()
            with closing(sqlite3.connect(f"{place}?mode=ro", uri=True)) as source:
                database._copy(source)
        except sqlite3.Error as error:
            raise BadInput(f"{file} cannot be read as a sqlite database: {error}") from error
        return database

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A database with the same content and rules."""
        database = type(self)(allowed=self.allowed, rows=self.rows, seconds=self.seconds)
        with self._turn:
            database._copy(self.connection)
        return database

    @tool
    def sql(self, statement: str) -> str:
        """Run one SQLite statement; its rows, with the names of the columns first.

        SELECT sql FROM sqlite_master shows the tables.
        """
        with self._turn:
            self._refused = ""
            late = time.monotonic() + self.seconds
            self.connection.set_progress_handler(lambda: time.monotonic() > late, STEPS)
            try:
                with closing(self.connection.execute(statement)) as cursor:
                    if cursor.description is None:
                        return f"{max(cursor.rowcount, 0)} rows changed"
                    return self._table(cursor)
            except sqlite3.OperationalError as error:
                if str(error) == "interrupted":
                    raise TimeoutError(f"stopped after {self.seconds:g} s") from error
                raise
            except sqlite3.DatabaseError as error:
                if self._refused:
                    raise PermissionError(self._refused) from error
                raise
            finally:
                self.connection.set_progress_handler(None, 0)

    def _table(self, cursor: sqlite3.Cursor) -> str:
        rows = cursor.fetchmany(self.rows + 1)
        lines = [" | ".join(column[0] for column in cursor.description)]
        lines += [_line(row) for row in rows[: self.rows]]
        if len(rows) > self.rows:
            lines.append(f"[only the first {self.rows} rows are shown]")
        return "\n".join(lines) if rows else f"{lines[0]}\n(no rows)"

    def _copy(self, source: sqlite3.Connection) -> None:
        """Become a copy of another database."""
        self.connection.set_authorizer(None)
        source.backup(self.connection)
        self._close()

    def _close(self) -> None:
        """From here on only what is allowed can be done."""
        pages = SIZE // self.connection.execute("PRAGMA page_size").fetchone()[0]
        self.connection.execute(f"PRAGMA max_page_count = {pages}")
        for limit, most in LIMITS.items():
            self.connection.setlimit(limit, most)
        self.connection.set_authorizer(self._may)

    def _may(self, action: int, _first: str | None, second: str | None, *_where: Any) -> int:
        name = ACTIONS.get(action, "this")
        if name not in self.allowed:
            self._refused = f"{name} is not allowed on this database"
        elif name == "FUNCTION" and second in NOT_CALLED:
            self._refused = f"the function {second} is not allowed"
        else:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY


def _line(row: Iterable[Any]) -> str:
    return " | ".join(_cell(value) for value in row)


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    text = f"x'{value.hex()}'" if isinstance(value, bytes) else str(value)
    return text if len(text) <= CELL else f"{text[:CELL]}..."
