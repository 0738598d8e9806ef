"""From a bearer token to a caller, and from a caller to what it may do with what exists."""

from collections.abc import Sequence
from dataclasses import dataclass
import time

import grpc

from .accounts import SCOPES_FOR_EVERYTHING, Accounts
from .catalog import Catalog
from .errors import (
    ApiError,
    StorageApiError,
    StorageErrorCode,
    not_found,
    unauthenticated,
)
from .names import TableName
from .permissions import (
    Grant,
    denied_on_dataset,
    denied_on_project,
    denied_on_table,
    is_allowed,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call. Every check raises ApiError or StorageApiError, permission first.

    So a dataset that is missing and one that is refused look the same to a caller whose grants
    are on datasets only. Source: rest/v2/datasets/get and the messages of error-messages.
    """

    email: str
    grants: Sequence[Grant]
    catalog: Catalog
    expires: float
    """When the access token does, in seconds since 1970."""

    def may(self, permission: str, project: str, dataset: str | None = None) -> bool:
        """Say whether a permission is given; a grant on a dataset ends with the dataset."""
        if is_allowed(self.grants, permission, project):
            return True
        if dataset is None or self.catalog.dataset(project, dataset) is None:
            return False
        return is_allowed(self.grants, permission, project, dataset)

    def check_project(self, permission: str, project: str) -> None:
        """Refuse an unknown project and a missing permission on it."""
        if not self.catalog.has_project(project):
            raise not_found(f"Project {project}")
        if not self.may(permission, project):
            raise denied_on_project(permission, project)

    def check_dataset(self, permission: str, project: str, dataset: str) -> None:
        """Refuse an unknown project and a missing permission on one of its datasets."""
        if not self.catalog.has_project(project):
            raise not_found(f"Project {project}")
        if not self.may(permission, project, dataset):
            raise denied_on_dataset(permission, project, dataset)

    def check_table(self, permission: str, name: TableName) -> None:
        """Refuse an unknown project and a missing permission on one of its tables."""
        if not self.catalog.has_project(name.project):
            raise not_found(f"Project {name.project}")
        if not self.may(permission, name.project, name.dataset):
            raise denied_on_table(permission, name.project, name.dataset, name.table)

    def check_token(self) -> None:
        """Refuse to go on with a call that has outlasted its access token.

        Whether BigQuery looks again during an AppendRows call is not documented; it may.
        """
        if self.expires <= time.time():
            raise StorageApiError(
                grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials."
            )

    def check_write(self, name: TableName) -> None:
        """Refuse a Storage Write API call without bigquery.tables.updateData, or without a table.

        Source: write-api-grpc, "Required permissions".
        """
        if not self.may("bigquery.tables.updateData", name.project, name.dataset):
            raise StorageApiError(
                grpc.StatusCode.PERMISSION_DENIED,
                f"Permission 'TABLES_UPDATE_DATA' denied on resource '{name.path}'"
                " (or it may not exist).",
            )
        table = self.catalog.table(name)
        if table is None or table["type"] != "TABLE":
            raise StorageApiError(
                grpc.StatusCode.NOT_FOUND,
                f"Not found: table '{name.path}'",
                StorageErrorCode.TABLE_NOT_FOUND,
                name.path,
            )


class Access:
    """Finds the caller of a call."""

    def __init__(self, accounts: Accounts, catalog: Catalog) -> None:
        """Look accounts up here and resources there."""
        self._accounts = accounts
        self._catalog = catalog

    def caller(
        self, authorization: str | None, scopes: frozenset[str] = SCOPES_FOR_EVERYTHING
    ) -> Caller:
        """Return who sent an Authorization header; raises ApiError (401, or 403 for its scopes)."""
        kind, _, value = (authorization or "").partition(" ")
        token = self._accounts.token(value.strip()) if kind.lower() == "bearer" else None
        account = self._accounts.get(token.email) if token else None
        if token is None or account is None:
            raise unauthenticated()
        if not token.scopes & scopes:
            raise ApiError(
                403,
                "insufficientPermissions",
                "Request had insufficient authentication scopes.",
            )
        return Caller(account.email, tuple(account.grants), self._catalog, token.expires)
