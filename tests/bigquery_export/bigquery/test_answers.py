"""What a proxy, a filter or a login page may answer in place of the BigQuery API: over the wire."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.permissions import check_permissions
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.bigquery.streaming_buffer import StreamingBuffers
from custom_components.bigquery_export.errors import InterceptedError, TransientError
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.http2_proxy import answering_pages
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR

PAGE = "<!doctype html><title>\n  Blocked  by\nthe filter</title>"
ANSWERS: list[dict[str, Any]] = [
    *[{"status": status, "content": PAGE} for status in (200, 201, 400, 403, 404, 407, 409, 502)],
    *[{"status": status} for status in (200, 403, 404, 409)],
    *[
        {"status": status, "content": content, "content_type": "application/json"}
        for status in (200, 404, 409)
        for content in ("[]", "7", "null", "{", '{"error": "blocked"}', '{"status": "login"}')
    ],
    *[{"status": status, "location": "https://192.0.2.1/login"} for status in (301, 302, 307)],
    {"status": 308, "location": "http://[::1"},
]


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to an empty table."""
    warehouse.create_table()
    with warehouse.connecting() as connection:
        yield connection
    warehouse.server.clear_faults()


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_other_answers(
    warehouse: Warehouse, connection: Connection, answer: dict[str, Any]
) -> None:
    """It is no table that is gone and no role that is missing, and may pass by itself."""
    warehouse.server.add_fault("tables.get", "foreign", times=None, **answer)
    with pytest.raises(InterceptedError) as raised:
        DatasetSchema(connection).ensure_table(SENSOR_DATA)
    assert raised.value.endpoint == warehouse.server.rest_url
    began = f"HTTP {answer['status']} ", "a redirect to no address"
    assert raised.value.message.startswith(began)
    if answer.get("content") == PAGE:
        assert raised.value.message.endswith(", Blocked by the filter")
    if "192" in answer.get("location", ""):
        assert raised.value.message.endswith(", to 192.0.2.1")


@pytest.mark.parametrize("method", ["tables.get", "tables.insert", "datasets.get"])
def test_passing_page(warehouse: Warehouse, connection: Connection, method: str) -> None:
    """One page is ridden out, as one of Google's own errors is."""
    warehouse.server.query("DROP TABLE home.sensor_data", warehouse.project)
    warehouse.server.add_fault(method, "foreign", status=404, content=PAGE)
    dataset = DatasetSchema(connection)
    dataset.ensure_dataset()
    dataset.ensure_tables([SENSOR_DATA])
    assert warehouse.rows() == []


@pytest.mark.parametrize("status", [200, 201, 403, 502])
def test_uploads(warehouse: Warehouse, connection: Connection, status: int) -> None:
    """A page in place of an upload's answers is one, too."""
    warehouse.server.add_fault("jobs.upload", "foreign", times=None, status=status, content=PAGE)
    delivery = LoadJobDelivery(connection)
    transaction, encoding = delivery.begin(SENSOR_DATA, "label"), delivery.encoding(SENSOR_DATA)
    transaction.append([encoding.row(encoding.fragment({"state_id": 1}))])
    transaction.finish()
    with pytest.raises(InterceptedError):
        transaction.commit()
    transaction.close()


def test_other_calls(warehouse: Warehouse, connection: Connection) -> None:
    """Answers without a kind, and those that only a part is asked of, are Google's."""
    assert check_permissions(connection, SENSOR_DATA) == ()
    assert list(connection.tables.list_routines("home")) == []
    DatasetViews(connection).ensure([EXPORT_LOG])
    assert StreamingBuffers(connection).of(SENSOR_DATA).oldest is None
    query = "SELECT 1 AS one FROM UNNEST(GENERATE_ARRAY(1, 5))"
    rows = connection.tables.query(query).result(page_size=2)
    assert [row.one for row in rows] == [1] * 5


@pytest.mark.parametrize("method", ["tables.list", "routines.list"])
@pytest.mark.parametrize("content", [PAGE, "[]", '{"status": "login"}'])
def test_foreign_lists(
    warehouse: Warehouse, connection: Connection, method: str, content: str
) -> None:
    """What is no list of tables, or of routines, is not taken for an empty one."""
    warehouse.server.add_fault(method, "foreign", times=None, content=content)
    with pytest.raises(InterceptedError):
        DatasetViews(connection).ensure([])


@pytest.mark.parametrize("content", [PAGE, "", "[]", "{", '{"status": "login"}'])
def test_foreign_answer_to_a_part(
    warehouse: Warehouse, connection: Connection, content: str
) -> None:
    """What was not asked for is not Google's."""
    warehouse.server.add_fault("tables.get", "foreign", times=None, content=content)
    with pytest.raises(InterceptedError):
        StreamingBuffers(connection).of(SENSOR_DATA)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 407, 429, 502, 511])
def test_pages_for_the_storage_api(
    warehouse: Warehouse, connection: Connection, status: int
) -> None:
    """What a proxy answers in place of the Storage Write API is no missing role or table."""
    key = warehouse.create_key(DATA_EDITOR)
    with answering_pages(status) as endpoint:
        destination = replace(warehouse.destination, storage_endpoint=endpoint)
        with Connection.open(key, destination) as elsewhere:
            delivery = StorageWriteDelivery(elsewhere)
            with pytest.raises(TransientError) as raised:
                delivery.check_access(SENSOR_DATA)
    assert type(raised.value) is InterceptedError
    assert raised.value.placeholders == {
        "endpoint": endpoint,
        "message": f"Received http2 header with status: {status}",
    }


@pytest.mark.parametrize("version", [1, 2])
def test_pages_with_status_200(warehouse: Warehouse, connection: Connection, version: int) -> None:
    """Neither is a page that says all is well, of a server of HTTP/1.1 or HTTP/2."""
    with answering_pages(200) as http2:
        endpoint = http2 if version == 2 else warehouse.server.rest_url
        destination = replace(warehouse.destination, storage_endpoint=endpoint)
        with Connection.open(warehouse.create_key(DATA_EDITOR), destination) as elsewhere:
            delivery = StorageWriteDelivery(elsewhere)
            with pytest.raises(InterceptedError):
                delivery.check_access(SENSOR_DATA)
