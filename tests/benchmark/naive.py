"""An exporter as one writes it in an afternoon, with all columns that the database alone gives."""

from datetime import UTC, datetime
import json
import math
from typing import Any
from zoneinfo import ZoneInfo

from homeassistant.util.ulid import bytes_to_ulid

from custom_components.bigquery_export.rows.columns import season, time_of_day
from custom_components.bigquery_export.source.plan import PIECE_ROWS
from tests.home.home_assistant import TIME_ZONE

from .plain_reading import COLUMNS, Connect, Pages
from .stopwatch import Stopwatch

READ = "read"
BUILD = "build"
DUMP = "dump"

_ZONE = ZoneInfo(TIME_ZONE)


class NaiveExporter:
    """Makes a dictionary of each row, and JSON of each dictionary."""

    name = "naive exporter"
    piece_rows = PIECE_ROWS

    def __init__(self, connect: Connect) -> None:
        """Read from this database."""
        self._pages = Pages(connect)
        self.sent = 0

    @property
    def rows(self) -> int:
        """Return how many rows were exported."""
        return self._pages.rows

    def begin(self) -> None:
        """Begin before the first row."""
        self.sent = 0
        self._pages.open()

    def work(self, until: int, observer: Stopwatch) -> None:
        """Make lines of JSON of the rows up to an id."""
        exported = datetime.now(UTC).isoformat()
        while page := self._pages.next(until):
            observer.lap(READ)
            rows = [row_values(dict(zip(COLUMNS, row, strict=True)), exported) for row in page]
            observer.lap(BUILD)
            lines = [json.dumps(row).encode() for row in rows]
            observer.lap(DUMP)
            self.sent += sum(map(len, lines)) + len(lines)
        observer.lap(READ)

    def end(self) -> None:
        """Close the database."""
        self._pages.close()


def row_values(row: dict[str, Any], exported: str) -> dict[str, Any]:
    """Return the columns of `sensor_data` but those of the registries and of the sun."""
    attributes = json.loads(row["shared_attrs"]) if row["shared_attrs"] else {}
    updated = datetime.fromtimestamp(row["last_updated_ts"], UTC)
    changed = updated
    if row["last_changed_ts"] is not None:
        changed = datetime.fromtimestamp(row["last_changed_ts"], UTC)
    local = updated.astimezone(_ZONE)
    state, context = row["state"], row["context_id_bin"]
    user, parent = row["context_user_id_bin"], row["context_parent_id_bin"]
    return {
        "entity_id": row["entity_id"],
        "state": state,
        "attributes": attributes,
        "last_changed": changed.isoformat(),
        "last_updated": updated.isoformat(),
        "context_id": bytes_to_ulid(bytes(context)) if context else None,
        "context_user_id": bytes(user).hex() if user else None,
        "domain": row["entity_id"].split(".")[0],
        "friendly_name": attributes.get("friendly_name"),
        "unit_of_measurement": attributes.get("unit_of_measurement"),
        "export_timestamp": exported,
        "context_parent_id": bytes_to_ulid(bytes(parent)) if parent else None,
        "state_numeric": _number(state),
        "state_changed": changed == updated,
        "is_available": state not in (None, "unavailable", "unknown"),
        "device_class": attributes.get("device_class"),
        "state_class": attributes.get("state_class"),
        "local_time": local.replace(tzinfo=None).isoformat(),
        "hour_of_day": local.hour,
        "day_of_week": local.isoweekday(),
        "month": local.month,
        "is_weekend": local.isoweekday() >= 6,
        "time_of_day": time_of_day(local.hour),
        "season": season(local.month, northern=True),
        "source": "benchmark",
        "state_id": row["state_id"],
        "export_id": "benchmark",
    }


def _number(state: str | None) -> float | None:
    try:
        number = float(state or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
