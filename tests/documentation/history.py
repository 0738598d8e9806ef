"""Rows as exports send them, from the little that a story says of them."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.rows.columns import Values, quarter_values
from custom_components.bigquery_export.rows.daily_statistics import DAILY_STATISTICS
from custom_components.bigquery_export.rows.devices import DEVICES
from custom_components.bigquery_export.rows.entities import ENTITIES
from custom_components.bigquery_export.rows.events import EVENTS, event_values
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.integrations import INTEGRATIONS
from custom_components.bigquery_export.rows.json_objects import json_object
from custom_components.bigquery_export.rows.recorder_runs import RECORDER_RUNS
from custom_components.bigquery_export.rows.relationships import (
    RELATIONSHIPS,
    Edge,
    Kind,
    Node,
    NodeType,
    edge_row_values,
)
from custom_components.bigquery_export.rows.sensor_data import (
    SENSOR_DATA,
    attributes_columns,
    entity_values,
    is_available,
    state_numeric,
)
from custom_components.bigquery_export.rows.statistics import HOUR, STATISTICS
from custom_components.bigquery_export.rows.table import EPOCH, Table, timestamp
from tests.bigquery_export.support.exporter import PLACE
from tests.bigquery_export.support.warehouse import Warehouse

_MICROSECOND = timedelta(microseconds=1)


def at(text: str) -> datetime:
    """Return a time by the clocks of the home: `10-28 06:00` of 2026, or a day's beginning."""
    day, _, clock = text.partition(" ")
    day = day if day.count("-") == 2 else f"2026-{day}"
    return datetime.fromisoformat(f"{day} {clock or '00:00'}").replace(tzinfo=PLACE.zone)


class History:
    """The rows of a home, table by table."""

    def __init__(self, registry_values: Mapping[str, Values]) -> None:
        """Begin without rows; `registry_values` is what the registries say of some entities."""
        self._registry_values = registry_values
        self._rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._tables: dict[str, Table] = {}

    def state(self, entity_id: str, time: str, state: object, **more: Any) -> None:
        """Record a state.

        `changed` is when it last became another one, `ambient` its context entities, `columns` has
        values of other columns, and all else are attributes. None says that the entity is gone.
        """
        changed = at(more.pop("changed", time))
        ambient = more.pop("ambient", None)
        columns = more.pop("columns", {})
        updated = at(time)
        attributes = attributes_columns([json_object(orjson.dumps(more).decode())])
        text = None if state is None else str(state)
        self._add(
            SENSOR_DATA,
            self._registry_values.get(entity_id, {}),
            entity_values(entity_id),
            {name: value for name, (value,) in attributes.items()},
            _local(updated),
            {
                "state": text,
                "state_numeric": state_numeric(text),
                "is_available": is_available(text),
                "state_changed": changed == updated,
                "last_changed": timestamp(changed),
                "last_updated": timestamp(updated),
                "ambient": ambient and orjson.dumps(ambient).decode(),
                **columns,
            },
        )

    def statistic(self, statistic_id: str, hour: str, **values: Any) -> None:
        """Record a row of long-term statistics; `exported` is when it was sent."""
        start = at(hour)
        times = {"start": timestamp(start), "end": timestamp(start) + HOUR // _MICROSECOND}
        if exported := values.pop("exported", None):
            times["export_timestamp"] = timestamp(at(exported))
        registry_values = self._registry_values.get(statistic_id, {})
        self._add(
            STATISTICS,
            registry_values,
            {"statistic_id": statistic_id},
            _local(start),
            times,
            values,
        )

    def deletion(self, statistic_id: str, begin: str, end: str, exported: str) -> None:
        """Say that what was sent of a statistic before is no longer true."""
        times = {"start": timestamp(at(begin)), "end": timestamp(at(end))}
        about = {"statistic_id": statistic_id, "deleted": True}
        self._add(STATISTICS, about, times, {"export_timestamp": timestamp(at(exported))})

    def day(self, statistic_id: str, day: str, **values: Any) -> None:
        """Record a day of statistics; `exported` is when it was sent."""
        start = at(day)
        end = (start + timedelta(days=1)).replace(hour=0)
        times = {"start": timestamp(start), "end": timestamp(end), "date": _days(start)}
        if exported := values.pop("exported", None):
            times["export_timestamp"] = timestamp(at(exported))
        registry_values = self._registry_values.get(statistic_id, {})
        self._add(DAILY_STATISTICS, registry_values, {"statistic_id": statistic_id}, times, values)

    def deleted_days(self, statistic_id: str, begin: str, end: str, exported: str) -> None:
        """Say that what was sent of days before is no longer true."""
        times = {"start": timestamp(at(begin)), "end": timestamp(at(end))}
        about = {"statistic_id": statistic_id, "deleted": True}
        self._add(DAILY_STATISTICS, about, times, {"export_timestamp": timestamp(at(exported))})

    def event(self, event_type: str, time: str, **data: Any) -> None:
        """Record an event; `columns` has values of other columns, and all else is its data."""
        columns = data.pop("columns", {})
        fired = at(time)
        said = event_values(event_type, json_object(orjson.dumps(data).decode()))
        self._add(EVENTS, said, _local(fired), {"time_fired": timestamp(fired)}, columns)

    def run(self, start: str, end: str, *, crashed: bool = False) -> None:
        """Record a run of the recorder."""
        times = {"start": timestamp(at(start)), "end": timestamp(at(end))}
        self._add(RECORDER_RUNS, times, {"closed_incorrect": crashed})

    def entity(self, entity_id: str, since: str, **registry_values: Any) -> None:
        """Say what the registries said of an entity from a time on."""
        values = {"valid_from": timestamp(at(since)), "removed": False}
        self._add(ENTITIES, values, {"entity_id": entity_id, **registry_values})

    def device(self, device_id: str, since: str, *, removed: bool = False, **values: Any) -> None:
        """Say what the registry said of a device from a time on; `removed` says that it is gone."""
        row = {"valid_from": timestamp(at(since)), "removed": removed, "device_id": device_id}
        self._add(DEVICES, row, values)

    def integration(self, entry_id: str, since: str, state: str = "loaded", **more: Any) -> None:
        """Say what an integration was from a time on; `removed` says that it is gone."""
        values = {"valid_from": timestamp(at(since)), "removed": False, "entry_id": entry_id}
        number = len(self._rows[INTEGRATIONS.name])
        self._add(INTEGRATIONS, values, {"state": state, "state_number": number}, more)

    def edge(self, sentence: str) -> None:
        """Relate two things: `sensor.a part_of device:Hub`."""
        start, kind, end = sentence.split()
        edge = Edge(_node(start), Kind(kind), _node(end))
        row = edge_row_values(edge, edge.start.id, edge.end.id)
        self._add(RELATIONSHIPS, row, {"valid_from": timestamp(at("06-01")), "removed": False})

    def transaction(self, finished: str, **values: Any) -> None:
        """Log a transaction of an export."""
        self._add(EXPORT_LOG, {"finished": timestamp(at(finished))}, values)

    def send(self, warehouse: Warehouse) -> None:
        """Commit all rows, a transaction for each table."""
        with warehouse.connecting() as connection:
            delivery = StorageWriteDelivery(connection)
            for name, rows in self._rows.items():
                encoding = ProtobufEncoding(self._tables[name])
                transaction = delivery.begin(self._tables[name], "label")
                assert not transaction.append(
                    [encoding.row(encoding.fragment(row)) for row in rows]
                )
                transaction.finish()
                assert not transaction.commit()
                transaction.close()

    def _add(self, table: Table, *values: Values) -> None:
        rows = self._rows[table.name]
        self._tables[table.name] = table
        row: dict[str, Any] = {"source": "home", "export_id": "e"}
        if table.id:
            row |= {table.id: len(rows) + 1, "export_timestamp": timestamp(at("10-30"))}
        for some in values:
            row |= some
        rows.append(row)


def _days(time: datetime) -> int:
    """Return the day of a time by the home's clock, since 1970."""
    return (time.date() - EPOCH.date()).days


def _local(time: datetime) -> Values:
    """Return the columns of local time."""
    local = time.astimezone(PLACE.zone)
    quarter = local.replace(minute=local.minute // 15 * 15, second=0, microsecond=0)
    return {
        "local_time": timestamp(local.replace(tzinfo=UTC)),
        **quarter_values(quarter, PLACE.observer),
    }


def _node(text: str) -> Node:
    """Return an end of an edge; one without a type is an entity."""
    type_, _, id_ = text.partition(":") if ":" in text else ("", "", text)
    return Node(NodeType(type_ or "entity"), id_)
