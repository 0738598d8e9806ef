"""Rows of entities and states that are put into tables as an export would."""

from typing import Any

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.rows.entities import ENTITIES
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Table
from tests.bigquery_export.support.warehouse import Warehouse

BEGINNING = 1_790_000_000_000_000
"""Of all times in these tests, in microseconds since 1970."""


class Tables:
    """Rows that are put into tables as an export would."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Begin at the beginning."""
        self._warehouse = warehouse
        self._generation = 0

    def send(self, table: Table, *rows: dict[str, Any]) -> None:
        """Commit rows."""
        common = {"source": "home", "export_id": "e", "export_timestamp": BEGINNING}
        encoding = ProtobufEncoding(table)
        with self._warehouse.connecting() as connection:
            transaction = StorageWriteDelivery(connection).begin(table, "label")
            data = [encoding.row(encoding.fragment({**common, **row})) for row in rows]
            assert not transaction.append(data)
            transaction.finish()
            assert not transaction.commit()
            transaction.close()

    def snapshot(self, second: int, *rows: dict[str, Any]) -> None:
        """Send rows of entities, valid from a second on."""
        self._generation += 1
        common = {
            "valid_from": BEGINNING + second * 1_000_000,
            "generation": self._generation,
            "removed": False,
        }
        self.send(ENTITIES, *({**common, **row} for row in rows))

    def states(self, *seconds: int, **entities: str) -> None:
        """Send a state of each entity for each second: `who` was named `entity_id` then."""
        rows = []
        for second in seconds:
            updated = BEGINNING + second * 1_000_000
            rows += [
                {
                    "entity_id": f"sensor.{name}",
                    "state": f"{who} at {second}",
                    "last_updated": updated,
                    "last_changed": updated,
                }
                for who, name in entities.items()
            ]
        self.send(SENSOR_DATA, *rows)
