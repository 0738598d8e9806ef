"""Queries that users write: what a dry run says of them, and their answers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.select_query import (
    Answer,
    Column,
    Parameter,
    Plan,
    QueryInvalidError,
    QueryTooLongError,
    Resource,
    Statement,
    billed_for,
    plan_query,
    run_query,
)
from custom_components.bigquery_export.errors import (
    PermissionMissingError,
    QuotaExceededError,
)
from custom_components.bigquery_export.rows.recorder_runs import RECORDER_RUNS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR

MB = 2**20
TEN = 10 * MB
EXISTING = ["export_fence_home", "recorder_runs", "sensor_data"]


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to a warehouse with tables."""
    warehouse.create_table(tables=[SENSOR_DATA, RECORDER_RUNS])
    with warehouse.connecting() as connection:
        yield connection


def plan(connection: Connection, sql: str, *parameters: Parameter) -> Plan:
    """Return what BigQuery says of a query."""
    return plan_query(connection, Statement(sql, parameters))


def answer(
    connection: Connection, sql: str, *parameters: Parameter, rows: int = 100, job_id: str = ""
) -> Answer:
    """Return the answer to a query."""
    statement = Statement(sql, parameters)
    job_id = job_id or f"job_{uuid4().hex}"
    return run_query(connection, statement, job_id, max_bytes=TEN, max_rows=rows)


def test_a_plan(warehouse: Warehouse, connection: Connection) -> None:
    """A dry run names the statement, the tables and columns, and is billed for nothing."""
    found = plan(connection, "SELECT entity_id, COUNT(*) AS n FROM sensor_data GROUP BY entity_id")
    assert found.statement_type == "SELECT"
    assert found.tables == (Resource(warehouse.project, "home", "sensor_data"),)
    assert found.routines == ()
    assert found.columns == (Column("entity_id", "STRING"), Column("n", "INTEGER"))
    assert (found.bytes, found.billed, found.most_billed) == (0, TEN, TEN)
    assert warehouse.server.billed(warehouse.project) == 0


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("DELETE FROM sensor_data WHERE TRUE", "DELETE"),
        ("INSERT INTO sensor_data (entity_id) VALUES ('a')", "INSERT"),
        ("UPDATE sensor_data SET state = 'x' WHERE TRUE", "UPDATE"),
        ("TRUNCATE TABLE sensor_data", "TRUNCATE_TABLE"),
        ("CREATE TABLE home.x (a INT64)", "CREATE_TABLE"),
        ("CREATE OR REPLACE TABLE home.x AS SELECT 1 AS a", "CREATE_TABLE_AS_SELECT"),
        ("CREATE VIEW home.x AS SELECT 1 AS a", "CREATE_VIEW"),
        ("DROP TABLE sensor_data", "DROP_TABLE"),
        ("SELECT 1; SELECT 2", "SCRIPT"),
        ("DECLARE x INT64 DEFAULT 1; SELECT x", "SCRIPT"),
        ("-- SELECT\nDROP TABLE sensor_data;", "DROP_TABLE"),
        ("EXPORT DATA OPTIONS (uri='gs://x/*', format='CSV') AS SELECT 1", "EXPORT_DATA"),
    ],
)
def test_other_statements(
    warehouse: Warehouse, connection: Connection, sql: str, kind: str
) -> None:
    """What is no SELECT is told by its kind, and not run."""
    assert plan(connection, sql).statement_type == kind
    tables = [table.table_id for table in connection.tables.list_tables("home")]
    assert sorted(tables) == EXISTING
    assert warehouse.rows() == []


def test_what_functions_and_views_read(warehouse: Warehouse, connection: Connection) -> None:
    """A plan has the tables behind views and table functions, and the functions."""
    warehouse.make_views(SENSOR_DATA, RECORDER_RUNS)
    moment = Parameter("moment", "TIMESTAMP", datetime(2026, 11, 1, tzinfo=UTC))
    found = plan(connection, "SELECT * FROM state_at(@moment, TIMESTAMP '2026-10-01')", moment)
    assert [resource.name for resource in found.tables] == ["sensor_data"]
    assert found.routines == (Resource(warehouse.project, "home", "state_at"),)
    found = plan(connection, "SELECT * FROM completeness")
    assert [resource.name for resource in found.tables] == ["recorder_runs"]


def test_values(connection: Connection) -> None:
    """Values of each type come as JSON has them, and go as parameters."""
    time = datetime(2026, 11, 1, 12, 30, 15, 250_000, tzinfo=UTC)
    found = answer(
        connection,
        """
        SELECT @flag AS flag, @count AS n, @share AS share, @name AS name, @time AS time,
          @day AS day, @names AS names, NUMERIC '1.5' AS price, NULL AS nothing,
          JSON '{"a": [1, "x"]}' AS data, STRUCT(1 AS a, 'x' AS b) AS pair, b'ab' AS raw
        """,
        Parameter("flag", "BOOL", True),
        Parameter("count", "INT64", 7),
        Parameter("share", "FLOAT64", 0.25),
        Parameter("name", "STRING", "x' OR 'a' = 'a"),
        Parameter("time", "TIMESTAMP", time),
        Parameter("day", "DATE", date(2026, 11, 1)),
        Parameter("names", "STRING", ["a", "b"]),
    )
    expected: dict[str, Any] = {
        **{"flag": True, "n": 7, "share": 0.25, "name": "x' OR 'a' = 'a"},
        **{"time": time.isoformat(), "day": "2026-11-01", "names": ["a", "b"], "price": 1.5},
        **{"nothing": None, "data": {"a": [1, "x"]}, "pair": {"a": 1, "b": "x"}, "raw": "6162"},
    }
    assert found.rows == [expected]
    assert Column("names", "STRING", repeated=True) in found.columns
    assert not found.is_truncated


def test_more_rows_than_wanted(connection: Connection) -> None:
    """Of a long answer the first rows come, and it is told that there are more."""
    sql = "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 50)) AS x ORDER BY x"
    some = answer(connection, sql, rows=10)
    assert [row["x"] for row in some.rows] == list(range(1, 11))
    assert some.is_truncated
    assert not answer(connection, sql, rows=50).is_truncated


@pytest.mark.parametrize("sql", ["SELEKT 1", "SELECT nothing FROM sensor_data", "SELECT * FROM x"])
def test_invalid_queries(connection: Connection, sql: str) -> None:
    """BigQuery's words about a query are those of the error, in a dry run and in a job."""
    for ask in (plan, answer):
        with pytest.raises(QueryInvalidError) as raised:
            ask(connection, sql)
        assert raised.value.message


def test_errors_of_a_job(warehouse: Warehouse, connection: Connection) -> None:
    """A query that fails while it runs is an error with BigQuery's words, and is not billed."""
    with pytest.raises(QueryInvalidError, match="broken"):
        answer(connection, "SELECT ERROR('broken')")
    assert warehouse.server.billed(warehouse.project) == 0


def test_a_job_is_billed_once(warehouse: Warehouse, connection: Connection) -> None:
    """A job whose answer was lost is not run again: its id is used once."""
    statement = Statement("SELECT COUNT(*) AS n FROM sensor_data")
    for _ in range(2):
        found = run_query(connection, statement, "job_1", max_bytes=TEN, max_rows=1)
        assert (found.rows, found.bytes_billed) == ([{"n": 0}], TEN)
    assert warehouse.server.billed(warehouse.project) == TEN
    assert billed_for(connection, "job_1", 2 * TEN, late=False) == TEN
    assert billed_for(connection, "job_2", 2 * TEN, late=False) is None
    assert billed_for(connection, "job_2", 2 * TEN, late=True) == 0


def test_the_cap_holds(warehouse: Warehouse, connection: Connection) -> None:
    """BigQuery runs no job that would be billed for more."""
    statement = Statement("SELECT COUNT(*) AS n FROM sensor_data")
    with pytest.raises(QuotaExceededError):
        run_query(connection, statement, "job_1", max_bytes=TEN - 1, max_rows=1)
    assert warehouse.server.billed(warehouse.project) == 0
    assert billed_for(connection, "job_1", TEN, late=False) == 0


@pytest.mark.parametrize(("said", "billed"), [(None, 2 * TEN), (0, 0), (MB, MB)])
def test_a_job_that_was_stopped(
    warehouse: Warehouse, connection: Connection, said: int | None, billed: int
) -> None:
    """A job that took too long was billed for what it says, or else for what was booked."""
    for method in ("jobs.insert", "jobs.get"):
        warehouse.server.add_fault(method, "stopped", billed=said)
    with pytest.raises(QueryTooLongError, match="timed out after 60 sec"):
        answer(connection, "SELECT COUNT(*) AS n FROM sensor_data", job_id="job_1")
    assert billed_for(connection, "job_1", 2 * TEN, late=False) == billed


def test_without_job_user(warehouse: Warehouse) -> None:
    """A key that may run no jobs is told which role it lacks."""
    warehouse.create_table(tables=[SENSOR_DATA])
    with warehouse.connect(DATA_EDITOR) as connection, pytest.raises(PermissionMissingError) as err:
        plan(connection, "SELECT 1")
    assert err.value.placeholders["role"] == "BigQuery Job User on the project"


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT * FROM EXTERNAL_QUERY('connection', 'SELECT 1')", "EXTERNAL_QUERY"),
        ("SELECT * FROM ML.PREDICT(MODEL m, TABLE t)", "ML"),
        ("SELECT `ai`.generate('x')", "ai"),
        ("SELECT AI /* */ . GENERATE('x')", "AI"),
        ("SELECT * FROM home.INFORMATION_SCHEMA.TABLES", "INFORMATION_SCHEMA"),
        ("SELECT * FROM `region-eu.INFORMATION_SCHEMA.JOBS`", "INFORMATION_SCHEMA"),
        (r"SELECT * FROM `region-eu.\x49NFORMATION_SCHEMA.JOBS`", "INFORMATION_SCHEMA"),
        (
            r"SELECT * FROM `region-eu\X2eINFORMATION\137\u0053CHEM\U00000061.JOBS`",
            "INFORMATION_SCHEMa",
        ),
        (r"SELECT r'\\', `\115\x4c`.f()", "ML"),
        ("SELECT 1 /* \\*/ -- \\\nFROM `\\x41I`.f()", "AI"),
        ("SELECT html, main, ml_score FROM sensor_data", None),
        (
            r"SELECT `t`.x FROM `t` WHERE REGEXP_CONTAINS(x, r'\d\\x41I') AND y = '\U0010ffff\n'",
            None,
        ),
    ],
)
def test_words_that_are_not_told(sql: str, word: str | None) -> None:
    """Words of what a dry run does not tell are found, wherever they stand."""
    assert Statement(sql).untold == word
