"""Copies in a local InfluxDB."""

from dataclasses import dataclass
from typing import Any, ClassVar

from custom_components.bigquery_export.copies.influxdb.influxdb_database import InfluxdbDatabase
from custom_components.bigquery_export.copies.influxdb.influxdb_delivery import LogTransaction
from custom_components.bigquery_export.copies.influxdb.influxdb_settings import InfluxdbSettings
from custom_components.bigquery_export.copies.influxdb.point_transaction import PointTransaction
from custom_components.bigquery_export.copies.influxdb.points import Points, field_key
from custom_components.bigquery_export.export.fence import NoFence
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from tests.bigquery_export.support.warehouse import HOME
from tests.local_influxdb.server import LocalInfluxdb

_TABLES = {**TABLES, EXPORT_LOG.name: EXPORT_LOG}
_OTHER = "elsewhere"


@dataclass(frozen=True, slots=True)
class InfluxdbPlace:
    """An InfluxDB that copies go to."""

    influxdb: LocalInfluxdb
    kind: ClassVar = "influxdb"
    product: ClassVar = "InfluxDB"
    source: ClassVar = HOME
    transaction: ClassVar = PointTransaction
    log: ClassVar = (LogTransaction, "commit")
    fence: ClassVar = NoFence
    unreachable: ClassVar = {"url": "http://127.0.0.1:1"}
    elsewhere: ClassVar = {"database": _OTHER}

    def __post_init__(self) -> None:
        """Make the other database, too."""
        self.influxdb.others.add(_OTHER)

    @property
    def data(self) -> dict[str, Any]:
        """Return the data of a subentry that copies there."""
        return self.influxdb.data

    @property
    def settings(self) -> InfluxdbSettings:
        """Return these data as a destination has them."""
        return InfluxdbSettings.of(self.data)

    def open(self) -> InfluxdbDatabase:
        """Return the destination as a process that has just begun has it."""
        return InfluxdbDatabase(self.settings)

    def end_process(self) -> None:
        """Do nothing: no request is under way."""

    def refuse(self) -> None:
        """Let nobody write until a user puts that right."""
        self.influxdb.may_write = False

    def accept(self) -> None:
        """Put that right."""
        self.influxdb.may_write = True

    def rows(self, table: str = "sensor_data", order: str = "state_id") -> list[dict[str, Any]]:
        """Return all rows of a table, also NULLs; raises LookupError where there is none."""
        points = self.influxdb.rows(table)
        if not self.influxdb.storage.points:
            raise LookupError(table)
        time = Points(_TABLES[table]).time
        names = {column.name: field_key(column.name) for column in _TABLES[table].columns}
        nothing = dict.fromkeys({name for point in points for name in point})
        found = [
            {
                **nothing,
                **point,
                **{name: point.get(key) for name, key in names.items()},
                time: point["time"],
            }
            for point in points
        ]
        return sorted(found, key=lambda row: row.get(order) or 0)

    def states(self) -> list[str]:
        """Return all states in the order of the recorder's ids."""
        return states_of(self.influxdb)


def states_of(influxdb: LocalInfluxdb, prefix: str = "") -> list[str]:
    """Return the states of entities in the order of the recorder's ids."""
    rows = sorted(influxdb.rows("sensor_data"), key=lambda row: row["state_id"])
    return [row["state"] for row in rows if row["entity_id"].startswith(prefix)]
