"""Compare a recorder's states with the rows of `sensor_data`: by count, by key, by value.

What a row must hold is worked out here anew, from the contract and not by the integration's code.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import batched
import json
import math
from pathlib import Path
from random import Random
import re
import sqlite3
from typing import Any
from zoneinfo import ZoneInfo

from ulid_transform import bytes_to_ulid

from .comparison import (
    EPOCH,
    Comparison,
    Difference,
    Key,
    Query,
    Values,
    compare_keys,
    micros,
    reading,
    rows_by_id,
)

IDS_PER_QUERY = 500
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
FROM_ATTRIBUTES = ("friendly_name", "unit_of_measurement", "device_class", "state_class")


def compare(
    database: Path,
    query: Query,
    table: str,
    *,
    up_to: int,
    time_zone: str,
    sample: int = 2_000,
    seed: int = 1,
) -> Comparison:
    """Compare the recorder at `database` with the BigQuery table `project.dataset.table`.

    `up_to` is the highest state_id that must have been exported.
    """
    with reading(database) as recorder:
        must = _recorder_keys(recorder, "state_id <= ?", up_to)
        may = _recorder_keys(recorder, "state_id > ?", up_to)
        chosen = _choose(recorder, up_to, sample, Random(seed))  # noqa: S311 - repeatable
        expected = dict(expected_rows(recorder, chosen, ZoneInfo(time_zone)))
    return compare_keys(
        must,
        may,
        _bigquery_keys(query, table),
        sampled=len(expected),
        differences=list(_differences(query, table, expected)),
    )


def newest_state_id(database: Path) -> int:
    """Return the highest state_id that the recorder has committed."""
    with reading(database) as recorder:
        newest: int | None = recorder.execute("SELECT max(state_id) FROM states").fetchone()[0]
        return newest or 0


def number(state: str | None) -> float | None:
    """Return a state that is a finite number, as a person writes it, as one."""
    if state is None or NUMBER.fullmatch(state) is None:
        return None
    value = float(state)
    return value if math.isfinite(value) else None


def _recorder_keys(recorder: sqlite3.Connection, where: str, up_to: int) -> Counter[Key]:
    rows = recorder.execute(
        "SELECT meta.entity_id, last_updated_ts FROM states"  # noqa: S608 - our own conditions
        f" JOIN states_meta AS meta USING (metadata_id) WHERE {where}",
        (up_to,),
    )
    return Counter((entity_id, micros(updated)) for entity_id, updated in rows)


def _bigquery_keys(query: Query, table: str) -> Counter[Key]:
    keys: Counter[Key] = Counter()
    columns = "entity_id, UNIX_MICROS(last_updated) AS updated"
    for rows in rows_by_id(query, table, "state_id", columns):
        keys.update((row["entity_id"], int(row["updated"])) for row in rows)
    return keys


def _choose(recorder: sqlite3.Connection, up_to: int, sample: int, random: Random) -> list[int]:
    """Choose rows of every entity, as many of each as there are, up to an equal share."""
    by_entity: dict[int, list[int]] = {}
    for state_id, metadata_id in recorder.execute(
        "SELECT state_id, metadata_id FROM states WHERE state_id <= ?", (up_to,)
    ):
        by_entity.setdefault(metadata_id, []).append(state_id)
    for ids in by_entity.values():
        random.shuffle(ids)
    chosen: list[int] = []
    for entities_left, ids in zip(
        range(len(by_entity), 0, -1), sorted(by_entity.values(), key=len), strict=True
    ):
        chosen += ids[: math.ceil((sample - len(chosen)) / entities_left)]
    return chosen


def expected_rows(
    recorder: sqlite3.Connection, state_ids: Iterable[int], zone: ZoneInfo
) -> Iterator[tuple[int, Values]]:
    """Yield what BigQuery must hold of each row, by state_id."""
    for ids in batched(state_ids, IDS_PER_QUERY, strict=False):
        rows = recorder.execute(
            "SELECT state_id, meta.entity_id, state, coalesce(shared_attrs, attributes),"  # noqa: S608
            " last_updated_ts, last_changed_ts, context_id_bin, context_user_id_bin,"
            " context_parent_id_bin FROM states JOIN states_meta AS meta USING (metadata_id)"
            " LEFT JOIN state_attributes USING (attributes_id)"
            f" WHERE state_id IN ({', '.join('?' * len(ids))})",
            ids,
        )
        for state_id, entity_id, state, shared, updated_ts, changed_ts, *contexts in rows:
            context, user, parent = contexts
            attributes = None if shared is None else json.loads(shared)
            updated = micros(updated_ts)
            changed = updated if changed_ts is None else micros(changed_ts)
            local = (EPOCH + timedelta(microseconds=updated)).astimezone(zone)
            yield (
                state_id,
                {
                    "entity_id": entity_id,
                    "state": state,
                    "attributes": attributes,
                    "last_changed": changed,
                    "last_updated": updated,
                    "context_id": context and bytes_to_ulid(context),
                    "context_user_id": user and user.hex(),
                    "domain": entity_id.split(".")[0],
                    "context_parent_id": parent and bytes_to_ulid(parent),
                    "state_numeric": number(state),
                    "state_changed": changed == updated,
                    "is_available": state not in (None, "unavailable", "unknown"),
                    "local_time": local.replace(tzinfo=None),
                    "state_id": state_id,
                }
                | {name: _text((attributes or {}).get(name)) for name in FROM_ATTRIBUTES},
            )


def _text(value: object) -> str | None:
    """Return an attribute as a STRING column holds it, whatever an integration made it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# How the REST API's values of each column become comparable ones; others are text already.
_PARSERS: dict[str, Callable[[Any], object]] = {
    "attributes": lambda value: json.loads(value) if isinstance(value, str) else value,
    "last_changed": int,
    "last_updated": int,
    "local_time": datetime.fromisoformat,
    "state_numeric": float,
    "state_id": int,
    "state_changed": lambda value: str(value).lower() == "true",
    "is_available": lambda value: str(value).lower() == "true",
}
_TIMES = ("last_changed", "last_updated")


def _differences(query: Query, table: str, expected: dict[int, Values]) -> Iterator[Difference]:
    """Yield the values that differ. Rows that are missing count as lost, not as different."""
    columns = list(next(iter(expected.values()), {}))
    selected = ", ".join(
        f"UNIX_MICROS({name}) AS {name}" if name in _TIMES else name for name in columns
    )
    for ids in batched(expected, IDS_PER_QUERY, strict=False):
        wanted = ", ".join(map(str, ids))
        sql = f"SELECT {selected} FROM `{table}` WHERE state_id IN ({wanted})"  # noqa: S608
        for row in query(sql):
            found = {
                name: None if row[name] is None else _PARSERS.get(name, str)(row[name])
                for name in columns
            }
            right = expected[int(row["state_id"])]
            # SQLite re-uses ids: this row may be one that the recorder has purged since.
            if (found["entity_id"], found["last_updated"]) != (
                right["entity_id"],
                right["last_updated"],
            ):
                continue
            for name in columns:
                if found[name] != right[name]:
                    key = (right["entity_id"], right["last_updated"])
                    yield Difference(key, name, right[name], found[name])
