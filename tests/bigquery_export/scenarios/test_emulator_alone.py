"""The happy path against bqemulator alone: code of others has seen our requests.

bqemulator asks for no credentials. The tokens come from the local BigQuery's token endpoint.
"""

from contextlib import closing
from dataclasses import replace
from uuid import uuid4

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.source.states import StatesPiece
from tests.bigquery_export.support.state_rows import encoder, row
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR


def test_happy_path(warehouse: Warehouse) -> None:
    """Dataset, table, rows and commit are taken by bqemulator as they are by our own server."""
    server = warehouse.server
    destination = replace(
        warehouse.destination,
        dataset=f"alone_{uuid4().hex[:8]}",
        api_endpoint=server.emulator_rest_url,
        storage_endpoint=server.emulator_storage_url,
    )
    states = [row(state_id=number, state=f"{number}.5") for number in range(1, 3_001)]
    attributes = {7: '{"friendly_name":"Küche","unit_of_measurement":"°C"}'}
    encoded = encoder().encode(StatesPiece(states, {1: "sensor.kitchen"}, attributes))

    with closing(Connection(warehouse.create_key(DATA_EDITOR), destination)) as connection:
        DatasetSchema(connection).ensure_dataset()
        DatasetSchema(connection).ensure_table(SENSOR_DATA)
        transaction = StorageWriteDelivery(connection).begin(SENSOR_DATA, "label")
        for start in range(0, 3_000, 1_000):
            assert transaction.append(encoded.data[start : start + 1_000]) == []
        transaction.finish()
        transaction.commit()

    options = ClientOptions(api_endpoint=server.emulator_rest_url)
    client = bigquery.Client(destination.project, AnonymousCredentials(), client_options=options)
    with closing(client):
        job = client.query(f"SELECT * FROM `{destination.table_id}` ORDER BY state_id")  # noqa: S608
        rows = list(job.result())
    assert [found["state"] for found in rows] == [f"{number}.5" for number in range(1, 3_001)]
    first = dict(rows[0])
    assert first["state_numeric"] == 1.5
    assert first["attributes"] == {"friendly_name": "Küche", "unit_of_measurement": "°C"}
    # The emulator takes it for microseconds; BigQuery's page says how it is packed.
    assert first.pop("local_time") is not None
    assert first["last_updated"].isoformat() == "2026-11-21T12:00:00.250000+00:00"
    assert first["labels"] == []
    assert first["area_id"] is None
