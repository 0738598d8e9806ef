"""Settings of tables: labels, expiration, the partition filter, and keys of Cloud KMS.

Sources: labels-intro ("Requirements for labels"), rest/v2/tables (TimePartitioning),
customer-managed-encryption. Expired rows are deleted by running_statements.py.
"""

import re
from typing import Any

from .errors import access_denied, invalid
from .schema import Json
from .store import Store

_LABEL_KEY = re.compile(r"[^\W\d_][\w-]{0,62}")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}")
_MOST_LABELS = 64
_KMS_KEY = re.compile(
    r"projects/[^/]+/locations/(?P<location>[^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+"
)
_KMS_LOCATIONS = {"EU": "europe", "US": "us"}
"""Multi-regions have other names in Cloud KMS."""


class KmsKeys:
    """The keys of Cloud KMS that BigQuery's own account may use."""

    def __init__(self, store: Store) -> None:
        """Read which there are."""
        self._store = store
        self._names = {name for name, _ in store.all("kms_key")}

    def add(self, name: str) -> None:
        """Let BigQuery use a key."""
        self._names.add(name)
        self._store.put("kms_key", {name: {}})

    def check(self, name: str, location: str) -> None:
        """Refuse a key that cannot protect a table in a location."""
        match = _KMS_KEY.fullmatch(name)
        if match is None:
            raise invalid(f"Invalid Cloud KMS key name: {name}")
        if match["location"] != _KMS_LOCATIONS.get(location, location):
            raise invalid(
                f"The location of the Cloud KMS key {name} does not match the location"
                f" {location} of the table."
            )
        if name not in self._names:
            raise access_denied(
                "BigQuery BigQuery: Cloud KMS Error: Permission"
                f" 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource '{name}' (or it"
                " may not exist). Please grant Cloud KMS CryptoKey Encrypter/Decrypter role to"
                " BigQuery service account: bq-1@bigquery-encryption.iam.gserviceaccount.com"
            )


def check_settings(declared: Json) -> None:
    """Check a table's labels and the settings of its partitions; raises ApiError."""
    _check_labels(declared.get("labels") or {})
    partitioning = declared.get("timePartitioning")
    if declared.get("requirePartitionFilter") and not partitioning:
        raise invalid("require_partition_filter can only be set for partitioned tables.")
    if partitioning and "expirationMs" in partitioning:
        # An int64 is text in answers (API reference, "Type and format").
        partitioning["expirationMs"] = str(_positive(partitioning["expirationMs"]))


def check_change_of_key(old: Json, new: Json) -> None:
    """Refuse to begin or to end the protection of a table by a key of its owner's.

    Source: customer-managed-encryption, "Change the Cloud KMS key for a BigQuery table".
    """
    if bool(kms_key(old)) != bool(kms_key(new)):
        raise invalid(
            "Changing from Default to Cloud KMS encryption key and back must be done via"
            " table.copy job."
        )


def kms_key(declared: Json) -> str | None:
    """Return the name of the key that a declaration has."""
    return (declared.get("encryptionConfiguration") or {}).get("kmsKeyName")


def _check_labels(labels: Json) -> None:
    if len(labels) > _MOST_LABELS:
        raise invalid(f"A resource can have {_MOST_LABELS} labels at most.")
    for key, value in labels.items():
        text = f"{key}{value}"
        good = _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value)
        if not good or text != text.lower():
            raise invalid(f'Invalid label "{key}:{value}".')


def _positive(value: Any) -> int:
    milliseconds = int(value)
    if milliseconds <= 0:
        raise invalid("The expiration of partitions must be positive.")
    return milliseconds
