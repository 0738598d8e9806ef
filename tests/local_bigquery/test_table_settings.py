"""Labels, expiration, keys and the partition filter of tables: kept as sent, or refused."""

from typing import Any

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import EncryptionConfiguration, TimePartitioning
import pytest

from .process import LocalBigQuery
from .support.declarations import declared

KEY = "projects/kms/locations/us/keyRings/r/cryptoKeys/{}"


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> bigquery.Table:
    """Return a table without settings."""
    return client.create_table(declared(project, dataset))


def test_settings_are_changed_one_by_one(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: bigquery.Table
) -> None:
    """A patch changes what it names; null takes a label or the expiration away."""
    table.labels = {"made_by": "test", "größe": "1"}
    table.time_partitioning = TimePartitioning(field="seen", expiration_ms=86_400_000)
    table = client.update_table(table, ["labels", "time_partitioning"])
    assert table.to_api_repr()["timePartitioning"]["expirationMs"] == "86400000"
    table.labels = {"made_by": None, "room": "hall"}
    table = client.update_table(table, ["labels"])
    assert table.labels == {"größe": "1", "room": "hall"}
    assert table.time_partitioning.expiration_ms == 86_400_000
    partitioning = TimePartitioning(field="seen")
    partitioning.expiration_ms = None
    table.time_partitioning = partitioning
    table = client.update_table(table, ["time_partitioning"])
    assert table.time_partitioning.expiration_ms is None


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"labels": {"Room": "hall"}}, exceptions.BadRequest, "Invalid label"),
        ({"labels": {"1room": "hall"}}, exceptions.BadRequest, "Invalid label"),
        ({"labels": {"room": "a b"}}, exceptions.BadRequest, "Invalid label"),
        ({"labels": {f"k{n}": "" for n in range(65)}}, exceptions.BadRequest, "64 labels"),
        (
            {"time_partitioning": TimePartitioning(field="seen", expiration_ms=0)},
            exceptions.BadRequest,
            "must be positive",
        ),
        (
            {"time_partitioning": None, "require_partition_filter": True},
            exceptions.BadRequest,
            "partitioned tables",
        ),
        (
            {"encryption_configuration": EncryptionConfiguration("key")},
            exceptions.BadRequest,
            "Invalid Cloud KMS key name",
        ),
        (
            {"encryption_configuration": EncryptionConfiguration(KEY.replace("us", "eu"))},
            exceptions.BadRequest,
            "does not match the location",
        ),
        (
            {"encryption_configuration": EncryptionConfiguration(KEY.format("unknown"))},
            exceptions.Forbidden,
            "Cloud KMS Error: Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied",
        ),
    ],
)
def test_bad_settings_are_refused(
    client: bigquery.Client,
    project: str,
    dataset: str,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    """What BigQuery documents not to take is refused."""
    with pytest.raises(error, match=message):
        client.create_table(declared(project, dataset, **changes))


def test_keys(
    local_bigquery: LocalBigQuery,
    client: bigquery.Client,
    project: str,
    dataset: str,
    table: bigquery.Table,
) -> None:
    """A key is changed for another, and neither added to a table nor taken away."""
    one, two = KEY.format("one"), KEY.format("two")
    for key in (one, two):
        local_bigquery.add_kms_key(key)
    table.encryption_configuration = EncryptionConfiguration(one)
    with pytest.raises(exceptions.BadRequest, match=r"must be done via table\.copy job"):
        client.update_table(table, ["encryption_configuration"])
    client.delete_table(table)
    table = client.create_table(
        declared(project, dataset, encryption_configuration=EncryptionConfiguration(one))
    )
    table.encryption_configuration = EncryptionConfiguration(two)
    table = client.update_table(table, ["encryption_configuration"])
    assert table.encryption_configuration.kms_key_name == two
    table.encryption_configuration = None
    with pytest.raises(exceptions.BadRequest, match=r"must be done via table\.copy job"):
        client.update_table(table, ["encryption_configuration"])


GOOD = (
    "SELECT id FROM {t} WHERE seen >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)",
    "SELECT a.id FROM {t} AS a WHERE a.id = 'x' AND DATE(a.seen) BETWEEN '2026-01-01' AND"
    " '2026-01-02' ORDER BY 1",
    "WITH x AS (SELECT * FROM {t} WHERE seen < '2026-01-01') SELECT id FROM x -- {t}",
    "SELECT id FROM {v} WHERE seen = '2026-01-01'",
    "SELECT 'FROM {t}'",
)
BAD = (
    "SELECT id FROM {t}",
    "SELECT id FROM {t} WHERE id = 'seen'",
    "SELECT id FROM {t} WHERE seen = '2026-01-01' OR id = 'x'",
    "SELECT id FROM {t} WHERE seen > written",
    "SELECT seen > '2026-01-01' FROM {t} WHERE TRUE",
    "SELECT id FROM {v}",
    "SELECT id FROM (SELECT * FROM {t}) WHERE seen > '2026-01-01'",
    "SELECT id FROM {t} WHERE seen > '2026-01-01' UNION ALL SELECT id FROM {t}",
    "SELECT 1 FROM UNNEST([1]) JOIN {t} AS b ON TRUE",
)


def test_partition_filter(client: bigquery.Client, project: str, dataset: str) -> None:
    """A query of a table that requires a filter is refused without one; reading rows is not."""
    client.create_table(declared(project, dataset, require_partition_filter=True))
    view = bigquery.Table(f"{project}.{dataset}.v")
    view.view_query = f"SELECT * FROM `{project}.{dataset}.t`"  # noqa: S608
    client.create_table(view)
    names = {"t": f"`{project}.{dataset}.t`", "v": f"{dataset}.v"}
    dry = bigquery.QueryJobConfig(dry_run=True)
    for sql in GOOD:
        client.query(sql.format(**names), job_config=dry)
    message = rf"Cannot query over table '{project}\.{dataset}\.t' without a filter .*'seen'"
    for sql in BAD:
        with pytest.raises(exceptions.BadRequest, match=message):
            client.query(sql.format(**names), job_config=dry)
    default = bigquery.QueryJobConfig(dry_run=True, default_dataset=f"{project}.{dataset}")
    with pytest.raises(exceptions.BadRequest, match=message):
        client.query("SELECT id FROM t", job_config=default)
    assert not list(client.list_rows(f"{project}.{dataset}.t"))
