"""Rows with all that a home may hold, and what BigQuery has to make of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
import json
from typing import Any

from custom_components.bigquery_export.export.delivery import Delivery, Rejection
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Column, ColumnType, Mode, Table

from .check import DiffersError
from .site import Site, label

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT: tuple[dict[str, Any], ...] = (
    {"labels": [], "state": None, "attributes": None},
    {"state": "", "attributes": "{}", "labels": [""], "state_numeric": 0.0, "hour_of_day": 0},
    {"state": "a\0b"},
    {"state": '"\\/\b\f\r\n\t\x1f\x7f\u2028\ufeff'},
    {"state": "Ünï \u5bdd\u5ba4 \U0001f600\U0001f468\u200d\U0001f469 e\u0301"},
    {"attributes": '{"a": [1, 2.5, null, "x\\ny", {}], "b": {"c": true, "ü": "\U0001f600"}}'},
    {"attributes": '{"nul": "a\\u0000b"}'},
    {"attributes": '"text"'},
    {"attributes": "[0.1, 1e-7, 1.7976931348623157e308, -9007199254740991]"},
    {"state_numeric": 0.1, "state_changed": False, "is_available": True},
    {"state_numeric": -1.7976931348623157e308},
    {"state_numeric": 5e-324},
    {"hour_of_day": 2**63 - 1, "day_of_week": -(2**63), "month": 2**53 + 1},
    {"labels": ["kitchen", "kitchen", "Öfen", "a,b"]},
    {"local_time": "2026-11-21 07:45:00.000001", "last_updated": 1_700_000_000_123_457},
    {"local_time": "0001-01-01 00:00:00", "last_updated": -62_135_596_800_000_000},
    {"local_time": "9999-12-31 23:59:59.999999", "last_updated": 253_402_300_799_999_999},
)


def exact_rows(site: Site, delivery: Delivery, source: str) -> str:
    """Send rows of all types and compare each value; raises DiffersError with what is wrong."""
    sent = exact_values(site, source)
    rejected = deliver(delivery, sent)
    wrong = [f"rejected: {row.reason}" for row in rejected]
    site.wait_for_ids(source, len(sent) - len(rejected))
    return all_same(sent, site.rows(source), wrong)


def exact_values(site: Site, source: str) -> list[dict[str, Any]]:
    """Return rows that have what is odd of all types."""
    return [site.values(source, id_, **more) for id_, more in enumerate(_EXACT)]


def all_same(
    sent: Sequence[Mapping[str, Any]],
    read: Iterable[Mapping[str, Any]],
    wrong: Iterable[str] = (),
    *,
    table: Table = SENSOR_DATA,
) -> str:
    """Compare rows with what Google's client has read of a table.

    Raises DiffersError with what differs, and what is `wrong` already.
    """
    found = {row["state_id"]: row for row in read}
    differences = [
        text for row in sent for text in _differences(row, found.get(row["state_id"]), table)
    ]
    if all_wrong := [*wrong, *differences]:
        raise DiffersError("; ".join(all_wrong))
    return f"{len(sent)} rows, each value as it was sent"


def deliver(
    delivery: Delivery, rows: list[dict[str, Any]], table: Table = SENSOR_DATA
) -> list[Rejection]:
    """Send rows in one transaction and return those that were rejected."""
    encoding = delivery.encoding(table)
    transaction = delivery.begin(table, label())
    try:
        rejected = transaction.append([encoding.row(encoding.fragment(row)) for row in rows])
        transaction.finish()
        while more := transaction.commit():
            rejected += more
    finally:
        transaction.close()
    return rejected


def _differences(
    sent: Mapping[str, Any], found: Mapping[str, Any] | None, table: Table
) -> list[str]:
    if found is None:
        return [f"row {sent['state_id']} is missing"]
    return [
        f"{name} of row {sent['state_id']} is {found[name]!r} instead of {wanted!r}"
        for column in table.columns
        for name in (column.name,)
        if found[name] != (wanted := _as_read(column, sent.get(name)))
    ]


def _as_read(column: Column, value: Any) -> Any:
    """Return a value as Google's client reads it."""
    if column.mode is Mode.REPEATED:
        return value or []
    if value is None:
        return None
    match column.type:
        case ColumnType.TIMESTAMP:
            return _EPOCH + timedelta(microseconds=value)
        case ColumnType.DATE:
            return (_EPOCH + timedelta(value)).date()
        case ColumnType.DATETIME:
            return datetime.fromisoformat(value)
        case ColumnType.JSON:
            return json.loads(value)
        case _:
            return value
