"""Who may do what: roles, grants and the words in which BigQuery refuses.

Source: access-control, "BigQuery predefined IAM roles".
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from .errors import ApiError, access_denied, invalid

_READ = frozenset(
    {
        "bigquery.datasets.get",
        "bigquery.tables.get",
        "bigquery.tables.getData",
        "bigquery.tables.list",
        "bigquery.tables.export",
        "bigquery.routines.get",
        "bigquery.routines.list",
    }
)

_EDIT = _READ | {
    "bigquery.datasets.create",
    "bigquery.tables.create",
    "bigquery.tables.delete",
    "bigquery.tables.getIamPolicy",
    "bigquery.tables.update",
    "bigquery.tables.updateData",
    "bigquery.routines.create",
    "bigquery.routines.delete",
    "bigquery.routines.update",
}

PERMISSIONS_OF_ROLE = {
    "roles/bigquery.dataViewer": _READ,
    "roles/bigquery.dataEditor": _EDIT,
    "roles/bigquery.dataOwner": _EDIT
    | {
        "bigquery.datasets.delete",
        "bigquery.datasets.setIamPolicy",
        "bigquery.datasets.update",
        "bigquery.tables.setCategory",
        "bigquery.tables.setIamPolicy",
    },
    "roles/bigquery.jobUser": frozenset({"bigquery.jobs.create"}),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role given on a project or, with `dataset`, on one dataset of it."""

    role: str
    project: str
    dataset: str | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Grant:
        """Read a grant from a control call, refusing what Google Cloud would not let be granted."""
        grant = cls(data["role"], data["project"], data.get("dataset"))
        if grant.role not in PERMISSIONS_OF_ROLE:
            raise invalid(f"Role {grant.role} is not supported.")
        if grant.dataset and grant.role == "roles/bigquery.jobUser":
            raise invalid(f"Role {grant.role} cannot be granted on a dataset.")
        return grant

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    def allows(self, permission: str, project: str, dataset: str | None) -> bool:
        """Say whether this grant gives the permission on the dataset or, for None, the project."""
        return (
            self.project == project
            and self.dataset in (None, dataset)
            and permission in PERMISSIONS_OF_ROLE[self.role]
        )


def is_allowed(
    grants: Iterable[Grant], permission: str, project: str, dataset: str | None = None
) -> bool:
    """Say whether any of the grants gives the permission."""
    return any(grant.allows(permission, project, dataset) for grant in grants)


def denied_on_project(permission: str, project: str) -> ApiError:
    """Return the refusal of a call that belongs to the project."""
    return access_denied(
        f"Project {project}: User does not have {permission} permission in project {project}."
    )


def denied_on_dataset(permission: str, project: str, dataset: str) -> ApiError:
    """Return the refusal that looks the same whether or not the dataset exists."""
    name = f"{project}:{dataset}"
    return access_denied(
        f"Dataset {name}: Permission {permission} denied on dataset {name} (or it may not exist)."
    )


def denied_on_table(permission: str, project: str, dataset: str, table: str) -> ApiError:
    """Return the refusal that looks the same whether or not the table exists."""
    name = f"{project}:{dataset}.{table}"
    return access_denied(
        f"Table {name}: Permission {permission} denied on table {name} (or it may not exist)."
    )
