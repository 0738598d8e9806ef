"""The statements that are sent to a database, and how it finds the rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from sqlalchemy import Connection, event

ANALYZE = {
    "sqlite": "SELECT * FROM {} LIMIT 1",  # It is not analyzed in a home.
    "mysql": "ANALYZE TABLE {}",
    "postgresql": "ANALYZE {}",
}


@contextmanager
def statements(hass: HomeAssistant) -> Iterator[list[tuple[str, Any]]]:
    """Collect what is sent to the recorder's database."""
    sent: list[tuple[str, Any]] = []

    def remember(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    engine = get_instance(hass).engine
    event.listen(engine, "before_cursor_execute", remember)
    yield sent
    event.remove(engine, "before_cursor_execute", remember)


def plan(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Return the steps by which a database comes to a table's rows, and whether each is bad."""

    def explain(keyword: str) -> list[Any]:
        return list(connection.exec_driver_sql(f"{keyword} {statement}", parameters).mappings())

    match connection.dialect.name:
        case "sqlite":
            return [step["detail"] for step in explain("EXPLAIN QUERY PLAN")]
        case "mysql":
            return [
                f"{step['type']} {step['key']} {step['Extra']} of {step['table']}"
                for step in explain("EXPLAIN")
            ]
    # Whether it can use an index, and not whether that is worth it for so few rows.
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [step["QUERY PLAN"] for step in explain("EXPLAIN")]


def is_slow(step: str, table: str) -> bool:
    """Return whether a step takes longer the more rows a table has, of which few are wanted."""
    return (
        step.startswith("SCAN")  # SQLite
        or "TEMP B-TREE" in step
        or step.startswith("ALL ")  # MariaDB
        or "filesort" in step
        or f"Seq Scan on {table}" in step  # PostgreSQL
        or "Sort" in step
    )
