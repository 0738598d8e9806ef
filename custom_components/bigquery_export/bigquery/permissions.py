"""Permissions of a service account on a table that no other check covers."""

from google.api_core.exceptions import ClientError
from google.cloud.bigquery.retry import DEFAULT_RETRY

from ..errors import PermissionMissingError
from ..rows.table import Table
from .connection import Connection

NEEDED = (
    "bigquery.tables.get",
    "bigquery.tables.getData",
    "bigquery.tables.update",
    "bigquery.tables.updateData",
)
"""Permissions that every export needs, or that later versions will (docs/architecture.md)."""
NEEDLESS = ("bigquery.tables.setIamPolicy",)
"""Permissions that owners and administrators have, and a BigQuery Data Editor does not."""
_PROVEN = "bigquery.tables.get"
_TIMEOUT = 30.0
_RETRY = DEFAULT_RETRY.with_timeout(10.0)


def check_permissions(connection: Connection, table: Table) -> tuple[str, ...]:
    """Return permissions of the account on a table that exports do not need; this blocks.

    Raises PermissionMissingError when it lacks one that they need. The call needs no permission
    itself (API reference, "tables.testIamPermissions"). An answer that is refused, or does not have
    what the account has just used, is ignored: then there are no needless permissions.
    """
    reference = connection.destination.table_reference(table)
    with connection.errors():
        try:
            answer = connection.tables.test_iam_permissions(
                reference, [*NEEDED, *NEEDLESS], retry=_RETRY, timeout=_TIMEOUT
            )
        except ClientError:
            return ()
    held = answer.get("permissions", [])
    if _PROVEN not in held:
        return ()
    for permission in NEEDED:
        if permission not in held:
            raise PermissionMissingError(permission=permission, resource=f"table {reference}")
    return tuple(permission for permission in NEEDLESS if permission in held)
