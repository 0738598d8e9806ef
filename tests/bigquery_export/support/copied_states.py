"""States that are sent to a copy by its delivery alone."""

from typing import Any

from custom_components.bigquery_export.copies.copy_destination import CopyDestination
from custom_components.bigquery_export.export.log_transaction import write_log
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Table

MOMENT = 1_790_000_000_123_456
LOG = {"export_id": "e", "source": "home", "table_name": "sensor_data", "finished": MOMENT}


def state(number: int, **changes: Any) -> dict[str, Any]:
    """Return the values of a state."""
    return {
        "entity_id": "sensor.a",
        "state": str(number),
        "last_changed": MOMENT + number,
        "last_updated": MOMENT + number,
        "source": "home",
        "state_id": number,
        "export_id": "e",
        **changes,
    }


def encoded(destination: CopyDestination, table: Table, *rows: dict[str, Any]) -> list[bytes]:
    """Return rows as the delivery takes them."""
    encoding = destination.delivery.encoding(table)
    return [encoding.row(encoding.fragment(values)) for values in rows]


def send(destination: CopyDestination, label: str, *rows: dict[str, Any]) -> list[str]:
    """Commit states with their row of the log; return why rows were rejected."""
    delivery = destination.delivery
    transaction = delivery.begin(SENSOR_DATA, label)
    rejected = transaction.append(encoded(destination, SENSOR_DATA, *rows))
    transaction.finish()
    log = write_log(delivery, LOG)
    transaction.commit()
    log.commit()
    transaction.close()
    return [one.reason for one in rejected]
