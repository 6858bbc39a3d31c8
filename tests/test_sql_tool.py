"""SQL on a database of the episode's own: what it answers, and what it refuses."""

import sqlite3
import time
from copy import deepcopy

import anyio
import pytest
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.errors import BadInput
from agentgym.tools.tool import tools_of
from agentgym_tools.sql import CHANGE, DEFINE, Database

SCRIPT = """
CREATE TABLE lamp(name TEXT, price REAL);
INSERT INTO lamp VALUES ('Luna', 12.5), ('Sol', NULL), ('Vega', 30);
"""
ROWS = "name | price\nLuna | 12.5\nSol | NULL\nVega | 30.0"


def run(database, statement):
    (sql,) = tools_of(database)
    return sql.run({"statement": statement})


def rows(database):
    return run(database, "SELECT * FROM lamp").content


def test_rows_come_with_their_columns():
    database = Database(SCRIPT, rows=2)
    assert rows(database) == "\n".join(
        [*ROWS.splitlines()[:3], "[only the first 2 rows are shown]"]
    )
    assert run(database, "SELECT name FROM lamp WHERE price > 99").content == "name\n(no rows)"
    assert run(database, "SELECT x'0aff' AS b, 1 AS n").content == "b | n\nx'0aff' | 1"
    assert "CREATE TABLE lamp" in run(database, "SELECT sql FROM sqlite_master").content
    long = run(database, "SELECT replace(hex(zeroblob(1000)), '0', 'a') AS t").content
    assert long == f"t\n{'a' * 500}..."


def test_mistakes_are_told():
    database = Database(SCRIPT)
    assert run(database, "SELECT * FROM lamps").content == "OperationalError: no such table: lamps"
    assert "syntax error" in run(database, "SELEC 1").content
    assert run(database, "SELECT 1; SELECT 2").error == "exception"
    assert run(database, "").error is None


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("INSERT INTO lamp VALUES ('x', 1)", "INSERT"),
        ("UPDATE lamp SET price = 0", "UPDATE"),
        ("DELETE FROM lamp", "DELETE"),
        ("CREATE TABLE t(a)", "INSERT"),  # into the table of tables
        ("DROP TABLE lamp", "DELETE"),
        ("WITH x AS (SELECT 1) DELETE FROM lamp", "DELETE"),
        ("BEGIN", "TRANSACTION"),
    ],
)
def test_a_database_that_is_read_does_not_change(statement, named):
    database = Database(SCRIPT)
    result = run(database, statement)
    assert result.content == f"PermissionError: {named} is not allowed on this database"
    assert rows(database) == ROWS


@pytest.mark.parametrize("allowed", [CHANGE, DEFINE])
@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH '{file}' AS other",
        "ATTACH ':memory:' AS other",
        "VACUUM INTO '{file}'",
        "PRAGMA writable_schema = 1",
        "PRAGMA max_page_count = 1000000000",
        "PRAGMA temp_store_directory = '/'",
        "SELECT * FROM pragma_table_info('lamp')",
        "SELECT load_extension('{file}')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('{file}', 'x')",
        "SELECT fts3_tokenizer('simple')",
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        "CREATE TEMP TABLE t(a)",
        "CREATE TRIGGER t AFTER INSERT ON lamp BEGIN SELECT 1; END",
        "SAVEPOINT s",
        "DETACH main",
    ],
)
def test_nothing_leads_out_of_it(tmp_path, allowed, statement):
    database = Database(SCRIPT, allowed=allowed)
    file = tmp_path / "out"
    assert run(database, statement.format(file=file)).error == "exception"
    assert not file.exists() and rows(database) == ROWS


def test_rows_and_tables_can_be_allowed_to_change():
    database = Database(SCRIPT, allowed=CHANGE)
    assert (
        run(database, "UPDATE lamp SET price = 1 WHERE name <> 'Sol'").content == "2 rows changed"
    )
    assert run(database, "DROP TABLE lamp").error == "exception"
    database = Database(SCRIPT, allowed=DEFINE)
    assert run(database, "CREATE TABLE t(a PRIMARY KEY)").error is None
    assert run(database, "INSERT INTO t VALUES (1)").content == "1 rows changed"
    assert run(database, "INSERT INTO t VALUES (2), (1)").error == "exception"  # none of the two
    assert run(database, "SELECT * FROM t").content == "a\n1"
    assert run(database, "ALTER TABLE t RENAME TO u").error is None
    assert run(database, "CREATE INDEX i ON u(a)").error is None
    assert run(database, "DROP TABLE u").error is None


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"


@pytest.mark.parametrize(
    "statement",
    [
        ENDLESS.format("count(*)"),
        ENDLESS.format("max(i)") + " WHERE i < 0",
        ENDLESS.format("i") + " ORDER BY -i",
        ENDLESS.format("count(*)").replace("SELECT count", "SELECT randomblob(1000000), count"),
    ],
)
def test_time_is_limited(statement):
    database = Database(SCRIPT, seconds=0.3)
    before = time.monotonic()
    assert run(database, statement).content == "TimeoutError: stopped after 0.3 s"
    assert time.monotonic() - before < 10
    assert rows(database) == ROWS


def test_size_is_limited():
    database = Database("CREATE TABLE t(a)", allowed=CHANGE, seconds=60)
    assert "too big" in run(database, "SELECT length(randomblob(2000000))").content
    assert (
        run(
            database,
            "SELECT group_concat(hex(randomblob(100000))) FROM"
            " (VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9))",
        ).error
        == "exception"
    )
    grow = "INSERT INTO t SELECT zeroblob(1000000) FROM t LIMIT 16"
    assert run(database, "INSERT INTO t VALUES (zeroblob(1000000))").error is None
    for _ in range(9):
        result = run(database, grow)
    assert "full" in result.content
    assert run(database, "SELECT count(*) > 20 AS most FROM t").content == "most\n1"


def test_an_interrupted_change_is_undone():
    database = Database(SCRIPT, allowed=CHANGE, seconds=0.2)
    endless = ENDLESS.format("'x', i")
    assert "TimeoutError" in run(database, f"INSERT INTO lamp {endless}").content
    assert rows(database) == ROWS


def test_copies_are_databases_of_their_own():
    database = Database(SCRIPT, allowed=CHANGE)
    (sql,) = deepcopy(tools_of(database))
    assert sql.run({"statement": "DELETE FROM lamp"}).content == "3 rows changed"
    assert rows(database) == ROWS
    assert sql.run({"statement": "DROP TABLE lamp"}).error == "exception"
    assert rows(deepcopy(Database())) == "OperationalError: no such table: lamp"


def test_a_file_is_copied(tmp_path):
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(SCRIPT)
    connection.close()
    database = Database.of_file(file, allowed=CHANGE)
    assert rows(database) == ROWS
    run(database, "DELETE FROM lamp")
    assert rows(Database.of_file(file)) == ROWS
    with pytest.raises(BadInput, match="missing.db"):
        Database.of_file(tmp_path / "missing.db")
    (tmp_path / "no.db").write_text("no database, but a text long enough to be looked at" * 20)
    with pytest.raises(BadInput, match="no.db"):
        Database.of_file(tmp_path / "no.db")


def test_calls_of_one_turn_take_turns():
    database = Database("CREATE TABLE n(i); INSERT INTO n VALUES (0)", allowed=CHANGE)
    (sql,) = tools_of(database)

    async def go():
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(sql.call, {"statement": "UPDATE n SET i = i + 1"})

    agentgym.run(go)
    assert run(database, "SELECT i FROM n").content == "i\n20"


WORDS = """
SELECT INSERT INTO UPDATE DELETE FROM lamp name price * , ( ) ' " ; -- /* WHERE SET VALUES DROP
TABLE CREATE PRAGMA ATTACH AS WITH UNION ALL ORDER BY 1 NULL x'00' REPLACE RETURNING
"""


@settings(max_examples=200, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS.split()) | st.text(max_size=5), max_size=12))
def test_whatever_is_said_a_read_database_stays(words):
    database = Database(SCRIPT)
    run(database, " ".join(words))
    assert rows(database) == ROWS
