"""Attributes and event data that are not JSON: their rows arrive."""

import logging

from homeassistant.components.recorder.db_schema import EventData
from homeassistant.core import HomeAssistant
import orjson
import pytest
from sqlalchemy import Connection, update

from custom_components.bigquery_export.bigquery import DELIVERIES
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.events import EventChoice
from tests.bigquery_export.support.databases import ON_ANY_DATABASE, in_database
from tests.bigquery_export.support.exported_rows import states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, numbers, record
from tests.bigquery_export.support.warehouse import Warehouse

BROKEN = ['{"a":"\x01"}', '{"a":NaN}', '{"a":"\\ud800"}', '{"a":', "", "null", "[1]", '{"a":1e400}']


@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_states(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    delivery: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each state arrives, what can be read of its attributes too, and the log counts them once."""
    exporter.delivery = delivery
    await record(hass, 10)
    for number, text in enumerate([*BROKEN, '{"a":' * 600 + "1" + "}" * 600], start=1):
        await execute(
            hass,
            "UPDATE state_attributes SET shared_attrs = ?"
            " WHERE attributes_id = (SELECT attributes_id FROM states WHERE state_id = ?)",
            text,
            number,
        )
    result = await exporter.export(batch_rows=3)
    assert (result.rows, result.rejected, result.repaired) == ({"sensor_data": 10}, 0, 9)
    assert states_in(warehouse) == numbers(10)
    sent = {
        int(row["state_id"]): row["attributes"] for row in warehouse.rows("state_id, attributes")
    }
    read = {id_: text and orjson.loads(text) for id_, text in sent.items()}
    assert [read[id_] for id_ in range(1, 11)] == [
        {"a": "\x01"},
        {"a": None},
        {"a": "\ufffd"},
        *[None] * 4,
        {"a": None},
        None,
        {"number": 9},
    ]
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert ["9 rows" in record.getMessage() for record in warnings].count(True) == 1


@ON_ANY_DATABASE
async def test_events(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Each event arrives, whatever its data are."""
    exporter.tables = ("events",)
    exporter.choice = Choice(EventChoice(frozenset({"script_started"})))
    for number in range(3):
        hass.bus.async_fire("script_started", {"number": number})
    await record(hass, 1)

    def damage(connection: Connection) -> None:
        for number, text in ((1, '{"number":NaN}'), (2, "{")):
            recorded = EventData.shared_data == f'{{"number":{number}}}'
            connection.execute(update(EventData).where(recorded).values(shared_data=text))

    await in_database(hass, damage)
    result = await exporter.export()
    assert (result.rows, result.rejected, result.repaired) == ({"events": 3}, 0, 2)
